"""Progressive rollout: each region ramps on its own, and goes back on its own."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from canary import Side
from operators.change import ChangeState
from operators.choices import OnInconclusive, OnRegionFailure
from operators.clouds.cloud import Cluster
from operators.errors import CloudError
from operators.progressive_rollout import PromoteRegion, RampRegion, RollBackRegion, SettleRollout, StartRegion
from operators.records import Kind, Records
from operators.watch import Watch, stored_looks
from operators.watch_trigger import WatchTrigger
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, deferral, fire, resume, resumed_deferral, run, to_the_end
from tests.fakes.registry import MISSING, answering
from tests.fakes.release import (
    ALWAYS,
    ENVIRONMENT,
    REGION,
    REGIONS,
    a_change,
    a_run,
    a_scope,
    a_stable_group,
    closed_for,
    groups_of,
    told,
)
from tests.fakes.traffic import a_use, traffic
from tests.fakes.watching import watched

STAGE = "rollout"
RAMP = (5, 20, 50, 100)
CONTINUE, STOP, ROLLBACK_ALL = OnRegionFailure.CONTINUE, OnRegionFailure.STOP, OnRegionFailure.ROLLBACK_ALL


def cluster(region: str) -> Cluster:
    return ENVIRONMENT.cluster("playback", region)


def a_start(region: str = REGION, policy: OnRegionFailure = CONTINUE, **more: Any) -> StartRegion:
    sizes = {"image": "sha256:new", "capacity": 2, "health_timeout": timedelta(seconds=5), "profile": a_use()}
    return StartRegion(**told(STAGE, region, on_region_failure=policy, **{**sizes, **more}))


def a_ramp(
    group: str,
    region: str = REGION,
    policy: OnRegionFailure = CONTINUE,
    on_inconclusive: OnInconclusive = OnInconclusive.ROLLBACK,
    **config: Any,
) -> RampRegion:
    return RampRegion(
        **told(STAGE, region),
        group=group,
        ramp=RAMP,
        step_duration=timedelta(seconds=20),
        image="sha256:new",
        profile=a_use(**config),
        on_inconclusive=on_inconclusive,
        on_region_failure=policy,
    )


def a_settling(policy: OnRegionFailure = CONTINUE) -> SettleRollout:
    stage = {"task_id": "settle", "scope": a_scope(STAGE), "environment": ENVIRONMENT.to_json(), "regions": REGIONS}
    return SettleRollout(**stage, on_region_failure=policy)


def share_of(cloud: MemoryCloud, group: str, region: str = REGION) -> int:
    return cloud.weights(cluster(region)).get(group, 0)


def split_traffic(cloud: MemoryCloud, old: str, new: str, bad: float = 0.002, harm_at: int = 0) -> Iterator[Any]:
    """1,000 requests a look, split as the cloud splits them; from `harm_at` percent on the new group fails."""
    total = {old: [0, 0.0], new: [0, 0.0]}
    while True:
        (where,) = {c for c in map(cluster, REGIONS) if old in cloud.weights(c)} or {cluster(REGION)}
        for group, percent in cloud.weights(where).items():
            rate = bad if group == new and percent >= harm_at else 0.002
            total[group][0] += percent * 10
            total[group][1] += percent * 10 * rate
        yield {group: Side(int(requests), int(errors)) for group, (requests, errors) in total.items()}


def ramp_up(task: RampRegion, context: Any, records: Records, clock: Clock, most: int = 20) -> Any:
    """Runs a ramp through all its steps; gives what it returns."""
    parked = deferral(task, context)
    for _ in range(most):
        try:
            return resume(task, context, parked, watched(parked, records, clock))
        except TaskDeferred as again:
            parked = again
    raise AssertionError(f"not done after {most} steps")


def release(
    records: Records, cloud: MemoryCloud, region: str, policy: OnRegionFailure = CONTINUE, **seen: Any
) -> dict[str, Any]:
    """Takes a region with an old group through its whole rollout; gives what its ramp returned."""
    old = a_stable_group(records, cloud, region)
    new = to_the_end(a_start(region, policy), a_context())
    cloud.traffic = split_traffic(cloud, old, new, **seen)
    answer = ramp_up(a_ramp(new, region, policy), a_context(), records, Clock())
    context = a_context(returned={"ramp": answer})
    if answer["verdict"] == "PASS":
        run(PromoteRegion(**told(STAGE, region, group=new, ramp_task="ramp")), context)
    else:
        run(RollBackRegion(**told(STAGE, region, ramp_task="ramp")), context)
    return {**answer, "old": old, "new": new}


def states(records: Records, cloud: MemoryCloud) -> list[ChangeState]:
    return [a_change(records, cloud, STAGE, region=region).state() for region in REGIONS]


def test_a_version_of_the_profile_that_there_is_not_rolls_back_before_anything_is_deployed(
    records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = a_stable_group(records, cloud)
    with answering(MISSING, status=404) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        with pytest.raises(AirflowFailException, match="has no version 7"):
            run(a_start(profile={**a_use(), "version": 7}), a_context())
    assert groups_of(cloud) == [old]
    assert a_change(records, cloud, STAGE).state() is ChangeState.ROLLED_BACK


def test_a_regions_group_is_created_and_proven_before_any_traffic_moves(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    assert groups_of(cloud) == [old, new]
    assert cloud.weights(cluster(REGION)) == {old: 100}


def test_a_region_whose_group_never_gets_healthy_is_rolled_back_alone(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    task, context = a_start(health_timeout=timedelta(seconds=-1)), a_context()
    parked = deferral(task, context)
    cloud.sick.update(set(groups_of(cloud)) - {old})
    with pytest.raises(AirflowFailException, match="did not become healthy"):
        resume(task, context, parked, fire(parked.trigger))
    assert (groups_of(cloud), cloud.weights(cluster(REGION))) == ([old], {old: 100})
    assert a_run(records).turned_back() is None


def test_a_healthy_region_takes_its_steps_in_order_and_is_promoted(records: Records, cloud: MemoryCloud) -> None:
    cloud_before = len(cloud.history)
    answer = release(records, cloud, REGION)
    assert answer["verdict"] == "PASS"
    shares = [split.get(answer["new"], 0) for split in cloud.history[cloud_before:]]
    assert shares == [0, 5, 20, 50, 100]
    assert all(sum(split.values()) == 100 for split in cloud.history)
    assert answer["old"] in groups_of(cloud)
    (decision,) = records.search(kind=Kind.DECISION, region=REGION)
    judgment: Any = decision.body["judgment"]
    assert judgment["verdict"] == "PASS"


@pytest.mark.parametrize("harm_at", [5, 20, 50])
def test_invariant_6_contained_harm_at_a_step_rolls_that_region_back_alone(
    harm_at: int, records: Records, cloud: MemoryCloud
) -> None:
    good = release(records, cloud, REGIONS[1])
    answer = release(records, cloud, REGION, bad=0.2, harm_at=harm_at)
    assert answer["verdict"] == "FAIL"
    assert cloud.weights(cluster(REGION)) == {answer["old"]: 100}
    assert groups_of(cloud, cluster(REGION)) == [answer["old"]]
    assert max(split.get(answer["new"], 0) for split in cloud.history) == harm_at
    assert cloud.weights(cluster(REGIONS[1])) == {good["new"]: 100}


def test_harm_cuts_traffic_before_the_ramp_goes_on(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    cloud.traffic = split_traffic(cloud, old, new, bad=0.2)
    watched(deferral(a_ramp(new), a_context()), records)
    assert cloud.weights(cluster(REGION)) == {old: 100}


def test_a_region_without_an_old_group_has_nothing_to_compare_with_and_is_promoted(
    records: Records, cloud: MemoryCloud
) -> None:
    new = to_the_end(a_start(), a_context())
    answer = run(a_ramp(new), a_context())
    assert (answer["verdict"], answer["judgment"]) == ("PASS", "")
    run(PromoteRegion(**told(STAGE, group=new, ramp_task="ramp")), a_context(returned={"ramp": answer}))
    assert cloud.weights(cluster(REGION)) == {new: 100}


@pytest.mark.parametrize("taken", RAMP[:-1])
def test_a_ramp_that_is_killed_goes_on_at_the_step_it_had_reached(
    taken: int, records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    cloud.traffic = split_traffic(cloud, old, new)
    clock, context = Clock(), a_context()
    parked = deferral(a_ramp(new), context)
    while share_of(cloud, new) < taken:
        parked = resumed_deferral(a_ramp(new), context, parked, watched(parked, records, clock))
    splits = list(cloud.history)
    again = deferral(a_ramp(new), context)
    assert isinstance(again.trigger, WatchTrigger)
    assert again.trigger.watch["step"] == f"{taken}%"
    assert again.trigger.watch["canary_share"] == taken / 100
    assert cloud.history == splits
    assert ramp_up(a_ramp(new), context, records, clock)["verdict"] == "PASS"


def test_a_window_that_closes_holds_the_ramp_at_its_step_and_watches_on(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    cloud.traffic = split_traffic(cloud, old, new)
    task, context, clock = a_ramp(new), a_context(), Clock()
    parked = deferral(task, context)
    task.calendar = closed_for(timedelta(hours=1))
    for _ in range(2):
        parked = resumed_deferral(task, context, parked, watched(parked, records, clock))
        assert share_of(cloud, new) == 5
    task.calendar = ALWAYS
    resumed_deferral(task, context, parked, watched(parked, records, clock))
    assert share_of(cloud, new) == 20


def test_a_ramp_does_not_begin_while_its_window_is_closed_but_a_begun_one_is_watched(
    records: Records, cloud: MemoryCloud
) -> None:
    a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    task, context = a_ramp(new), a_context()
    task.calendar = closed_for(timedelta(hours=1))
    assert isinstance(deferral(task, context).trigger, DateTimeTrigger)
    task.calendar = ALWAYS
    deferral(task, context)
    task.calendar = closed_for(timedelta(hours=1))
    assert isinstance(deferral(task, context).trigger, WatchTrigger)


def test_going_back_waits_for_no_window(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    deferral(a_ramp(new), a_context())
    context = a_context(returned={"ramp": {"reason": "too few requests"}})
    closed = closed_for(timedelta(hours=1))
    assert run(RollBackRegion(**told(STAGE, ramp_task="ramp", calendar=closed)), context) == "too few requests"
    assert (cloud.weights(cluster(REGION)), groups_of(cloud)) == ({old: 100}, [old])


@pytest.mark.parametrize(
    ("policy", "steps"), [(OnInconclusive.ROLLBACK, 3), (OnInconclusive.PROMOTE, 3), (OnInconclusive.EXTEND, 4)]
)
def test_a_ramp_without_traffic_ends_inconclusive_and_extend_gives_its_last_step_as_long_again(
    policy: OnInconclusive, steps: int, records: Records, cloud: MemoryCloud
) -> None:
    a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    answer = ramp_up(a_ramp(new, on_inconclusive=policy), a_context(), records, Clock())
    assert answer["verdict"] == "INCONCLUSIVE"
    first, *_, last = stored_looks(records, answer["judgment"])
    assert (last.at - first.at).total_seconds() == pytest.approx(20 * steps, abs=2 * steps)


@pytest.mark.parametrize("policy", [STOP, ROLLBACK_ALL])
def test_a_region_of_a_later_wave_stays_untouched_once_another_rolled_back(
    policy: OnRegionFailure, records: Records, cloud: MemoryCloud
) -> None:
    release(records, cloud, REGION, bad=0.2)
    old = a_stable_group(records, cloud, REGIONS[1])
    with pytest.raises(AirflowSkipException, match="us-west-2 stays untouched: us-east-1 rolled back"):
        run(a_start(REGIONS[1], policy), a_context())
    assert records.leases.holder(str(cluster(REGIONS[1]))) is None
    run(a_settling(policy), a_context())
    assert states(records, cloud) == [ChangeState.ROLLED_BACK, ChangeState.UNTOUCHED, ChangeState.UNTOUCHED]
    assert (groups_of(cloud, cluster(REGIONS[1])), share_of(cloud, old, REGIONS[1])) == ([old], 100)


def test_continue_lets_the_regions_of_later_waves_go_on(records: Records, cloud: MemoryCloud) -> None:
    release(records, cloud, REGION, bad=0.2)
    assert release(records, cloud, REGIONS[1])["verdict"] == "PASS"
    assert run(a_settling(), a_context()) == {
        "us-east-1": "rolled back",
        "us-west-2": "promoted",
        "eu-central-1": "untouched",
    }


def test_rollback_all_takes_promoted_regions_back(records: Records, cloud: MemoryCloud) -> None:
    good = release(records, cloud, REGIONS[1], ROLLBACK_ALL)
    assert share_of(cloud, good["new"], REGIONS[1]) == 100
    release(records, cloud, REGION, ROLLBACK_ALL, bad=0.2)
    assert run(a_settling(ROLLBACK_ALL), a_context())["us-west-2"] == "rolled back"
    assert groups_of(cloud, cluster(REGIONS[1])) == [good["old"]]
    assert share_of(cloud, good["old"], REGIONS[1]) == 100


def test_rollback_all_ends_the_ramp_of_a_region_that_is_still_going_up(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud, REGIONS[1])
    new = to_the_end(a_start(REGIONS[1], ROLLBACK_ALL), a_context())
    task, context = a_ramp(new, REGIONS[1], ROLLBACK_ALL), a_context()
    parked = deferral(task, context)
    release(records, cloud, REGION, ROLLBACK_ALL, bad=0.2)
    cloud.traffic = traffic(old, new, requests=(950, 50))
    answer = resume(task, context, parked, watched(parked, records))
    assert (answer["verdict"], share_of(cloud, new, REGIONS[1])) == ("FAIL", 0)
    assert "us-east-1 rolled back" in answer["reason"]


def test_the_reason_to_turn_back_names_the_region_that_failed_first(records: Records, cloud: MemoryCloud) -> None:
    release(records, cloud, REGIONS[2])
    bad = release(records, cloud, REGIONS[1], bad=0.2)
    run(a_settling(), a_context())
    reason = a_run(records).turned_back() or ""
    assert reason.startswith(f"us-west-2 rolled back: {bad['reason']}")
    assert "eu-central-1 promoted" in reason


def test_a_rollout_that_is_whole_does_not_turn_the_run_back(records: Records, cloud: MemoryCloud) -> None:
    for region in REGIONS:
        release(records, cloud, region)
    assert set(run(a_settling(), a_context()).values()) == {"promoted"}
    assert a_run(records).turned_back() is None


def test_a_rollout_of_which_no_region_was_touched_is_skipped(records: Records, cloud: MemoryCloud) -> None:
    with pytest.raises(AirflowSkipException, match="no region was touched"):
        run(a_settling(), a_context())


def test_settling_ends_a_region_that_was_left_in_the_middle_of_its_ramp(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    deferral(a_ramp(new), a_context())
    assert run(a_settling(), a_context())[REGION] == "rolled back"
    assert (groups_of(cloud), share_of(cloud, old)) == ([old], 100)


def test_a_region_that_cannot_be_settled_does_not_keep_the_others_from_it(records: Records, cloud: MemoryCloud) -> None:
    kept = {}
    for region in REGIONS[:2]:
        kept[region] = a_stable_group(records, cloud, region)
        new = to_the_end(a_start(region), a_context())
        deferral(a_ramp(new, region), a_context())

    class HalfBroken(MemoryCloud):
        def route(self, cluster: Cluster, *rest: Any) -> None:
            if cluster.region == REGION:
                raise CloudError("the router of us-east-1 does not answer")
            super().route(cluster, *rest)

    cloud.__class__ = HalfBroken
    with pytest.raises(CloudError, match="us-east-1 does not answer"):
        run(a_settling(), a_context())
    assert share_of(cloud, kept[REGIONS[1]], REGIONS[1]) == 100
    cloud.__class__ = MemoryCloud
    assert run(a_settling(), a_context())[REGION] == "rolled back"


def test_a_promotion_half_taken_back_is_taken_back_for_good(records: Records, cloud: MemoryCloud) -> None:
    good = release(records, cloud, REGION)
    change = a_change(records, cloud, STAGE)
    cloud.broken.add("destroy")
    with pytest.raises(CloudError):
        change.revert("another region rolled back")
    cloud.broken.clear()
    assert change.state() is ChangeState.OPEN
    assert change.settle("the run ended") is ChangeState.ROLLED_BACK
    assert (groups_of(cloud), share_of(cloud, good["old"])) == ([good["old"]], 100)


def test_harm_found_after_the_promotion_by_a_second_watcher_does_not_move_traffic(
    records: Records, cloud: MemoryCloud
) -> None:
    good = release(records, cloud, REGION)
    a_change(records, cloud, STAGE).cut("harm, seen too late")
    assert share_of(cloud, good["new"]) == 100
    assert a_change(records, cloud, STAGE).settle("the run ended") is ChangeState.PROMOTED


def test_a_ramp_compares_the_new_group_with_the_old_one_at_the_share_that_was_set(
    records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    new = to_the_end(a_start(), a_context())
    parked = deferral(a_ramp(new), a_context())
    assert isinstance(parked.trigger, WatchTrigger)
    watch = Watch.from_json(parked.trigger.watch)
    assert (watch.control, watch.canary, watch.canary_share, watch.step) == (old, new, 0.05, "5%")
