"""Deploy: a new group takes over once its health is proven, or the cluster is as it was."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from operators.change import ChangeState
from operators.deploy import Deploy
from operators.records import Kind, Records
from operators.runs import Conclusion, RunVerdict
from operators.strategies import Strategy
from operators.triggers import HealthTrigger
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, deferral, fire, resume, resumed_deferral, run, to_the_end
from tests.fakes.release import ALWAYS, CLUSTER, a_change, a_run, a_stable_group, closed_for, groups_of, told


def a_deploy(strategy: Strategy = Strategy.BLUE_GREEN, **more: Any) -> Deploy:
    sizes = {"image": "sha256:new", "capacity": 2, "health_timeout": timedelta(seconds=5)}
    return Deploy(**told("deploy", strategy=strategy, **{**sizes, **more}))


@pytest.mark.parametrize(
    ("strategy", "shares", "old_stays"),
    [
        (Strategy.BLUE_GREEN, [100], True),
        (Strategy.HIGHLANDER, [100], False),
        (Strategy.ROLLING, [25, 50, 75, 100], True),
    ],
)
def test_each_strategy_passes_through_its_splits_and_ends_with_all_traffic_on_the_new_group(
    strategy: Strategy, shares: list[int], old_stays: bool, records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    cloud.history.clear()
    answer = to_the_end(a_deploy(strategy), a_context())
    new = answer["group"]
    assert [split[new] for split in cloud.history] == shares
    assert all(sum(split.values()) == 100 for split in cloud.history)
    assert groups_of(cloud) == ([old, new] if old_stays else [new])
    assert a_change(records, cloud, "deploy").state() is ChangeState.PROMOTED


@pytest.mark.parametrize("strategy", Strategy)
def test_a_first_deploy_gets_all_traffic_at_once(strategy: Strategy, records: Records, cloud: MemoryCloud) -> None:
    answer = to_the_end(a_deploy(strategy), a_context())
    assert cloud.history == [{answer["group"]: 100}]
    assert answer["address"].startswith("http://")


def test_invariant_1_fresh_proof_no_traffic_moves_while_health_is_awaited(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    parked = deferral(a_deploy(), a_context())
    assert isinstance(parked.trigger, HealthTrigger)
    assert cloud.weights(CLUSTER) == {old: 100}


@pytest.mark.parametrize("has_old", [True, False])
def test_a_group_that_never_gets_healthy_is_rolled_back_and_fails_the_stage_without_a_retry(
    has_old: bool, records: Records, cloud: MemoryCloud
) -> None:
    before = [a_stable_group(records, cloud)] if has_old else []
    task, context = a_deploy(health_timeout=timedelta(seconds=-1)), a_context()
    parked = deferral(task, context)
    cloud.sick.update(set(groups_of(cloud)) - set(before))
    with pytest.raises(AirflowFailException, match="did not become healthy"):
        resume(task, context, parked, fire(parked.trigger))
    assert groups_of(cloud) == before
    assert dict(cloud.weights(CLUSTER)) == dict.fromkeys(before, 100)
    assert "0 of 2 healthy" in (a_run(records).turned_back() or "")
    (told_of,) = records.search(kind=Kind.DEPLOYMENT, run="playback/1")
    assert told_of.body["state"] == "rolled back"


@pytest.mark.parametrize("killed", ["before health", "after health", "after it was done"])
def test_invariant_3_once_a_deploy_that_is_killed_and_tried_again_deploys_one_group(
    killed: str, records: Records, cloud: MemoryCloud
) -> None:
    a_stable_group(records, cloud)
    created, context = cloud.created, a_context()
    parked = deferral(a_deploy(Strategy.ROLLING), context)
    if killed == "after health":
        (new,) = {g.name for g in cloud.groups(CLUSTER) if g.spec.image == "sha256:new"}
        a_change(records, cloud, "deploy").route("route-25", {new: 25, groups_of(cloud)[0]: 75})
    elif killed == "after it was done":
        resume(a_deploy(Strategy.ROLLING), context, parked, {"why": ""})
    answer = to_the_end(a_deploy(Strategy.ROLLING), context)
    assert cloud.created == created + 1
    assert cloud.weights(CLUSTER) == {answer["group"]: 100}
    assert len(records.search(kind=Kind.DEPLOYMENT, run="playback/1")) == 1


def test_invariant_9_checked_twice_a_window_that_closed_while_health_was_awaited_is_waited_for(
    records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    task, context = a_deploy(), a_context()
    parked = deferral(task, context)
    task.calendar = closed_for(timedelta(hours=1))
    waiting = resumed_deferral(task, context, parked, fire(parked.trigger))
    assert isinstance(waiting.trigger, DateTimeTrigger)
    assert cloud.weights(CLUSTER) == {old: 100}
    task.calendar = ALWAYS
    proving = resumed_deferral(task, context, waiting, None)
    new = resume(task, context, proving, fire(proving.trigger))["group"]
    assert cloud.weights(CLUSTER) == {new: 100}


def test_a_run_that_turned_back_while_health_was_awaited_moves_no_traffic(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    task, context = a_deploy(), a_context()
    parked = deferral(task, context)
    a_run(records).turn_back("approve", "alice rejected it")
    with pytest.raises(AirflowSkipException, match="alice rejected it"):
        resume(task, context, parked, fire(parked.trigger))
    assert cloud.weights(CLUSTER) == {old: 100}


def test_a_deploy_of_a_run_that_is_over_touches_nothing(records: Records, cloud: MemoryCloud) -> None:
    first = to_the_end(a_deploy(), a_context())["group"]
    a_run(records).close(Conclusion(RunVerdict.PROMOTED, "promoted in deploy/us-east-1"))
    later = to_the_end(a_deploy(), a_context("2"))["group"]
    cloud.destroy(first)
    splits = list(cloud.history)
    with pytest.raises(AirflowSkipException, match="closed as promoted"):
        run(a_deploy(), a_context())
    assert cloud.history == splits
    assert cloud.weights(CLUSTER) == {later: 100}


def test_a_group_that_is_healthy_in_a_moment_takes_over_without_a_deferral(
    records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.stage.LOOKS_BEFORE_DEFERRING", 1)
    answer = run(a_deploy(), a_context())
    assert cloud.weights(CLUSTER) == {answer["group"]: 100}
