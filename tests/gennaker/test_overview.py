"""What `gennaker status` knows: traffic, changes under way, and the newest runs, from records and clouds."""

from pathlib import Path

import pytest

from gennaker.overview import RunLine, overview
from operators import clouds
from operators.change import Change
from operators.clouds.cloud import Cluster
from operators.records import Records, Subject
from operators.runs import Conclusion, Run, RunVerdict
from tests.fakes.cloud import MemoryCloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> MemoryCloud:
    """The cloud behind every environment."""
    cloud = MemoryCloud()
    monkeypatch.setattr(clouds, "_CLOUDS", {"local": lambda: cloud})
    return cloud


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """The records that the overview opens."""
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    monkeypatch.delenv("GENNAKER_RECORDS_URL", raising=False)
    return Records.open()


def a_run(records: Records, run_id: str, pipeline: str = "playback") -> Run:
    run = Run(records, Subject(run=f"{pipeline}/{run_id}", pipeline=pipeline, service=pipeline))
    run.open({"definition": "d", "run_type": "manual"})
    run.use_cloud("test", "local")
    return run


def deployed(run: Run, cloud: MemoryCloud, region: str = "us-east-1") -> Change:
    """A group of the run that has all traffic of a region; the run holds the lease still."""
    service = run.subject.service
    subject = Subject(run=run.subject.run, pipeline=service, stage="deploy")
    change = Change.of(run.records, cloud, Cluster(service, "test", region), subject)
    change.begin()
    change.promote(change.create(image="sha256:1", capacity=1, health_path="/healthz"), "deployed")
    return change


def test_without_records_there_is_nothing_to_show(records: Records) -> None:
    seen = overview("", 5)
    assert (seen.clusters, seen.leases, seen.runs) == ((), (), ())


def test_a_cluster_shows_its_traffic_and_the_run_that_set_it(records: Records, cloud: MemoryCloud) -> None:
    deployed(a_run(records, "1"), cloud)
    deployed(a_run(records, "2", "ratings"), cloud)
    (first, second) = overview("", 5).clusters
    assert (first.name, first.traffic, first.by) == (
        "playback/test/us-east-1",
        "playback-test-us-east-1-v000 100%",
        "playback/1",
    )
    assert (second.name, second.by) == ("ratings/test/us-east-1", "ratings/2")


def test_the_newest_deployment_of_a_cluster_is_the_one_that_is_shown(records: Records, cloud: MemoryCloud) -> None:
    for run_id in ("1", "2"):
        run = a_run(records, run_id)
        deployed(run, cloud)
        run.close(Conclusion(RunVerdict.PROMOTED, "promoted"))
    (cluster,) = overview("playback", 5).clusters
    assert (cluster.by, cluster.traffic) == ("playback/2", "playback-test-us-east-1-v001 100%")


def test_a_change_under_way_is_shown_with_the_run_that_holds_it(records: Records, cloud: MemoryCloud) -> None:
    deployed(a_run(records, "1"), cloud)
    deployed(a_run(records, "2", "ratings"), cloud)
    assert overview("playback", 5).leases == (("playback/test/us-east-1", "playback/1"),)
    assert len(overview("", 5).leases) == 2


def test_runs_are_shown_newest_first_with_their_reasons_and_no_more_than_asked(records: Records) -> None:
    a_run(records, "1").close(Conclusion(RunVerdict.PROMOTED, "promoted in deploy/us-east-1"))
    a_run(records, "2").close(Conclusion(RunVerdict.ROLLED_BACK, "error_rate is worse"))
    a_run(records, "3")
    runs = overview("", 2).runs
    assert [(run.run, run.verdict, run.reason) for run in runs] == [
        ("playback/3", "under way", ""),
        ("playback/2", "rolled back", "error_rate is worse"),
    ]
    assert isinstance(runs[0], RunLine)


def test_one_pipeline_is_shown_alone(records: Records) -> None:
    a_run(records, "1")
    a_run(records, "2", "ratings")
    assert [run.run for run in overview("playback", 5).runs] == ["playback/1"]
    assert overview("playbak", 5).runs == ()


def test_a_cloud_that_cannot_be_asked_does_not_hide_the_rest(
    records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(a_run(records, "1"), cloud)
    monkeypatch.setattr(clouds, "_CLOUDS", {})
    seen = overview("", 5)
    assert [cluster.traffic[: len("unknown: ")] for cluster in seen.clusters] == ["unknown: "]
    assert len(seen.runs) == 1
