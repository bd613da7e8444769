"""Finish and archive: one verdict with one reason, and nothing left behind."""

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators.errors import CloudError
from operators.finish_and_archive import CONCLUSION, FinishAndArchive
from operators.records import Kind, Records
from operators.runs import Conclusion, RunVerdict
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, run
from tests.fakes.release import (
    CLUSTER,
    REGION,
    REGIONS,
    a_change,
    a_run,
    a_scope,
    a_stable_group,
    an_open_run,
    groups_of,
)


def a_finish(**more: Any) -> FinishAndArchive:
    return FinishAndArchive(task_id="finish", scope=a_scope("finish"), **{"keep_groups": 1, "keep_images": 3, **more})


def a_promoted_change(records: Records, cloud: MemoryCloud, stage: str = "deploy", region: str = REGION) -> str:
    change = a_change(records, cloud, stage, region=region)
    change.begin()
    group = change.create(image="sha256:new", capacity=2, health_path="/healthz")
    change.promote(group, "good")
    return group


def refused(task: FinishAndArchive, context: Any) -> str:
    """Why the run failed."""
    with pytest.raises(AirflowFailException) as caught:
        run(task, context)
    return str(caught.value)


def test_a_promoted_run_says_where_and_succeeds(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    for region in REGIONS[:2]:
        a_promoted_change(records, cloud, "rollout", region)
    context = a_context()
    told = {"verdict": "promoted", "reason": "rollout in us-east-1, us-west-2"}
    assert run(a_finish(), context) == told == context["ti"].pushed[CONCLUSION]
    assert a_run(records).conclusion() == Conclusion(RunVerdict.PROMOTED, told["reason"])


def test_a_run_that_turned_back_is_rolled_back_for_the_reason_it_turned(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records).turn_back("canary", "canary in us-east-1: too many errors")
    context = a_context()
    assert refused(a_finish(), context) == "rolled back: canary in us-east-1: too many errors"
    assert context["ti"].pushed[CONCLUSION]["verdict"] == "rolled back"


def test_a_change_left_half_done_is_rolled_back_and_named(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud, "rollout")
    change.begin()
    group = change.create(image="sha256:new", capacity=2, health_path="/healthz")
    change.route("ramp-5", {group: 5, old: 95})
    assert refused(a_finish(), a_context()) == "rolled back: rollout in us-east-1"
    assert (dict(cloud.weights(CLUSTER)), groups_of(cloud)) == ({old: 100}, [old])


def test_a_failed_stage_fails_the_run_by_name(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    a_promoted_change(records, cloud)
    states = {"deploy": "success", "rollout.us-east-1.ramp": "failed", "later": "upstream_failed", "finish": "running"}
    assert refused(a_finish(), a_context(states=states)) == "failed: failed in rollout"


def test_a_rejected_judgment_fails_the_run_with_who_rejected_it(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records).turn_back("approve", "alice rejected approve")
    assert refused(a_finish(), a_context(states={"approve": "failed"})) == "failed: alice rejected approve"


@pytest.mark.parametrize("ended", ["failed", "rolled back"])
def test_an_optional_stage_that_did_not_work_out_does_not_fail_the_run(
    ended: str, records: Records, cloud: MemoryCloud
) -> None:
    an_open_run(records)
    a_promoted_change(records, cloud)
    if ended == "rolled back":
        a_stable_group(records, cloud, REGIONS[1])
        change = a_change(records, cloud, "extra", region=REGIONS[1])
        change.begin()
        change.create(image="sha256:new", capacity=2, health_path="/healthz")
        change.roll_back("never healthy")
    context = a_context(states={"extra.us-west-2": "failed"})
    assert run(a_finish(optional=("extra",)), context)["reason"] == "deploy in us-east-1"


def test_a_run_that_had_nothing_to_do_is_promoted(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    assert run(a_finish(), a_context())["reason"] == "nothing to deploy"


def test_finishing_gives_every_lease_back(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    a_promoted_change(records, cloud)
    assert records.leases.holder(str(CLUSTER)) == "playback/1"
    run(a_finish(), a_context())
    assert records.leases.all() == []


def test_finishing_twice_says_the_same_and_changes_nothing_more(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    a_promoted_change(records, cloud)
    first = run(a_finish(), a_context())
    written, splits = len(records.search(run="playback/1")), list(cloud.history)
    assert run(a_finish(), a_context(states={"deploy": "failed"})) == first
    assert (len(records.search(run="playback/1")), cloud.history) == (written, splits)


@pytest.mark.parametrize(("keep", "left"), [(0, 0), (1, 1), (2, 2), (9, 3)])
def test_idle_groups_are_removed_but_for_the_newest_few(
    keep: int, left: int, records: Records, cloud: MemoryCloud
) -> None:
    older = [a_stable_group(records, cloud, image=f"sha256:{n}") for n in range(3)]
    an_open_run(records)
    new = a_promoted_change(records, cloud)
    run(a_finish(keep_groups=keep), a_context())
    assert groups_of(cloud) == [*older[len(older) - left :], new]


def test_groups_that_another_run_is_changing_are_left_alone(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    change = a_change(records, cloud, "rollout")
    change.begin()
    records.leases.release(str(CLUSTER), "playback/1")
    other = a_change(records, cloud, "rollout", run_id="2")
    other.begin()
    theirs = other.create(image="sha256:theirs", capacity=2, health_path="/healthz")
    run(a_finish(keep_groups=0), a_context())
    assert groups_of(cloud) == [theirs]


def test_a_cloud_that_cannot_be_cleaned_does_not_change_the_verdict(records: Records, cloud: MemoryCloud) -> None:
    a_stable_group(records, cloud)
    an_open_run(records)
    a_promoted_change(records, cloud)
    cloud.broken.update({"groups", "destroy"})
    assert run(a_finish(keep_groups=0), a_context())["verdict"] == "promoted"


def test_a_run_that_cannot_be_settled_stays_open_and_keeps_its_lease(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    a_stable_group(records, cloud)
    change = a_change(records, cloud, "rollout")
    change.begin()
    change.create(image="sha256:new", capacity=2, health_path="/healthz")
    cloud.broken.add("destroy")
    with pytest.raises(CloudError):
        run(a_finish(), a_context())
    assert a_run(records).conclusion() is None
    assert records.leases.holder(str(CLUSTER)) == "playback/1"
    cloud.broken.clear()
    assert refused(a_finish(), a_context()).startswith("rolled back")
    assert len(records.search(kind=Kind.DEPLOYMENT, run="playback/1")) == 1
