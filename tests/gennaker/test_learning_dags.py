"""The DAGs that label outcomes and keep house."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Asset

from operators.learning.housekeeping import HousekeepingPolicy
from operators.learning.labels import LABELLED
from tests.gennaker.builders import ROOT


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A DAG folder with the two and the policy that ships."""
    (tmp_path / "policies").mkdir()
    for name in ("label_outcomes.py", "housekeeping.py", "policies/housekeeping.yaml"):
        shutil.copy(ROOT / "dags" / name, tmp_path / name)
    (tmp_path / ".airflowignore").write_text("policies/\n")
    return tmp_path


def loaded(dags: Path) -> Any:
    """What Airflow makes of a DAG folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's server warns of its own imports and dependencies
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(dag_folder=str(dags), bundle_path=dags, bundle_name="dags-folder")


def test_both_run_by_themselves_one_at_a_time_and_catch_nothing_up(dags: Path) -> None:
    bag = loaded(dags)
    assert not bag.import_errors
    assert set(bag.dags) == {"label_outcomes", "housekeeping"}
    for dag in bag.dags.values():
        assert (dag.max_active_runs, dag.catchup, dag.is_paused_upon_creation) == (1, False, False)


def test_news_of_labels_is_an_asset_of_the_last_task(dags: Path) -> None:
    dag = loaded(dags).dags["label_outcomes"]
    assert dag.get_task("tell").outlets == [Asset(LABELLED)]
    assert dag.get_task("label").outlets == []
    assert dag.get_task("tell").upstream_task_ids == {"label"}


def test_the_policy_that_ships_is_the_default(dags: Path) -> None:
    assert loaded(dags).dags["housekeeping"].get_task("keep_house").policy == HousekeepingPolicy().model_dump()


@pytest.mark.parametrize("text", ["looks: 0", "look: 400", "looks: forever"])
def test_a_wrong_policy_is_an_import_error_with_its_place(dags: Path, text: str) -> None:
    (dags / "policies/housekeeping.yaml").write_text(f"{text}\n")
    bag = loaded(dags)
    (error,) = bag.import_errors.values()
    assert f"{dags}/policies/housekeeping.yaml:1:" in error
    assert set(bag.dags) == {"label_outcomes"}


def test_without_its_file_the_policy_is_the_default(dags: Path) -> None:
    (dags / "policies/housekeeping.yaml").unlink()
    assert not loaded(dags).import_errors
