"""The DAG files: every good pipeline becomes a DAG, a bad one an import error, and a worker reads only its own."""

import runpy
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, get_parsing_context

from gennaker import check
from operators.stage import ARTIFACT
from tests.gennaker.builders import HEAD, ROOT, a_library, problems, stages

FINE = stages("- deploy: {environment: test}")
BROKEN = FINE.replace("demo", "broken").replace("deploy", "depoy")
FILES = ("load_pipelines.py", "check_pipelines.py", "converge.py", ".airflowignore")


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A DAG folder of two pipelines that are fine and one that is not, with our own DAG files."""
    texts = {"demo": FINE, "other": FINE.replace("demo", "other"), "broken": BROKEN}
    a_library(tmp_path, {f"pipelines/{name}.yaml": text for name, text in texts.items()})
    for name in FILES:
        shutil.copy(ROOT / "dags" / name, tmp_path)
    return tmp_path


def loaded(dags: Path) -> Any:
    """What Airflow makes of a DAG folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's server warns of its own imports and dependencies
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(dag_folder=str(dags), bundle_path=dags, bundle_name="dags-folder")


def compiled(dags: Path) -> set[str]:
    """The DAGs that loading the pipelines gives, in this process."""
    found = runpy.run_path(str(dags / "load_pipelines.py")).values()
    return {value.dag_id for value in found if isinstance(value, DAG)}


_opened: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(Path(str(arguments[0])).name)


sys.addaudithook(_watch)


@contextmanager
def opened() -> Iterator[list[str]]:
    """Names of the files that are opened meanwhile."""
    global _opened
    _opened = names = []
    try:
        yield names
    finally:
        _opened = None


def a_worker_for(dag_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process look like a worker that runs a task of one DAG."""
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "deploy")
    assert get_parsing_context().dag_id == dag_id


def test_a_broken_pipeline_is_an_import_error_with_its_place_while_the_others_load(dags: Path) -> None:
    bag = loaded(dags)
    assert set(bag.dags) == {"demo", "other", "converge"}
    (error,) = bag.import_errors.values()
    assert f"{dags}/pipelines/broken.yaml:6:3: unknown stage type 'depoy'; did you mean 'deploy'?" in error
    assert list(bag.import_errors) == ["check_pipelines.py"]
    assert "Traceback" not in error


def test_every_broken_pipeline_is_told_on_a_line_of_its_own(dags: Path) -> None:
    (dags / "pipelines/worse.yaml").write_text("\t", encoding="utf-8")
    (error,) = loaded(dags).import_errors.values()
    assert [line.rpartition("/")[2].partition(":")[0] for line in error.splitlines()] == ["broken.yaml", "worse.yaml"]


def test_without_errors_there_is_no_import_error(dags: Path) -> None:
    (dags / "pipelines/broken.yaml").unlink()
    assert not loaded(dags).import_errors


def test_a_worker_reads_and_compiles_only_its_own_pipeline(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as names:
        assert compiled(dags) == {"demo", "other"}
    assert {"demo.yaml", "other.yaml", "broken.yaml"} <= set(names)
    a_worker_for("demo", monkeypatch)
    with opened() as names:
        assert compiled(dags) == {"demo"}
    assert "demo.yaml" in names
    assert not {"other.yaml", "broken.yaml"} & set(names)


def test_a_worker_for_another_dag_compiles_no_pipeline(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker_for("converge", monkeypatch)
    assert compiled(dags) == set()


def test_a_worker_does_not_check_what_it_does_not_run(dags: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker_for("demo", monkeypatch)
    with opened() as names:
        found = runpy.run_path(str(dags / "check_pipelines.py"))
    assert "broken" not in found
    assert not {"demo.yaml", "other.yaml", "broken.yaml"} & set(names)


@pytest.mark.parametrize("name", ["converge", "pipelines-with-errors"])
def test_a_pipeline_cannot_take_the_name_of_our_own_dags(dags: Path, name: str) -> None:
    (dags / f"pipelines/{name}.yaml").write_text(FINE.replace("demo", name), encoding="utf-8")
    bag = loaded(dags)
    assert f"pipelines/{name}.yaml:1:11: pipeline: expected another name" in bag.import_errors["check_pipelines.py"]
    assert bag.dags["converge"].fileloc == str(dags / "converge.py")


def test_converge_runs_every_minute_one_at_a_time_and_is_never_paused_at_first(dags: Path) -> None:
    dag = loaded(dags).dags["converge"]
    assert (dag.schedule.delta.total_seconds(), dag.max_active_runs, dag.catchup) == (60, 1, False)
    assert dag.is_paused_upon_creation is False


@pytest.mark.parametrize("trigger", ["git: {repo: a/b}", "webhook: {source: ci}", 'schedule: {cron: "0 1 * * *"}'])
def test_a_parameter_that_nobody_is_asked_for_does_not_take_the_other_pipelines_down(dags: Path, trigger: str) -> None:
    head = f"triggers:\n  - {trigger}\nparameters: {{size: {{type: integer}}}}\nstages:"
    (dags / "pipelines/broken.yaml").write_text(
        FINE.replace("demo", "broken").replace("stages:", head), encoding="utf-8"
    )
    bag = loaded(dags)
    assert set(bag.dags) == {"demo", "other", "converge"}
    assert "size of parameters: expected a default" in bag.import_errors["check_pipelines.py"]


def test_a_parameter_cannot_stand_for_an_artifact(tmp_path: Path) -> None:
    text = f"{HEAD}parameters: {{artifact_demo: {{default: x}}}}\nstages: [bake-image]\n"
    assert problems(tmp_path, text) == [
        "4:29: artifact_demo of parameters: expected another name, as artifact_NAME says where an artifact is"
    ]
    assert check.ARTIFACT == ARTIFACT
