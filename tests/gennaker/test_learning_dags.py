"""The DAGs that label outcomes, keep house and retune."""

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


@pytest.fixture
def retuning(tmp_path: Path) -> Path:
    """A DAG folder with the one that retunes, and what ships with it."""
    for name in ("canaries", "policies"):
        shutil.copytree(ROOT / "dags" / name, tmp_path / name)
    shutil.copy(ROOT / "dags" / "retune_thresholds.py", tmp_path)
    (tmp_path / ".airflowignore").write_text("policies/\n")
    return tmp_path


def test_a_challenger_becomes_champion_by_the_approver_only(retuning: Path) -> None:
    dag = loaded(retuning).dags["retune_thresholds"]
    assert dag.get_task("retune").downstream_task_ids == {"choose"}
    assert dag.get_task("choose").downstream_task_ids == {"report", "keep"}
    assert dag.get_task("promote").upstream_task_ids == {"approve"}
    assert dag.get_task("approve").downstream_task_ids == {"promote", "keep"}
    assert [user["id"] for user in dag.get_task("approve").assigned_users] == ["admin"]
    assert dag.get_task("approve").defaults == ["Reject"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_unattended_leaves_out_the_person_and_nothing_else(retuning: Path) -> None:
    policy = "quick: {approval: unattended}\nstandard: {approvers: [ada]}\n"
    (retuning / "policies/retuning.yaml").write_text(policy)
    dags = loaded(retuning).dags
    assert set(dags) == {"retune_thresholds", "retune_thresholds_quick"}
    alone, asked = dags["retune_thresholds_quick"], dags["retune_thresholds"]
    assert set(asked.task_ids) - set(alone.task_ids) == {"approve"}
    assert alone.get_task("promote").upstream_task_ids == {"register"}
    assert alone.get_task("register").downstream_task_ids == {"promote"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("standart: {approvers: [ada]}", "standard"),
        ("standard: {}", "approvers"),
        ("standard: 7", "a policy of 'standard'"),
        ("standard: {approvers: [ada], bounds: {alpha_factor: 0.5}}", "alpha_factor"),
        ("standard: {approvers: [ada], trails: 9}", "trials"),
    ],
)
def test_a_wrong_retuning_policy_is_an_import_error_with_its_place(retuning: Path, text: str, what: str) -> None:
    (retuning / "policies/retuning.yaml").write_text(f"{text}\n")
    bag = loaded(retuning)
    (error,) = bag.import_errors.values()
    assert f"{retuning}/policies/retuning.yaml:1:" in error
    assert what in error


def test_without_a_policy_nothing_is_retuned(retuning: Path) -> None:
    (retuning / "policies/retuning.yaml").unlink()
    bag = loaded(retuning)
    assert not bag.import_errors
    assert not bag.dags


def test_without_its_file_the_policy_is_the_default(dags: Path) -> None:
    (dags / "policies/housekeeping.yaml").unlink()
    assert not loaded(dags).import_errors
