"""Automated canary: a fresh pair of equal size, compared, and removed whatever came out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from canary import CanaryConfig
from operators.automated_canary import JudgeCanary, StartCanary, StopCanary, TurnBack
from operators.change import ChangeState
from operators.choices import OnInconclusive
from operators.records import Kind, Records
from operators.records.outbox import Outbox
from operators.records.records import utc_now
from operators.triggers import HealthTrigger
from operators.watch import Watch, stored_looks
from operators.watch_trigger import WatchTrigger
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, deferral, fire, resume, resumed_deferral, run, to_the_end
from tests.fakes.registry import MISSING, a_version, answering
from tests.fakes.release import ALWAYS, CLUSTER, REGION, a_change, a_run, a_stable_group, closed_for, groups_of, told
from tests.fakes.traffic import HARM, a_config, a_use, traffic
from tests.fakes.watching import watched

STAGE = "automated-canary"


def a_start(**more: Any) -> StartCanary:
    sizes = {
        "image": "sha256:new",
        "capacity": 1,
        "traffic_percent": 10,
        "health_timeout": timedelta(seconds=5),
        "profile": a_use(),
    }
    return StartCanary(**told(STAGE, **{**sizes, **more}))


def a_judge(on_inconclusive: OnInconclusive = OnInconclusive.ROLLBACK, **config: Any) -> JudgeCanary:
    return JudgeCanary(
        **told(STAGE, start_task="start", image="sha256:new", profile=a_use(**config), on_inconclusive=on_inconclusive)
    )


def a_stop() -> StopCanary:
    return StopCanary(**told(STAGE))


def a_shared_canary(records: Records, cloud: MemoryCloud) -> dict[str, str]:
    """Baseline and canary with 10 % of the traffic each, beside a stable group."""
    a_stable_group(records, cloud)
    groups: dict[str, str] = to_the_end(a_start(), a_context())
    return groups


def test_the_first_release_has_nothing_to_compare_with_and_skips_its_canary(
    records: Records, cloud: MemoryCloud
) -> None:
    with pytest.raises(AirflowSkipException, match="nothing to compare with"):
        run(a_start(), a_context())
    assert groups_of(cloud) == []
    assert a_change(records, cloud, STAGE).state() is ChangeState.UNTOUCHED


def test_the_baseline_is_a_fresh_group_of_the_image_that_has_the_traffic(records: Records, cloud: MemoryCloud) -> None:
    a_stable_group(records, cloud, image="sha256:idle")
    old = a_stable_group(records, cloud, image="sha256:stable")
    parked = deferral(a_start(), a_context())
    assert isinstance(parked.trigger, HealthTrigger)
    baseline, canary = (g for g in cloud.groups(CLUSTER) if g.spec.detail)
    assert baseline.name != old
    assert (baseline.spec.image, canary.spec.image) == ("sha256:stable", "sha256:new")


@pytest.mark.parametrize("percent", [1, 10, 33, 50])
def test_baseline_and_canary_have_equal_capacity_and_an_equal_share(
    percent: int, records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    groups = to_the_end(a_start(capacity=3, traffic_percent=percent), a_context())
    capacities = {g.name: g.spec.capacity for g in cloud.groups(CLUSTER)}
    assert capacities[groups["control"]] == capacities[groups["canary"]] == 3
    rest = {old: 100 - 2 * percent} if percent < 50 else {}
    assert cloud.weights(CLUSTER) == {**rest, groups["control"]: percent, groups["canary"]: percent}


def test_a_version_of_the_profile_that_there_is_not_fails_the_stage_before_anything_is_deployed(
    records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = a_stable_group(records, cloud)
    with answering(MISSING, status=404) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        with pytest.raises(AirflowFailException, match=r"no version 7.*To mend"):
            run(a_start(profile={**a_use(), "version": 7}), a_context())
    assert groups_of(cloud) == [old]
    assert "has no version 7" in (a_run(records).turned_back() or "")


def test_a_canary_is_judged_by_what_its_run_pinned_and_says_so(
    records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = CanaryConfig.model_validate({**a_config(), "min_requests": 77})
    with answering(a_version(tuned, 7)) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        groups = a_shared_canary(records, cloud)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    task, context = a_judge(alpha=0.02), a_context(returned={"start": groups})
    cloud.traffic = traffic(groups["control"], groups["canary"])
    parked = deferral(task, context)
    resume(task, context, parked, watched(parked, records))
    (decision,) = records.search(kind=Kind.DECISION, run="playback/1")
    config: Any = decision.body["config"]
    assert (decision.body["profile_version"], config["min_requests"], config["alpha"]) == (7, 77, 0.02)
    [told] = Outbox(records.database, utc_now).entries(str(decision.body["judgment_id"]), 1)
    facts = {
        "definition": "sha256:definition",
        "image": "sha256:new",
        "policy": "rollback",
        "profile_origin": "registry",
        "profile_version": "7",
    }
    for where in ("params", "tags"):
        said: Any = told.payload[where]
        assert {name: said[name] for name in facts} == facts


def test_no_traffic_moves_before_both_groups_are_healthy(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    deferral(a_start(), a_context())
    assert cloud.weights(CLUSTER) == {old: 100}


def test_a_pair_that_never_gets_healthy_is_removed_and_turns_the_run_back(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    task, context = a_start(health_timeout=timedelta(seconds=-1)), a_context()
    parked = deferral(task, context)
    cloud.sick.update(groups_of(cloud))
    event = fire(parked.trigger)
    cloud.sick.clear()
    with pytest.raises(AirflowFailException, match="did not become healthy"):
        resume(task, context, parked, event)
    assert (cloud.weights(CLUSTER), groups_of(cloud)) == ({old: 100}, [old])
    assert "did not become healthy" in (a_run(records).turned_back() or "")


def test_a_window_that_closed_while_the_pair_started_is_waited_for(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    task, context = a_start(), a_context()
    parked = deferral(task, context)
    task.calendar = closed_for(timedelta(hours=1))
    waiting = resumed_deferral(task, context, parked, fire(parked.trigger))
    assert isinstance(waiting.trigger, DateTimeTrigger)
    assert cloud.weights(CLUSTER) == {old: 100}
    task.calendar = ALWAYS
    proving = resumed_deferral(task, context, waiting, None)
    groups = resume(task, context, proving, fire(proving.trigger))
    assert cloud.weights(CLUSTER)[groups["canary"]] == 10


def test_a_canary_with_traffic_is_watched_even_while_the_window_is_closed(records: Records, cloud: MemoryCloud) -> None:
    context = a_context(returned={"start": a_shared_canary(records, cloud)})
    task = a_judge()
    task.calendar = closed_for(timedelta(hours=1))
    assert isinstance(deferral(task, context).trigger, WatchTrigger)


@pytest.mark.parametrize(("errors", "verdict"), [((0.002, 0.002), "PASS"), (HARM, "FAIL")])
def test_the_judgment_is_returned_recorded_and_reported(
    errors: tuple[float, float], verdict: str, records: Records, cloud: MemoryCloud, home: Path
) -> None:
    groups = a_shared_canary(records, cloud)
    task, context = a_judge(), a_context(returned={"start": groups})
    cloud.traffic = traffic(groups["control"], groups["canary"], errors=errors)
    parked = deferral(task, context)
    answer = resume(task, context, parked, watched(parked, records))
    assert answer["verdict"] == verdict
    (decision,) = records.search(kind=Kind.DECISION, run="playback/1")
    judgment: Any = decision.body["judgment"]
    assert (judgment["verdict"], judgment["reason"]) == (verdict, answer["reason"])
    assert answer["reason"] in (home / "reports" / f"{answer['judgment']}.json").read_text()
    assert (home / "reports" / f"{answer['judgment']}.html").is_file()
    assert (groups["canary"] in cloud.weights(CLUSTER)) == (verdict == "PASS")


def test_a_judge_that_is_started_again_goes_on_with_the_looks_there_are(records: Records, cloud: MemoryCloud) -> None:
    groups = a_shared_canary(records, cloud)
    context = a_context(returned={"start": groups})
    cloud.traffic = traffic(groups["control"], groups["canary"])
    first, again = deferral(a_judge(), context), deferral(a_judge(), context)
    assert isinstance(first.trigger, WatchTrigger)
    assert isinstance(again.trigger, WatchTrigger)
    assert {**first.trigger.watch, "began": again.trigger.watch["began"]} == again.trigger.watch


@pytest.mark.parametrize("policy", [OnInconclusive.ROLLBACK, OnInconclusive.PROMOTE, OnInconclusive.ASK])
def test_without_a_decision_in_time_the_judge_says_inconclusive_and_leaves_the_rest_to_the_gate(
    policy: OnInconclusive, records: Records, cloud: MemoryCloud
) -> None:
    task, context = a_judge(policy, duration="10s"), a_context(returned={"start": a_shared_canary(records, cloud)})
    parked = deferral(task, context)
    answer = resume(task, context, parked, watched(parked, records))
    assert answer["verdict"] == "INCONCLUSIVE"


def test_extend_gives_an_undecided_canary_its_time_once_more_and_no_more(records: Records, cloud: MemoryCloud) -> None:
    task = a_judge(OnInconclusive.EXTEND, duration="10s")
    context, clock = a_context(returned={"start": a_shared_canary(records, cloud)}), Clock()
    parked = deferral(task, context)
    longer = resumed_deferral(task, context, parked, watched(parked, records, clock))
    assert isinstance(longer.trigger, WatchTrigger)
    assert longer.trigger.watch["config"]["duration"] == "20s"
    answer = resume(task, context, longer, watched(longer, records, clock))
    assert answer["verdict"] == "INCONCLUSIVE"
    looks = stored_looks(records, Watch.from_json(longer.trigger.watch).judgment)
    assert looks[-1].at - looks[0].at >= timedelta(seconds=20)


def test_an_extended_canary_can_still_pass(records: Records, cloud: MemoryCloud) -> None:
    groups = a_shared_canary(records, cloud)
    task = a_judge(OnInconclusive.EXTEND, duration="10s", min_requests=1500)
    context, clock = a_context(returned={"start": groups}), Clock()
    cloud.traffic = traffic(groups["control"], groups["canary"])
    parked = deferral(task, context)
    longer = resumed_deferral(task, context, parked, watched(parked, records, clock))
    assert resume(task, context, longer, watched(longer, records, clock))["verdict"] == "PASS"


def test_turning_back_gives_traffic_back_and_says_why_the_run_goes_no_further(
    records: Records, cloud: MemoryCloud
) -> None:
    groups = a_shared_canary(records, cloud)
    context = a_context(returned={"judge": {"verdict": "INCONCLUSIVE", "reason": "too few requests"}})
    task = TurnBack(**told(STAGE, judge="judge", calendar=closed_for(timedelta(hours=1))))
    run(task, context)
    assert groups["canary"] not in cloud.weights(CLUSTER)
    assert a_run(records).turned_back() == f"{STAGE} in {REGION}: too few requests"


@pytest.mark.parametrize("stopped", ["before its health was proven", "with traffic", "after traffic was cut"])
def test_stopping_a_canary_removes_both_groups_whatever_happened(
    stopped: str, records: Records, cloud: MemoryCloud
) -> None:
    if stopped == "before its health was proven":
        a_stable_group(records, cloud)
        deferral(a_start(), a_context())
    else:
        a_shared_canary(records, cloud)
    if stopped == "after traffic was cut":
        a_change(records, cloud, STAGE).cut("harm")
    for _ in range(2):
        run(a_stop(), a_context())
        (left,) = cloud.groups(CLUSTER)
        assert (left.spec.detail, dict(cloud.weights(CLUSTER))) == ("", {left.name: 100})
    assert a_change(records, cloud, STAGE).state() is ChangeState.UNTOUCHED


def test_stopping_a_canary_that_never_began_leaves_no_trace(records: Records, cloud: MemoryCloud) -> None:
    run(a_stop(), a_context())
    assert records.search(run="playback/1") == []
