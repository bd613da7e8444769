"""Whatever is killed in the middle of a ramp, the release converges and nothing is done twice."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.records import Kind, Records
from operators.runs import RunVerdict
from tests.end_to_end.in_mlflow import InMlflow, tags_of
from tests.end_to_end.releasing import (
    CONVERGED,
    a_release,
    conclusion_of,
    confirmed,
    is_done,
    records_of,
    under_load,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

PIPELINE = "ramping"
CLUSTER = Cluster("ramping", "production", "us-east-1")
SOON = timedelta(minutes=2)


@pytest.fixture
def ramp(stack, tmp_path: Path) -> Iterator[str]:
    """A run in the middle of its ramp, over a stable release, under load that must not notice."""
    stack.client.unpause(PIPELINE, SOON)
    stack.client.unpause("converge", SOON)
    if not open_cloud("local").weights(CLUSTER):
        first = stack.client.trigger(PIPELINE, {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})
        assert stack.client.wait(PIPELINE, first, SOON).state == "success"
    source = a_release(tmp_path, f"1.1.0+{uuid4().hex[:8]}")
    with under_load(CLUSTER, tmp_path) as load:
        run_id = stack.client.trigger(PIPELINE, {"artifact_playback": str(source)})
        stack.eventually(lambda: is_done(PIPELINE, run_id, "ramp-20"), "the first step", SOON)
        yield run_id
    assert load.counted().requests > 0
    assert load.counted().lost == 0, load.lost_kinds()


def assert_converged(stack, run_id: str) -> RunVerdict:
    """Waits for the run's end; one group has all traffic, no other is left, no key was done twice."""
    ended = stack.eventually(lambda: conclusion_of(PIPELINE, run_id), "the run to be closed", CONVERGED)
    cloud = open_cloud("local")
    (group,) = cloud.weights(CLUSTER)
    assert cloud.weights(CLUSTER) == {group: 100}
    assert [g.name for g in cloud.groups(CLUSTER)] == [group]
    assert set(confirmed(PIPELINE, run_id).values()) == {1}
    assert Records.open().journal.unfinished(f"{PIPELINE}/{run_id}") == []
    assert str(CLUSTER) not in {lease.cluster for lease in Records.open().leases.all()}
    assert Records.open().verify().ok
    promoted = cloud.groups(CLUSTER)[0].name in str(records_of(PIPELINE, run_id, Kind.DEPLOYMENT)[-1].body["groups"])
    assert promoted is (ended.verdict is RunVerdict.PROMOTED)
    return ended.verdict


def task_process(stack, run_id: str) -> psutil.Process:
    """The process that executes the ramp's task right now; the task comes back to one after each step."""
    path = f"/dags/{PIPELINE}/dagRuns/{run_id}/taskInstances/progressive-rollout.us-east-1.ramp"

    def find() -> psutil.Process | None:
        task = stack.client.connection.get(path)
        if task["state"] != "running" or not task["pid"]:
            return None
        try:
            return psutil.Process(task["pid"])
        except psutil.NoSuchProcess:
            return None

    return stack.eventually(find, "a process of the ramp", SOON)


def test_killed_task_process(stack, ramp: str) -> None:
    os.kill(task_process(stack, ramp).pid, signal.SIGKILL)
    assert assert_converged(stack, ramp) is RunVerdict.PROMOTED


def test_killed_supervisor_of_the_task(stack, ramp: str) -> None:
    worker = task_process(stack, ramp).parent()
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert assert_converged(stack, ramp) is RunVerdict.PROMOTED


@pytest.mark.parametrize("component", ["scheduler", "triggerer"])
def test_killed_component(stack, ramp: str, component: str) -> None:
    stack.kill(component)
    assert assert_converged(stack, ramp) is RunVerdict.PROMOTED
    stack.wait_until_healthy()


def test_mlflow_killed_while_a_release_is_judged_changes_nothing_and_is_told_all_once(stack, ramp: str) -> None:
    memory = InMlflow(stack.settings.mlflow_url, PIPELINE)
    stack.eventually(lambda: len(memory.of_run(ramp)[1]) == 1, "the judgment in MLflow while it goes on", SOON)
    assert conclusion_of(PIPELINE, ramp) is None, "evidence is seen before the verdict"
    stack.kill("mlflow")
    assert assert_converged(stack, ramp) is RunVerdict.PROMOTED
    stack.wait_until_healthy()
    _, judgment = stack.eventually(lambda: memory.finished(ramp), "all of it in MLflow", SOON)
    stored = Records.open().looks.of(tags_of(judgment)["gennaker.judgment"])
    assert [row["at"] for row in memory.looks(judgment)] == [look["at"] for look in stored]
    steps = memory.points(judgment, "requests.canary")
    assert len(steps) == len(set(steps))
    assert len(steps) >= len(stored) - 1, "a step is one second, in which two looks may fall"


def test_a_cancelled_run_is_rolled_back_by_converge(stack, ramp: str) -> None:
    before = max(open_cloud("local").groups(CLUSTER), key=lambda g: -g.created_at.timestamp()).name
    stack.client.set_run_state(PIPELINE, ramp, "failed")
    assert assert_converged(stack, ramp) is RunVerdict.ROLLED_BACK
    assert set(open_cloud("local").weights(CLUSTER)) == {before}
    (said,) = records_of(PIPELINE, ramp, Kind.CONVERGED)
    assert "rolled back" in str(said.body["did"])
