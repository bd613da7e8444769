"""Gauges: by pods where there are enough, as a series where there are not, and what else pods do."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canary import CanaryConfig, Verdict
from canary.config import MetricConfig
from canary.samples import EventCount, Gauge, Lacking
from canary.sequential.gauges import GaugePanel
from canary.sequential.metrics import Limits, Reading, result_of
from canary.sequential.mixtures import Floats
from canary.sequential.pods import PodEvidence, PodMeans, welch
from canary.sequential.prewhitened import HIGHEST, Prewhitened
from canary.ticks import Pair, Tick

NAME = "cpu"
HOUR = timedelta(hours=1)
Pods = Mapping[str, float]


def a_metric(**settings: object) -> MetricConfig:
    return MetricConfig.model_validate({"name": NAME, "kind": "gauge", "margin": 1.2, "unit": "%", **settings})


def a_tick(baseline: Pods, canary: Pods, *, opens_step: bool = False) -> Tick:
    return Tick(60.0, 0.5, opens_step, 50, 50, {NAME: Pair(Gauge(baseline), Gauge(canary))})


def pods(values: Floats) -> dict[str, float]:
    return {f"pod-{number}": float(value) for number, value in enumerate(values)}


def autocorrelated(rng: np.random.Generator, phi: float, shape: tuple[int, int]) -> Floats:
    values = rng.standard_normal(shape)
    for minute in range(1, len(values)):
        values[minute] = phi * values[minute - 1] + np.sqrt(1 - phi**2) * values[minute]
    return values


def drawn(ratio: float, count: int, *, minutes: int = 60, phi: float = 0.3, seed: int = 1) -> list[Tick]:
    rng = np.random.default_rng(seed)
    baseline, canary = (50 * (1 + 0.05 * autocorrelated(rng, phi, (minutes, count))) for _ in range(2))
    return [a_tick(pods(one), pods(ratio * other)) for one, other in zip(baseline, canary, strict=True)]


def read(ticks: list[Tick], metric: MetricConfig | None = None, *, is_stepped: bool = False) -> Reading:
    metric = metric or a_metric()
    panel = GaugePanel([metric], CanaryConfig(metrics=(metric,), duration=HOUR), is_stepped=is_stepped)
    for tick in ticks:
        if tick.opens_step:
            panel.begin_step()
        panel.add(tick)
    return panel.readings()[0]


def verdict(ticks: list[Tick], metric: MetricConfig | None = None) -> Verdict:
    metric = metric or a_metric()
    return result_of(
        read(ticks, metric), metric, Limits.of(CanaryConfig(metrics=(metric,), duration=HOUR)), len(ticks)
    ).verdict


def pods_of(tick: Tick) -> tuple[dict[str, float], dict[str, float]]:
    pair = tick.metrics[NAME]
    assert isinstance(pair, Pair)
    assert isinstance(pair.baseline, Gauge)
    assert isinstance(pair.canary, Gauge)
    return dict(pair.baseline.pods), dict(pair.canary.pods)


def swapped(ticks: list[Tick]) -> list[Tick]:
    return [a_tick(canary, baseline) for baseline, canary in map(pods_of, ticks)]


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_higher_gauge_is_found_and_an_equal_one_passes(count: int) -> None:
    assert verdict(drawn(1.3, count)) is Verdict.FAIL
    assert verdict(drawn(1.0, count)) is Verdict.PASS


@pytest.mark.parametrize("count", [1, 5])
def test_less_is_harm_where_the_direction_says_so(count: int) -> None:
    assert verdict(drawn(0.7, count), a_metric(direction="decrease")) is Verdict.FAIL
    assert verdict(drawn(1.3, count), a_metric(direction="decrease")) is Verdict.PASS


@pytest.mark.parametrize(("count", "is_weak"), [(1, True), (2, True), (3, False)])
def test_fewer_than_three_pods_are_too_weak_to_fail_a_canary_alone(count: int, is_weak: bool) -> None:
    assert read(drawn(1.3, count)).is_weak is is_weak


def test_nothing_is_said_before_the_first_sixth_is_over() -> None:
    early = read(drawn(3.0, 3, minutes=9))
    assert (early.log_harm, early.log_safe) == (0.0, 0.0)
    assert "compared after 10 min" in early.comparison
    assert verdict(drawn(3.0, 3, minutes=10)) is Verdict.FAIL


def test_pods_are_looked_at_six_times_and_no_more() -> None:
    ticks = drawn(1.0, 3, minutes=60)
    late = drawn(3.0, 3, minutes=30)
    assert "look 6 of 6" in read(ticks).comparison
    assert read([*ticks, *late]).log_harm == read(ticks).log_harm


def test_a_series_that_foretells_itself_is_inconclusive() -> None:
    rng = np.random.default_rng(2)
    walk = 50 + np.cumsum(rng.standard_normal(60))
    reading = read([a_tick({"a": 50.0}, {"b": float(value)}) for value in walk])
    assert reading.lacking is not None
    assert reading.lacking.outcome == "autocorrelated"
    assert reading.log_harm == 0


def test_a_small_difference_of_one_pod_is_taken_for_the_pods_own() -> None:
    assert verdict(drawn(1.02, 1, phi=0.0)) is not Verdict.FAIL


def test_pods_that_come_and_go_count_when_they_were_there_half_of_the_time() -> None:
    means = PodMeans()
    for minute in range(10):
        canary = {"stays": 2.0, "late": 2.0} if minute >= 6 else {"stays": 2.0, "early": 2.0}
        means.add({"one": 1.0}, canary)
    assert [len(side) for side in means.levels()] == [1, 2]


def test_a_pod_that_came_late_is_not_different_because_the_load_rose() -> None:
    means = PodMeans()
    for minute in range(20):
        load = 10.0 + minute
        late = {"late": load} if minute >= 10 else {}
        means.add({"a": load, "b": load}, {"c": load, **late})
    baseline, canary = means.levels()
    assert canary == pytest.approx(np.full(2, baseline[0]))


def test_when_pods_are_lost_the_comparison_waits_and_says_so() -> None:
    lost = [a_tick(pods(np.full(3, 50.0)), {f"new-{minute}": 50.0}) for minute in range(40)]
    reading = read([*drawn(1.0, 3, minutes=15), *lost])
    assert reading.lacking is not None
    assert "fewer than 3 pods" in reading.lacking.why


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("canary", "expected"), [(50.0, Verdict.PASS), (70.0, Verdict.FAIL)])
def test_gauges_that_never_move_are_judged_too(count: int, canary: float, expected: Verdict) -> None:
    assert verdict([a_tick(pods(np.full(count, 50.0)), pods(np.full(count, canary)))] * 60) is expected


@pytest.mark.parametrize("count", [1, 3])
def test_gauges_that_are_all_zero_are_no_harm(count: int) -> None:
    assert verdict([a_tick(pods(np.zeros(count)), pods(np.zeros(count)))] * 60) is not Verdict.FAIL


@pytest.mark.parametrize("count", [1, 3])
def test_negative_gauges_are_compared_by_size(count: int) -> None:
    rng = np.random.default_rng(6)
    levels = -50 + rng.standard_normal((60, 2, count))
    assert verdict([a_tick(pods(one), pods(other)) for one, other in levels]) is Verdict.PASS
    assert verdict([a_tick(pods(one), pods(other + 20)) for one, other in levels]) is Verdict.FAIL


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_pod_without_a_number_is_left_out_and_the_others_judged(bad: float) -> None:
    ticks = [a_tick({**baseline, "bad": bad}, canary) for baseline, canary in map(pods_of, drawn(1.3, 3))]
    assert read(ticks) == read(drawn(1.3, 3))


def test_a_side_without_any_number_is_named() -> None:
    reading = read([*drawn(1.0, 3), a_tick({"a": 1.0}, {"b": float("nan")})])
    assert reading.lacking == Lacking("no data", "no pod of the canary shows a number")


def test_what_is_no_gauge_is_named() -> None:
    reading = read([Tick(60.0, 0.5, False, 1, 1, {NAME: Pair(EventCount(1), EventCount(1))})])
    assert reading.lacking is not None
    assert reading.lacking.outcome == "wrong kind"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("low", [0.0, 1e-300, 1e-60, 1.0, -3.0])
@pytest.mark.parametrize("high", [1e-150, 1e8, 1e60])
def test_values_of_any_size_give_numbers(count: int, low: float, high: float) -> None:
    seen = [(low * (1 + minute % 3) / 3, high / (1 + minute % 2)) for minute in range(60)]
    with np.errstate(all="raise", under="ignore"):
        reading = read([a_tick(*(pods(np.full(count, value)) for value in each)) for each in seen])
    assert np.isfinite([reading.log_harm, reading.log_safe]).all()


def test_harm_that_comes_later_takes_the_certificate_of_pods_back() -> None:
    quiet, metric = drawn(1.0, 4, minutes=20), a_metric(margin=1.5)
    assert verdict(quiet, metric) is Verdict.PASS
    broken = [a_tick(baseline, {**canary, "pod-0": 5e6}) for baseline, canary in map(pods_of, drawn(1.0, 4))]
    assert verdict([*quiet, *broken[20:]], metric) is Verdict.INCONCLUSIVE


def test_values_too_large_to_square_are_named() -> None:
    reading = read([a_tick({"a": 1.0}, {"b": 1e300})])
    assert reading.lacking is not None
    assert reading.lacking.outcome == "out of range"


def test_each_step_of_a_ramp_has_looks_of_its_own_at_half_the_rate_of_the_last() -> None:
    harmful = drawn(1.2, 5, seed=3)
    opening = Tick(60.0, 0.5, True, 50, 50, harmful[0].metrics)
    whole = read([*drawn(1.0, 5), opening, *harmful[1:]], is_stepped=True)
    assert whole.log_harm == pytest.approx(read(harmful).log_harm - np.log(4))
    assert read([*drawn(1.0, 5), opening], is_stepped=True).log_safe == 0


def test_welch_is_scipys() -> None:
    baseline, canary = np.random.default_rng(1).normal(5, 1, (2, 6))
    ours = welch(baseline[:4], canary)
    theirs = stats.ttest_ind(canary, baseline[:4], equal_var=False, alternative="greater")
    assert np.exp(ours.log_upper()) == pytest.approx(theirs.pvalue)


def test_the_ends_of_many_are_those_of_each_alone() -> None:
    rng = np.random.default_rng(1)
    many, alone = ([PodEvidence(1, (1.0, 1.5), (1,)) for _ in range(5)] for _ in range(2))
    for one, other, values in zip(many, alone, rng.normal(50, 1, (5, 2, 1, 4)), strict=True):
        one.look(*values)
        other.look(*values)
    PodEvidence.foresee_ends([*many, PodEvidence(1, (1.0, 1.5), (1,))], 0.05)
    assert [each.interval(0.05) for each in many] == [each.interval(0.05) for each in alone]


def test_either_way_is_harm_when_both_signs_are_asked_for() -> None:
    baseline, canary = np.full((1, 3), 50.0), np.full((1, 3), 30.0)
    either, more = PodEvidence(1, (1.0, 1.5), (1, -1)), PodEvidence(1, (1.0, 1.5), (1,))
    for evidence in (either, more):
        evidence.look(baseline, canary)
    assert either.log_harm[0] > 5
    assert more.log_harm[0] == 0
    assert either.log_safe[0] <= 0


def test_autocorrelation_is_estimated_without_much_bias() -> None:
    values = autocorrelated(np.random.default_rng(4), 0.6, (60, 500))
    series = Prewhitened(500)
    for each in values:
        series.add(each)
    assert series.autocorrelation().mean() == pytest.approx(0.6, abs=0.05)
    assert series.autocorrelation().mean() < HIGHEST


def test_the_interval_of_a_series_holds_its_mean() -> None:
    values = 2 + autocorrelated(np.random.default_rng(5), 0.3, (60, 400))
    series, missed = Prewhitened(400), np.zeros(400, bool)
    for each in values:
        series.add(each)
        _, low, high = series.intervals(0.05)
        missed |= (low > 2) | (high < 2)
    assert missed.mean() <= 0.05
    assert np.median(high - low) < 2


def test_looks_that_are_missing_leave_the_clock_running() -> None:
    ticks = drawn(1.3, 3)
    gone = Tick(60.0, 0.5, False, 1, 1, {NAME: Lacking("late", "it came too late")})
    assert read([gone if minute % 2 else tick for minute, tick in enumerate(ticks)]).log_harm > 5


@settings(max_examples=15, deadline=None)
@given(ratio=st.floats(0.7, 1.5), seed=st.integers(0, 1000), count=st.sampled_from([1, 4]), tolerance=st.floats(1, 1.1))
def test_swapping_the_sides_swaps_harm_and_improvement(ratio: float, seed: int, count: int, tolerance: float) -> None:
    ticks = drawn(ratio, count, seed=seed)
    more = read(ticks, a_metric(tolerance=tolerance))
    less = read(swapped(ticks), a_metric(tolerance=tolerance, direction="decrease"))
    assert more.log_harm == pytest.approx(less.log_harm, abs=1e-6)
    assert more.log_safe == pytest.approx(less.log_safe, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(exponent=st.integers(-20, 20), seed=st.integers(0, 1000), count=st.sampled_from([1, 4]))
def test_another_unit_changes_nothing_but_the_unit(exponent: int, seed: int, count: int) -> None:
    """Powers of two, which scale a double exactly; for others it holds to rounding."""
    ticks, scale = drawn(1.1, count, seed=seed), 2.0**exponent
    sides = [[{pod: scale * value for pod, value in side.items()} for side in pods_of(tick)] for tick in ticks]
    scaled = [a_tick(*each) for each in sides]
    one, other = read(ticks), read(scaled)
    assert (one.log_harm, one.log_safe) == (other.log_harm, other.log_safe)
    assert one.interval.effect is not None
    assert other.interval.effect == scale * one.interval.effect


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), count=st.sampled_from([1, 4]), times=st.integers(1, 3))
def test_more_of_the_same_data_never_turns_a_pass_into_a_fail(seed: int, count: int, times: int) -> None:
    rng = np.random.default_rng(seed)
    ticks = [a_tick(pods(each), pods(each)) for each in 50 * (1 + 0.05 * rng.standard_normal((60, count)))]
    assert verdict(ticks) is Verdict.PASS
    assert verdict(ticks * (1 + times)) is Verdict.PASS


def test_the_order_of_pods_does_not_matter() -> None:
    ticks = drawn(1.1, 4)
    turned = [a_tick(*(dict(reversed(list(side.items()))) for side in pods_of(tick))) for tick in ticks]
    assert read(ticks) == read(turned)
