"""Run notebook: a real notebook in a real kernel, kept whatever becomes of it, and no kernel left."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import psutil
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from operators.run_notebook import RunNotebook
from tests.fakes.context import a_context
from tests.fakes.release import PIPELINE

pytestmark = pytest.mark.timeout(120)

METADATA: Mapping[str, object] = {"kernelspec": {"display_name": "Other", "language": "python", "name": "not_here"}}


def a_notebook(folder: Path, *sources: str) -> Path:
    """A notebook whose first cell is that of its parameters."""
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": ["parameters"]} if number == 0 else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    path = folder / "sums.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}))
    return path


def kernels() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if "ipykernel_launcher" in p.cmdline()]


def printed(path: str) -> str:
    cells = json.loads(Path(path).read_text())["cells"]
    return "".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))


def test_a_notebook_runs_with_the_parameters_in_this_very_python_and_is_kept(home: Path) -> None:
    notebook = a_notebook(home, "one = 1", "import sys\nprint(one + 1, sys.executable, '<b>')")
    before = dict(os.environ)
    task = RunNotebook(task_id="sums", notebook=str(notebook), parameters={"one": 41})
    paths = task.execute(a_context("manual__2026-01-01T00:00:00+00:00"))

    assert printed(paths["notebook"]) == f"42 {sys.executable} <b>\n"
    page = Path(paths["html"]).read_text()
    assert "42" in page
    assert "&lt;b&gt;" in page
    assert [word for word in ("<script", "http:", "https:", "<link") if word in page] == []
    folder = home / "notebooks" / PIPELINE / "manual__2026-01-01T00_00_00+00_00"
    assert sorted(path.name for path in folder.iterdir()) == ["sums.html", "sums.ipynb"]
    assert kernels() == []
    assert dict(os.environ) == before


def test_a_failing_cell_is_named_and_the_notebook_is_kept(home: Path) -> None:
    notebook = a_notebook(home, "one = 1", "print('so far')", "one / 0", "print('never')")
    with pytest.raises(AirflowException, match=r"sums\.ipynb: cell \[3\] failed: ZeroDivisionError: division by zero"):
        RunNotebook(task_id="sums", notebook=str(notebook)).execute(a_context())
    kept = home / "notebooks" / PIPELINE / "1"
    assert printed(str(kept / "sums.ipynb")) == "so far\n"
    assert "ZeroDivisionError" in (kept / "sums.html").read_text()
    assert kernels() == []


def test_a_task_that_is_killed_ends_its_kernel_and_what_that_started(home: Path) -> None:
    started = home / "started.fifo"
    os.mkfifo(started)
    cell = "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
    cell += f"open({str(started)!r}, 'w').write(str(child.pid))"
    task = RunNotebook(task_id="sums", notebook=str(a_notebook(home, "one = 1", f"{cell}\nchild.wait()")))

    children: list[psutil.Process] = []

    def kill_when_started() -> None:
        children.append(psutil.Process(int(started.read_text())))
        task.on_kill()

    killer = Thread(target=kill_when_started, daemon=True)
    killer.start()
    with pytest.raises(AirflowException, match=r"sums\.ipynb: the kernel ended before the notebook"):
        task.execute(a_context())
    killer.join()
    assert kernels() == []
    (child,) = children
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_notebook_that_is_not_there_fails_the_task_for_good(home: Path) -> None:
    with pytest.raises(AirflowFailException, match=r"nowhere\.ipynb: there is no such notebook"):
        RunNotebook(task_id="sums", notebook=str(home / "nowhere.ipynb")).execute(a_context())


def test_the_parameters_are_a_template() -> None:
    assert "parameters" in RunNotebook.template_fields
