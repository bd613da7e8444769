"""Labels and housekeeping on a real MLflow server."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from canary.learning.recorded import Truth
from operators.learning.housekeeping import HousekeepingPolicy, keep_house
from operators.learning.label_memory import remember_truth
from operators.learning.labels import Labels, Source
from operators.learning.stores import OldMlflowRuns
from operators.memory import Memory
from operators.records import Kind
from tests.mlflow_server import MlflowServer
from tests.operators.learning.histories import Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(f"sqlite:///{tmp_path}/records.db")
    yield told
    told.records.close()


def told(story: Story, mlflow_server: MlflowServer, experiment: str) -> tuple[str, str]:
    """A release with one judgment that MLflow knows: names of the run and of the judgment."""
    run = story.release()
    judgment = f"{run}.ramp.us-east-1".replace("/", ".")
    memory = Memory(story.records, mlflow_server.url, story.clock)
    parent = memory.run_begins(run, experiment=experiment, tags={})
    memory.begin(judgment, experiment=experiment, name="ramp", tags={}, params={}, parent=parent)
    memory.end(judgment, verdict="PASS", tags={}, report_html="", artifacts={})
    memory.run_ends(run, verdict="promoted", reason="")
    deadline = time.monotonic() + 60
    while list(memory._outbox.judgments()):  # a busy server may be away for a moment
        memory.deliver()
        assert time.monotonic() < deadline, "MLflow was not told"
    return run, judgment


def tags(mlflow_server: MlflowServer, judgment: str, experiment: str) -> dict[str, str]:
    (run,) = mlflow_server.runs(judgment, experiment)
    assert run["info"]["status"] == "FINISHED"
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def test_the_label_that_counts_is_a_tag_of_the_run_and_of_its_judgments(
    story: Story, mlflow_server: MlflowServer
) -> None:
    run, judgment = told(story, mlflow_server, "labels")
    end = mlflow_server.runs(judgment, "labels")[0]["info"]["end_time"]
    memory = Memory(story.records, mlflow_server.url)
    for truth in (Truth.GOOD, Truth.BAD):
        Labels(story.records).add(run, truth, source=Source.PERSON, who="ada", why="seen")
        remember_truth(story.records, [run])
        assert memory.deliver() == 2
        for known in (f"run:{run}", judgment):
            found = tags(mlflow_server, known, "labels")
            assert (found["gennaker.truth"], found["gennaker.truth_source"]) == (truth.value, "person")
    assert memory.deliver() == 0
    assert mlflow_server.runs(judgment, "labels")[0]["info"]["end_time"] == end


def test_old_runs_go_to_mlflows_bin_and_those_of_a_running_release_stay(
    story: Story, mlflow_server: MlflowServer
) -> None:
    run, judgment = told(story, mlflow_server, "house")
    begun = story.clock()
    store, policy = OldMlflowRuns(story.records, mlflow_server.url), HousekeepingPolicy(mlflow_runs=400)

    def removed(days: float) -> int:
        now = begun + timedelta(days=days)
        done = keep_house(story.records, [store], policy, now=now, who="ada", dry_run=False)
        assert done.problems == ()
        return len(done.removed)

    story.clock.passes(days=300)
    told(story, mlflow_server, "house")
    assert [removed(399), removed(401), removed(401)] == [0, 2, 0]
    assert mlflow_server.runs(judgment, "house") == mlflow_server.runs(f"run:{run}", "house") == []
    assert len(story.records.search(kind=Kind.PRUNED)) == 1


def test_what_is_in_the_bin_already_is_no_error(story: Story, mlflow_server: MlflowServer) -> None:
    told(story, mlflow_server, "bin")
    store = OldMlflowRuns(story.records, mlflow_server.url)
    old = store.old(story.clock() + timedelta(days=1))
    assert len(old) == 2
    for _ in range(2):
        store.remove(old)
