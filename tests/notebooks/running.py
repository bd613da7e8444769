"""Notebooks as papermill runs them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Cell = Mapping[str, Any]


def cells_of(notebook: Path) -> list[Cell]:
    """The cells with code."""
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def outputs_of(cells: list[Cell]) -> list[dict[str, Any]]:
    return [output for cell in cells for output in cell["outputs"]]


def printed_by(cells: list[Cell], name: str) -> str:
    """What the cell of that id printed."""
    cell = next(cell for cell in cells if cell["id"] == name)
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def execute(python: Path, notebook: Path, folder: Path, /, **parameters: object) -> list[Cell]:
    """The cells after papermill has run them in a kernel that knows nothing of its user's settings.

    Args:
        python: that of the notebooks' environment.
        notebook: what to run; its kernel works in its folder.
        folder: where the executed notebook goes; also the state folder.
        parameters: what to lay over the parameters of the notebook.
    """
    done = folder / notebook.name
    own = {name: str(folder / name) for name in ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")}
    options: list[str | Path] = ["--no-progress-bar", "--cwd", notebook.parent, "-y", json.dumps(parameters)]
    run = subprocess.run(
        [python, "-m", "papermill", *options, notebook, done],
        env={**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1", "GENNAKER_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return cells_of(done)
