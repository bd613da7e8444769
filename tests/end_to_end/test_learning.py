"""Thresholds that are learned: retuned, approved by the one who may, used and recorded by the next run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from canary.learning.bounds import broken_bounds
from canary.learning.policy import RetuningPolicy
from canary.learning.world import World
from gennaker.read import load
from gennaker.stack.connection import AirflowRefused
from operators.clouds.cloud import Cluster
from operators.learning.profiles import ThresholdProfiles
from operators.learning.simulated import simulate_history
from operators.records import Kind, Records
from tests.end_to_end.browsing import ARTIFACTS, logged_in
from tests.end_to_end.releasing import CONVERGED, a_release, records_of, under_load

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(900)]

SOON = timedelta(minutes=4)
DAG = "retune_thresholds_quick"
#: Lenient, so that some challenger is good enough on a small history; its bounds are the usual ones.
POLICY = {"approvers": ["alice"], "min_labelled": 20, "no_worse_by": 1, "false_rollback_target": 0.5}


@pytest.fixture(scope="module")
def labelled(stack) -> None:
    """Canaries of the profile `quick` with known truth, and a policy by which it learns."""
    folder = stack.settings.dags
    world = World(services=5, days=60, seed=3, begin=datetime(2026, 1, 5, tzinfo=UTC))
    simulate_history(Records.open(), world, load(folder).canary("quick", {}))
    path = folder / "policies" / "retuning.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "quick": POLICY}))


def states(stack, run_id: str) -> dict[str, str]:
    return {task.task_id: task.state for task in stack.client.task_instances(DAG, run_id)}


def asked(stack) -> tuple[str, object]:
    """A run of the retuning that waits for alice, and its question."""
    stack.client.unpause(DAG, SOON)
    run_id = stack.client.trigger(DAG, {"trials": 3})
    (question,) = stack.eventually(lambda: stack.client.approvals.pending(DAG, run_id), "the question", SOON)
    return run_id, question


def _report_is_a_page(stack, browser, run_id: str) -> None:
    """The notebook's page is behind the login, and MLflow shows the versions of the profile."""
    address = f"{stack.settings.airflow_url}/gennaker/notebooks/{DAG}/{quote(run_id, safe='')}/report"
    stranger = browser.new_page()
    assert stranger.goto(address).status == 401
    page = logged_in(stack, browser, "alice")
    page.goto(address)
    page.get_by_role("heading", name="What would change").wait_for()
    assert page.locator("svg").count() + page.locator("img").count() >= 2
    page.screenshot(path=ARTIFACTS / "notebook-report.png", full_page=True)
    page.goto(f"{stack.settings.mlflow_url}/#/models/gennaker.profile.quick")
    page.get_by_text("champion").first.wait_for()
    page.screenshot(path=ARTIFACTS / "mlflow-profile.png")


def test_a_challenger_becomes_champion_by_its_approver_and_the_next_run_is_judged_by_it(
    stack, labelled, browser, tmp_path: Path
) -> None:
    run_id, question = asked(stack)
    with pytest.raises(AirflowRefused) as refusal:
        stack.client_of("admin").approvals.answer(question, ["Approve"])
    assert refusal.value.status == 403
    profiles = ThresholdProfiles(Records.open(), stack.settings.mlflow_url)
    champion = profiles.champion("quick")
    assert champion is not None
    assert champion.version == 1, "nothing is in use before it is approved"
    stack.client_of("alice").approvals.answer(question, ["Approve"])
    assert stack.client.wait(DAG, run_id, SOON).state == "success"

    new = profiles.champion("quick")
    assert new is not None
    assert new.version == 2
    assert broken_bounds(champion.config, new.config, RetuningPolicy.model_validate(POLICY)) == []
    assert new.provenance["run"].startswith(f"{DAG}/")
    assert states(stack, run_id)["keep"] == "skipped"
    _report_is_a_page(stack, browser, run_id)
    steps = [r for r in Records.open().search(kind=Kind.PROFILE) if r.body.get("profile") == "quick"]
    (made,) = [r for r in steps if r.body["event"] == "champion"][1:]
    assert (made.body["who"], made.body["version"]) == ("alice", 2)

    cluster = Cluster("playback", "production", "us-east-1")
    stack.client.unpause("ramping", SOON)
    with under_load(cluster, tmp_path):
        release = stack.client.trigger("ramping", {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})
        stack.client.wait("ramping", release, CONVERGED)
    (pin,) = records_of("ramping", release, Kind.PROFILE)
    assert (pin.body["event"], pin.body["version"], pin.body["digest"]) == ("pinned", 2, new.digest)


def test_a_rejected_challenger_is_recorded_and_changes_nothing(stack, labelled) -> None:
    run_id, question = asked(stack)
    profiles = ThresholdProfiles(Records.open(), stack.settings.mlflow_url)
    before = profiles.champion("quick")
    stack.client_of("alice").approvals.answer(question, ["Reject"])
    assert stack.client.wait(DAG, run_id, SOON).state == "success"

    assert states(stack, run_id) | {"promote": "skipped", "keep": "success"} == states(stack, run_id)
    assert profiles.champion("quick") == before
    last = [r for r in Records.open().search(kind=Kind.PROFILE) if r.body["event"] == "rejected"][-1]
    assert last.body["who"] == "alice"
