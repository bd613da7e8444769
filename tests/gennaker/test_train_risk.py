"""The DAG that learns the risk of releases."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from operators.learning.risk import RiskPolicy
from tests.gennaker.builders import ROOT


@pytest.fixture
def dag(tmp_path: Path) -> Any:
    """What Airflow makes of the file."""
    shutil.copy(ROOT / "dags/train_risk.py", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's server warns of its own imports and dependencies
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(dag_folder=str(tmp_path), bundle_path=tmp_path, bundle_name="dags-folder")
    assert not bag.import_errors
    return bag.dags["train_risk"]


def test_it_exports_trains_reports_and_registers_one_run_at_a_time(dag: Any) -> None:
    assert [task.task_id for task in dag.topological_sort()] == ["export", "train", "report", "register"]
    assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)


def test_its_form_begins_with_the_default_policy_and_real_releases(dag: Any) -> None:
    told = dag.params.dump()
    assert RiskPolicy(**{name: told[name] for name in RiskPolicy.model_fields}) == RiskPolicy()
    assert (told["simulated"], told["use"]) == (False, True)


def test_its_notebook_is_there() -> None:
    assert (ROOT / "notebooks/05_risk.ipynb").is_file()


def test_reading_it_loads_no_library_of_learning() -> None:
    program = (
        "import runpy, sys; runpy.run_path('dags/train_risk.py');"
        "print([name for name in ('sklearn', 'pandas', 'matplotlib', 'papermill', 'mlflow') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip().splitlines()[-1] == "[]"
