"""A change of a cluster: once, contained, and always at an end."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.change import Change, ChangeState
from operators.clouds.cloud import Cluster
from operators.errors import ChangeClosed, GroupNotReady, LeaseHeld
from operators.records import Kind, Records, Subject
from tests.fakes.cloud import MemoryCloud

CLUSTER = Cluster("playback", "production", "us-east-1")
STEPS = ("begin", "create", "ramp-20", "ramp-50", "promote")


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records.open(f"sqlite:///{tmp_path}/records.db")


def a_change(records: Records, cloud: MemoryCloud, run: str = "playback/1", stage: str = "rollout") -> Change:
    return Change.of(records, cloud, CLUSTER, Subject(run=run, pipeline="playback", stage=stage))


def a_stable_group(records: Records, cloud: MemoryCloud) -> str:
    first = a_change(records, cloud, run="playback/0")
    first.begin()
    group = first.create(image="sha256:old", capacity=2, health_path="/healthz")
    first.promote(group, "first")
    records.leases.release(str(CLUSTER), "playback/0")
    return group


def walk(change: Change, until: str) -> str:
    """Takes the steps of a rollout up to and with `until`; returns the new group's name."""
    old = dict(change.begin())
    group = ""
    for step in STEPS[1 : STEPS.index(until) + 1]:
        if step == "create":
            group = change.create(image="sha256:new", capacity=2, health_path="/healthz")
        elif step.startswith("ramp-"):
            percent = int(step.removeprefix("ramp-"))
            change.route(step, {group: percent, next(iter(old)): 100 - percent})
        else:
            change.promote(group, "good")
    return group


def test_a_rolled_back_change_leaves_traffic_and_groups_as_they_were(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud)
    walk(change, "ramp-50")
    change.roll_back("too many errors")
    assert cloud.weights(CLUSTER) == {old: 100}
    assert [g.name for g in cloud.groups(CLUSTER)] == [old]
    assert change.state() is ChangeState.ROLLED_BACK
    assert records.search(kind=Kind.DEPLOYMENT, newest_first=True, limit=1)[0].body["reason"] == "too many errors"


@pytest.mark.parametrize("until", STEPS)
def test_invariant_3_once_every_step_taken_twice_changes_the_world_once(records: Records, until: str) -> None:
    cloud = MemoryCloud()
    a_stable_group(records, cloud)
    walk(a_change(records, cloud), until)
    splits, created = list(cloud.history), cloud.created
    walk(a_change(records, cloud), until)
    assert (cloud.history, cloud.created) == (splits, created)


def test_a_cut_change_never_moves_forward_again(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud)
    group = walk(change, "ramp-20")
    change.cut("harm")
    with pytest.raises(ChangeClosed):
        change.route("ramp-50", {group: 50, old: 50})
    with pytest.raises(ChangeClosed):
        change.promote(group, "late")
    assert cloud.weights(CLUSTER) == {old: 100}


def test_invariant_1_fresh_proof_traffic_does_not_move_to_a_group_that_is_not_healthy(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud)
    group = walk(change, "create")
    cloud.sick.add(group)
    with pytest.raises(GroupNotReady):
        change.route("ramp-20", {group: 20, old: 80})
    assert cloud.weights(CLUSTER) == {old: 100}
    cloud.sick.clear()
    change.route("ramp-20", {group: 20, old: 80})
    assert cloud.weights(CLUSTER) == {group: 20, old: 80}


def test_invariant_8_one_at_a_time_a_second_run_is_refused_by_name(records: Records) -> None:
    cloud = MemoryCloud()
    a_stable_group(records, cloud)
    walk(a_change(records, cloud), "ramp-20")
    with pytest.raises(LeaseHeld, match="playback/1"):
        a_change(records, cloud, run="playback/2").begin()


@settings(max_examples=40, deadline=None)
@given(until=st.sampled_from(STEPS), has_old=st.booleans(), twice=st.booleans())
def test_invariant_2_always_converges_settling_ends_promoted_or_rolled_back(
    tmp_path_factory: pytest.TempPathFactory, until: str, has_old: bool, twice: bool
) -> None:
    records = Records.open(f"sqlite:///{tmp_path_factory.mktemp('records')}/records.db")
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud) if has_old else ""
    change = a_change(records, cloud)
    assert bool(change.begin()) is has_old
    if has_old:
        walk(change, until)
    elif until != "begin":
        group = change.create(image="sha256:new", capacity=2, health_path="/healthz")
        if until == "promote":
            change.promote(group, "first")
    for _ in range(1 + twice):
        a_change(records, cloud).settle("the run ended")
    state = change.state()
    assert state in (ChangeState.PROMOTED, ChangeState.ROLLED_BACK, ChangeState.UNTOUCHED)
    weights = cloud.weights(CLUSTER)
    if state is ChangeState.PROMOTED:
        assert weights == {change.created()[-1]: 100}
    else:
        assert weights == ({old: 100} if has_old else {})
        assert [g.name for g in cloud.groups(CLUSTER)] == ([old] if has_old else [])
    assert records.journal.unfinished("playback/1") == []


def test_a_group_made_by_a_killed_creation_is_found_and_removed(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud)
    change.begin()

    class Killed(BaseException):
        pass

    def create_then_die(*args: object) -> None:
        MemoryCloud.create(cloud, *args)  # type: ignore[arg-type]
        raise Killed

    cloud.create = create_then_die  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        change.create(image="sha256:new", capacity=2, health_path="/healthz")
    del cloud.create
    assert len(cloud.groups(CLUSTER)) == 2
    a_change(records, cloud).settle("the run ended")
    assert [g.name for g in cloud.groups(CLUSTER)] == [old]


def test_a_promotion_can_be_taken_back_while_the_old_group_is_there(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud)
    walk(change, "promote")
    change.revert("another region rolled back")
    assert cloud.weights(CLUSTER) == {old: 100}
    assert change.state() is ChangeState.ROLLED_BACK


def test_a_comparison_ends_with_both_groups_gone_and_nothing_deployed(records: Records) -> None:
    cloud = MemoryCloud()
    old = a_stable_group(records, cloud)
    change = a_change(records, cloud, stage="canary")
    change.begin()
    baseline = change.create(image="sha256:old", capacity=1, health_path="/healthz", detail="baseline")
    canary = change.create(image="sha256:new", capacity=1, health_path="/healthz", detail="canary")
    change.route("share", {old: 80, baseline: 10, canary: 10})
    change.settle("killed")
    assert cloud.weights(CLUSTER) == {old: 100}
    assert [g.name for g in cloud.groups(CLUSTER)] == [old]
    assert change.state() is ChangeState.UNTOUCHED
