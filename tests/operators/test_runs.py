"""Runs: opened once, perhaps turned back, closed once; which are open is known without reading all of history."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.errors import CloudError, RecordError
from operators.records import Kind, Records
from operators.runs import Conclusion, RunVerdict, open_runs
from tests.fakes.cloud import MemoryCloud
from tests.fakes.release import CLUSTER, ENVIRONMENT, REGIONS, a_change, a_run, a_stable_group, an_open_run

DONE = Conclusion(RunVerdict.PROMOTED, "promoted in deploy/us-east-1")


def names(records: Records) -> list[str]:
    return [run.subject.run.removeprefix("playback/") for run in open_runs(records)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(["open", "close", "turn back", "use"]), st.integers(0, 5)), max_size=20)
)
def test_the_open_runs_are_those_opened_and_not_closed_oldest_first(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = Records.open(f"sqlite:///{tmp_path_factory.mktemp('records')}/records.db")
    expected: dict[str, bool] = {}
    for what, number in steps:
        run = a_run(records, str(number))
        if what == "open":
            run.open({})
            expected.setdefault(str(number), True)
        elif what == "close" and str(number) in expected:
            run.close(DONE)
            expected[str(number)] = False
        elif expected.get(str(number)):
            run.turn_back("stage", "why") if what == "turn back" else run.use_cloud("production", "memory")
        assert names(records) == [name for name, is_open in expected.items() if is_open]


def test_open_runs_are_found_without_reading_what_was_over_before(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        run = an_open_run(records, str(number))
        run.close(DONE)
    an_open_run(records, "slow")
    an_open_run(records, "last")
    read: list[int] = []
    search = Records.search

    def counted(self: Records, **wanted: Any) -> Any:
        found = search(self, **wanted)
        read.append(len(found))
        return found

    monkeypatch.setattr(Records, "search", counted)
    assert names(records) == ["slow", "last"]
    assert sum(read) < 12


def test_a_run_is_opened_turned_back_and_closed_once(records: Records) -> None:
    for _ in range(2):
        run = an_open_run(records)
        run.turn_back("canary", "too many errors")
        run.close(DONE)
    written = [record.body["state"] for record in records.search(kind=Kind.RUN)]
    assert written == ["opened", "uses", "turned", "closed"]
    assert a_run(records).conclusion() == DONE


def test_closing_a_run_gives_its_leases_back(records: Records, cloud: MemoryCloud) -> None:
    run = an_open_run(records)
    a_change(records, cloud, "deploy").begin()
    run.close(DONE)
    assert records.leases.holder(str(CLUSTER)) is None


def test_settling_a_run_ends_each_of_its_changes(records: Records, cloud: MemoryCloud) -> None:
    run = an_open_run(records)
    for region in REGIONS[:2]:
        a_stable_group(records, cloud, region)
        change = a_change(records, cloud, "rollout", region=region)
        change.begin()
        change.create(image="sha256:new", capacity=2, health_path="/healthz")
    assert run.settle("the run ended") == {"rollout/us-east-1": "rolled back", "rollout/us-west-2": "rolled back"}


def test_a_change_that_cannot_be_settled_does_not_keep_the_others_from_it(records: Records, cloud: MemoryCloud) -> None:
    run = an_open_run(records)
    groups = {}
    for region in REGIONS[:2]:
        old = a_stable_group(records, cloud, region)
        change = a_change(records, cloud, "rollout", region=region)
        change.begin()
        groups[region] = change.create(image="sha256:new", capacity=2, health_path="/healthz")
        change.route("ramp-5", {groups[region]: 5, old: 95})

    class HalfBroken(MemoryCloud):
        def destroy(self, group: str) -> None:
            if group == groups[REGIONS[0]]:
                raise CloudError(f"{group} does not stop")
            super().destroy(group)

    cloud.__class__ = HalfBroken
    with pytest.raises(CloudError, match="does not stop"):
        run.settle("the run ended")
    assert groups[REGIONS[1]] not in {g.name for g in cloud.groups(ENVIRONMENT.cluster("playback", REGIONS[1]))}


def test_an_environment_whose_cloud_was_never_recorded_is_named(records: Records) -> None:
    run = an_open_run(records)
    assert run.cloud_of("production") == "memory"
    with pytest.raises(RecordError, match="which cloud staging is on"):
        run.cloud_of("staging")
