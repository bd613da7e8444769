"""Watching: looks are kept before they are judged, harm is answered at once, and no look counts twice."""

import logging
import uuid
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import repeat
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, GennakerError, Judgment, Side, Verdict, judge
from operators.clouds.cloud import Cluster
from operators.errors import CloudError, SupervisorError
from operators.memory import Memory
from operators.records import Kind, Records
from operators.watch import Outcome, Watch, Watcher, judgment_id, record_decision, stored_looks
from operators.watch_trigger import WatchTrigger
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import fire
from tests.fakes.release import CLUSTER, ENVIRONMENT, REGION, a_change, a_stable_group
from tests.fakes.traffic import HARM, a_config, traffic
from tests.fakes.watching import a_watcher, watch_alone, watch_on

STAGE = "automated-canary"
SAFE = (0.002, 0.002)


def a_canary(records: Records, cloud: MemoryCloud, run_id: str = "1", **config: Any) -> Watch:
    """A watch of a baseline and a canary that have 10 % of the traffic each."""
    old = a_stable_group(records, cloud) if not cloud.groups(CLUSTER) else cloud.groups(CLUSTER)[0].name
    change = a_change(records, cloud, STAGE, run_id)
    change.begin()
    baseline, canary = (
        change.create(image="sha256:new", capacity=1, health_path="/healthz", detail=detail)
        for detail in ("baseline", "canary")
    )
    change.route("share", {old: 80, baseline: 10, canary: 10})
    return Watch(
        judgment=judgment_id(change.subject, REGION),
        subject=asdict(change.subject),
        environment=ENVIRONMENT.to_json(),
        region=REGION,
        control=baseline,
        canary=canary,
        canary_share=0.5,
        config=a_config(**config),
    )


def a_step(watch: Watch, clock: Clock, share: float = 0.5, step: str = "20%", seconds: float = 30) -> Watch:
    return replace(watch, canary_share=share, step=step, until=clock.now + timedelta(seconds=seconds))


def replayed(watch: Watch, records: Records) -> Judgment:
    """The judgment of what the record of the watch's decision names."""
    (decision,) = records.search(kind=Kind.DECISION, run=watch.subject["run"])
    body: Any = decision.body
    looks = stored_looks(records, str(body["judgment_id"]))[: body["looks"]]
    return judge(CanaryConfig.model_validate(body["config"]), looks)


def test_a_harmful_canary_has_no_traffic_when_its_watch_is_over(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    before = cloud.history[0]
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM)
    outcome = watch_alone(watch, records, Clock())
    assert outcome.judgment.verdict is Verdict.FAIL
    assert outcome.seconds_to_zero is not None
    assert cloud.weights(CLUSTER) == before


def test_a_safe_canary_passes_and_keeps_its_traffic(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    split = cloud.weights(CLUSTER)
    cloud.traffic = traffic(watch.control, watch.canary)
    outcome = watch_alone(watch, records, Clock())
    assert outcome.judgment.verdict is Verdict.PASS
    assert cloud.weights(CLUSTER) == split


def test_traffic_that_was_not_split_as_set_is_an_error_and_is_cut(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    cloud.traffic = traffic(watch.control, watch.canary, requests=(900, 100))
    outcome = watch_alone(watch, records, Clock())
    assert outcome.judgment.verdict is Verdict.ERROR
    assert watch.canary not in cloud.weights(CLUSTER)


@pytest.mark.parametrize("sides", ["no groups", "no requests", "the canary alone has none"])
def test_invariant_5_no_data_never_passes(sides: str, records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    match sides:
        case "no groups":
            cloud.traffic = repeat({})
        case "no requests":
            cloud.traffic = repeat({watch.control: Side(0, 0), watch.canary: Side(0, 0)})
        case _:
            cloud.traffic = traffic(watch.control, watch.canary, requests=(3, 0))
    outcome = watch_alone(watch, records, Clock())
    assert outcome.judgment.verdict is not Verdict.PASS
    assert "traffic" in outcome.judgment.reason or "no requests" in outcome.judgment.reason


@pytest.mark.parametrize("errors", [SAFE, HARM], ids=["safe", "harmful"])
@pytest.mark.parametrize("every", [1, 3])
def test_invariant_7_a_watch_restarted_in_the_middle_judges_as_one_that_never_stopped(
    every: int, errors: tuple[float, float], records: Records, cloud: MemoryCloud
) -> None:
    steady = a_canary(records, cloud, "steady")
    cloud.traffic = traffic(steady.control, steady.canary, errors=errors)
    expected = watch_alone(steady, records, Clock()).judgment
    records.leases.release(str(CLUSTER), "playback/steady")

    broken = a_canary(records, cloud, "broken")
    cloud.traffic = traffic(broken.control, broken.canary, errors=errors)
    clock, watchers = Clock(), []

    def watcher() -> Watcher:
        if len(watchers) % every == 0:
            watchers.append(a_watcher(broken, records, clock))
        else:
            watchers.append(watchers[-1])
        return watchers[-1]

    assert watch_on(watcher, clock).judgment == expected


def test_two_watchers_at_once_keep_each_look_once_and_agree(records: Records, cloud: MemoryCloud) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    cloud.traffic = traffic(watch.control, watch.canary)
    one, other = a_watcher(watch, records, clock), a_watcher(watch, records, clock)
    while True:
        first, second = one.look(), other.look()
        clock.go_on()
        if first.is_over and second.is_over:
            break
    assert first.judgment == second.judgment
    looks = stored_looks(records, watch.judgment)
    assert len({look.at for look in looks}) == len(looks) == first.judgment.looks


def test_a_watcher_that_comes_late_learns_of_the_harm_that_the_other_saw(records: Records, cloud: MemoryCloud) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    late = a_watcher(watch, records, clock)
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM)
    decided = watch_alone(watch, records, clock)
    outcome = late.look()
    assert (outcome.is_over, outcome.judgment) == (True, decided.judgment)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.tuples(*[st.integers(0, 400)] * 2, *[st.floats(0, 1)] * 2), min_size=2, max_size=12),
    restarts=st.sets(st.integers(1, 11)),
)
def test_invariant_7_replayable_stored_looks_give_the_recorded_judgment_bit_for_bit(
    counts: list[tuple[int, int, float, float]], restarts: set[int], records: Records, cloud: MemoryCloud
) -> None:
    run_id = uuid.uuid4().hex
    watch, clock = a_canary(records, cloud, run_id), Clock()
    total = [0, 0, 0, 0]
    watcher = a_watcher(watch, records, clock)
    for number, (n_control, n_canary, bad_control, bad_canary) in enumerate(counts):
        if number in restarts:
            watcher = a_watcher(watch, records, clock)
        grown = (n_control, int(n_control * bad_control), n_canary, int(n_canary * bad_canary))
        total = [a + b for a, b in zip(total, grown, strict=True)]
        cloud.traffic = iter([{watch.control: Side(*total[:2]), watch.canary: Side(*total[2:])}])
        outcome = watcher.look()
        clock.go_on()
    record_decision(watch, outcome, records)
    records.leases.release(str(CLUSTER), f"playback/{run_id}")
    a_change(records, cloud, STAGE, run_id).end_comparison()
    assert replayed(watch, records) == outcome.judgment == Judgment.from_json(outcome.judgment.to_json())


def test_a_faulty_look_is_an_error_that_can_be_replayed(records: Records, cloud: MemoryCloud) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    good = {watch.control: Side(10, 0), watch.canary: Side(10, 0)}
    cloud.traffic = iter([good, {watch.control: Side(20, 0), watch.canary: Side(-1, 0)}])
    outcome = watch_alone(watch, records, clock)
    assert outcome.judgment.verdict is Verdict.ERROR
    record_decision(watch, outcome, records)
    assert replayed(watch, records) == outcome.judgment


def test_a_decision_is_recorded_once_with_what_it_was_made_from(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM)
    outcome = watch_alone(watch, records, Clock())
    for _ in range(2):
        record_decision(watch, outcome, records)
    (decision,) = records.search(kind=Kind.DECISION)
    assert (decision.subject.stage, decision.subject.region) == (STAGE, REGION)
    body: Any = decision.body
    assert body["judgment"]["verdict"] == "FAIL"
    assert body["looks"] == len(stored_looks(records, watch.judgment))
    assert body["config"] == watch.config


def test_a_step_of_a_ramp_is_watched_to_its_end_even_after_a_pass(records: Records, cloud: MemoryCloud) -> None:
    clock = Clock()
    watch = a_step(a_canary(records, cloud), clock, seconds=20)
    cloud.traffic = traffic(watch.control, watch.canary)
    outcome = watch_alone(watch, records, clock)
    assert outcome.judgment.verdict is Verdict.PASS
    assert outcome.judgment.elapsed_s == 20


@pytest.mark.parametrize("restarted", [False, True])
def test_harm_that_shows_only_after_a_pass_is_answered_at_once(
    restarted: bool, records: Records, cloud: MemoryCloud
) -> None:
    clock = Clock()
    watch = a_step(a_canary(records, cloud), clock, seconds=60)
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM, harm_from=20)
    watcher = a_watcher(watch, records, clock)
    outcome = watch_on(lambda: a_watcher(watch, records, clock) if restarted else watcher, clock)
    assert outcome.judgment.verdict is Verdict.FAIL
    assert 20 <= outcome.judgment.elapsed_s < 60
    assert watch.canary not in cloud.weights(CLUSTER)


def test_the_next_step_goes_on_with_the_evidence_of_the_last(records: Records, cloud: MemoryCloud) -> None:
    clock = Clock()
    watch = a_canary(records, cloud)
    cloud.traffic = traffic(watch.control, watch.canary)
    first = watch_alone(a_step(watch, clock, step="5%", seconds=10), records, clock)
    clock.go_on()
    second = watch_alone(a_step(watch, clock, step="20%", seconds=10), records, clock)
    assert first.judgment.looks == 11
    assert second.judgment.looks == 22
    assert {look.step for look in stored_looks(records, watch.judgment)} == {"5%", "20%"}


def test_while_the_cloud_does_not_answer_nothing_is_learned_and_time_goes_on(
    records: Records, cloud: MemoryCloud, caplog: pytest.LogCaptureFixture
) -> None:
    watch, clock = a_canary(records, cloud, min_requests=10_000), Clock()
    cloud.traffic = traffic(watch.control, watch.canary)
    watcher = a_watcher(watch, records, clock)
    watcher.look()
    cloud.broken.add("observe")
    with caplog.at_level(logging.WARNING):
        outcome = watch_on(lambda: watcher, clock)
    assert outcome.judgment.verdict is Verdict.INCONCLUSIVE
    assert outcome.judgment.requests_canary == 0
    assert "traffic_not_seen" in caplog.text


@pytest.mark.parametrize("back_s", [0, 5, 3600])
def test_a_clock_that_is_set_back_does_not_cost_the_release(
    back_s: float, records: Records, cloud: MemoryCloud
) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    cloud.traffic = traffic(watch.control, watch.canary)
    watcher = a_watcher(watch, records, clock)
    watcher.look()
    clock.go_on(-back_s)
    assert watcher.look().judgment.verdict is Verdict.INCONCLUSIVE
    clock.go_on(back_s)
    assert watch_on(lambda: watcher, clock).judgment.verdict is Verdict.PASS


def test_harm_is_answered_again_when_traffic_could_not_be_cut_at_first(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud)
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM)
    cloud.broken.add("route")
    clock = Clock()
    watcher = a_watcher(watch, records, clock)
    with pytest.raises(CloudError, match="does not route"):
        watch_on(lambda: watcher, clock)
    assert watch.canary in cloud.weights(CLUSTER)
    cloud.broken.clear()
    assert watcher.look().is_over
    assert watch.canary not in cloud.weights(CLUSTER)


def test_traffic_is_cut_before_the_event_fires(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud, interval="0.01s", min_duration="0s")
    cloud.traffic = traffic(watch.control, watch.canary, errors=HARM)
    event = fire(WatchTrigger(watch.to_json()))
    assert Outcome.from_json(event).judgment.verdict is Verdict.FAIL
    assert watch.canary not in cloud.weights(CLUSTER)


def test_a_trigger_goes_on_where_another_one_stopped(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud, interval="0.01s", min_duration="0s")
    cloud.traffic = traffic(watch.control, watch.canary)
    for _ in range(3):
        Watcher(watch, records, Memory(records)).look()
    outcome = Outcome.from_json(fire(WatchTrigger(watch.to_json())))
    assert outcome.judgment.verdict is Verdict.PASS
    assert outcome.judgment.looks == len(stored_looks(records, watch.judgment)) > 3


def test_a_look_that_fails_is_taken_again_by_the_trigger(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud, interval="0.01s", min_duration="0s")
    seen, failures = traffic(watch.control, watch.canary), iter(["first", "second"])

    class Flaky(MemoryCloud):
        def observe(self, cluster: Cluster) -> Any:
            self.broken = {"observe"} if next(failures, None) else set()
            return super().observe(cluster)

    cloud.__class__, cloud.traffic = Flaky, seen
    assert Outcome.from_json(fire(WatchTrigger(watch.to_json()))).judgment.verdict is Verdict.PASS


@pytest.mark.parametrize("is_step", [False, True], ids=["canary", "step of a ramp"])
def test_a_watch_that_never_sees_the_traffic_ends_inconclusive_at_its_deadline(
    is_step: bool, records: Records, cloud: MemoryCloud
) -> None:
    clock = Clock()
    watch = replace(a_canary(records, cloud), began=clock.now)
    watch = a_step(watch, clock, seconds=30) if is_step else watch
    cloud.broken.add("observe")
    watcher = a_watcher(watch, records, clock)
    with pytest.raises(CloudError, match="does not observe"):
        watcher.look()
    clock.go_on(30 if is_step else 60)
    restarted = a_watcher(Watch.from_json(watch.to_json()), records, clock)
    outcome = restarted.look()
    assert (outcome.is_over, outcome.judgment.verdict) == (True, Verdict.INCONCLUSIVE)
    assert "could not be seen" in outcome.judgment.reason
    record_decision(watch, outcome, records)
    assert replayed(watch, records) == outcome.judgment == Judgment.from_json(outcome.judgment.to_json())


@pytest.mark.parametrize("trouble", [CloudError, SupervisorError])
def test_whatever_keeps_the_cloud_from_answering_a_watch_still_ends(
    trouble: type[GennakerError], records: Records, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    cloud.traffic = traffic(watch.control, watch.canary)
    watcher = a_watcher(watch, records, clock)
    watcher.look()

    def fails(self: MemoryCloud, cluster: Cluster) -> Any:
        raise trouble("no answer")

    monkeypatch.setattr(MemoryCloud, "observe", fails)
    assert watch_on(lambda: watcher, clock).judgment.verdict is Verdict.INCONCLUSIVE


def test_a_trigger_ends_a_watch_that_never_sees_the_traffic(records: Records, cloud: MemoryCloud) -> None:
    watch = a_canary(records, cloud, interval="0.01s", min_duration="0s")
    watch = replace(watch, began=watch.began - timedelta(minutes=1))
    cloud.broken.add("observe")
    event = fire(WatchTrigger(watch.to_json()))
    assert Outcome.from_json(event).judgment.verdict is Verdict.INCONCLUSIVE


def test_what_a_trigger_carries_is_plain_and_comes_back_equal(records: Records, cloud: MemoryCloud) -> None:
    watch, clock = a_canary(records, cloud), Clock()
    for each in (watch, a_step(watch, clock)):
        assert Watch.from_json(each.to_json()) == each
    cloud.traffic = traffic(watch.control, watch.canary)
    outcome = a_watcher(watch, records, clock).look()
    assert Outcome.from_json(outcome.to_json()) == outcome
