"""Notebooks have the form that keeps them readable, and run from a clean kernel on recorded canaries."""

import ast
import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.config import CanaryConfig
from canary.learning.world import World
from operators.learning.simulated import simulate_history
from operators.records import Records
from tests.notebooks.running import Cell, cells_of, execute, outputs_of

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Parameters with which a notebook runs in seconds.
SMALL: Mapping[str, Mapping[str, object]] = {
    "01_read_a_canary": {"source": str(DATA / "slower.jsonl")},
    "02_replay_and_retune": {"folder": str(DATA / "retuning")},
    "03_power_and_false_alarms": {"trials": 8, "rates": [40.0, 160.0], "harms": [3.0], "slower": [1.25]},
    "05_risk": {"folder": str(DATA / "risk")},
}


def a_simulated_history(folder: Path) -> None:
    """Records of simulated releases in a state folder."""
    world = World(services=3, days=20, seed=1, begin=datetime(2026, 3, 2, tzinfo=UTC))
    with closing(Records.open(f"sqlite:///{folder / 'records.db'}")) as records:
        simulate_history(records, world, CanaryConfig(interval=timedelta(minutes=1)))


#: What a notebook finds in its state folder.
STATE: Mapping[str, Callable[[Path], None]] = {"04_pipeline_health": a_simulated_history}

of_every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def source_of(cell: Cell) -> str:
    """The Python of a cell, without the lines that only IPython reads."""
    return re.sub(r"^%.*$", "", "".join(cell["source"]), flags=re.MULTILINE)


@of_every_notebook
def test_its_outputs_are_not_committed(notebook: Path) -> None:
    assert outputs_of(cells_of(notebook)) == []
    assert {cell["execution_count"] for cell in cells_of(notebook)} == {None}


@of_every_notebook
def test_it_has_no_logic_of_its_own(notebook: Path) -> None:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    nodes = [node for cell in cells_of(notebook) for node in ast.walk(ast.parse(source_of(cell)))]
    assert nodes
    assert [ast.unparse(node) for node in nodes if isinstance(node, defined)] == []


@of_every_notebook
def test_its_first_code_is_its_parameters_each_a_plain_value(notebook: Path) -> None:
    first, *others = cells_of(notebook)
    assert "parameters" in first["metadata"]["tags"]
    assert not any("parameters" in cell["metadata"].get("tags", ()) for cell in others)
    for line in ast.parse(source_of(first)).body:
        assert isinstance(line, ast.Assign)
        ast.literal_eval(line.value)


@of_every_notebook
def test_it_begins_with_its_title_and_tells_papermill_its_language(notebook: Path) -> None:
    text = json.loads(notebook.read_text())
    assert "".join(text["cells"][0]["source"]).startswith("# ")
    assert text["metadata"]["kernelspec"]["language"] == "python"
    assert re.fullmatch(r"\d\d_[a-z_]+", notebook.stem)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.notebooks
@pytest.mark.timeout(900)
@of_every_notebook
def test_it_runs_in_a_clean_kernel(notebook: Path, notebooks_python: Path, tmp_path: Path) -> None:
    STATE.get(notebook.stem, Path.exists)(tmp_path)
    outputs = outputs_of(execute(notebooks_python, notebook, tmp_path, **SMALL.get(notebook.stem, {})))
    shown = [output["data"] for output in outputs if "data" in output]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert any("image/svg+xml" in data for data in shown)
    assert any("text/html" in data for data in shown)
    named = [data for data in shown if "".join(data.get("text/plain", "")).startswith("<Figure")]
    assert [data for data in named if "image/svg+xml" not in data] == [], "a figure is named and not shown"
