"""Means of single observations: what is found, what is certified, and what does not matter."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, Verdict
from canary.config import MetricConfig, MetricKind
from canary.samples import EventCount, Lacking, Moments
from canary.sequential.means import MeanPanel
from canary.sequential.metrics import Limits, Reading, result_of
from canary.sequential.mixtures import Floats
from canary.sequential.ratios import LEAST_OBSERVATIONS, RatioEvidence, Sums, is_enough
from canary.ticks import Pair, Tick

NAME = "basket"
Draw = Callable[[np.random.Generator, int], Floats]


def a_metric(**settings: object) -> MetricConfig:
    return MetricConfig.model_validate({"name": NAME, "kind": "mean", "margin": 1.2, "unit": "items", **settings})


def moments(values: Floats) -> Moments:
    return Moments(len(values), float(values.sum()), float((values**2).sum()))


def a_tick(baseline: object, canary: object = None) -> Tick:
    shown = baseline if isinstance(baseline, Lacking) else Pair(baseline, canary)  # type: ignore[arg-type]  # wrong kinds too
    return Tick(15.0, 0.5, False, 50, 50, {NAME: shown})


def drawn(ratio: float, ticks: int = 60, size: int = 50, seed: int = 1, draw: Draw | None = None) -> list[Tick]:
    rng, draw = np.random.default_rng(seed), draw or (lambda rng, size: rng.lognormal(0, 0.5, size))
    return [a_tick(moments(draw(rng, size)), moments(ratio * draw(rng, size))) for _ in range(ticks)]


def read(ticks: list[Tick], metric: MetricConfig | None = None, *, is_stepped: bool = False) -> Reading:
    metric = metric or a_metric()
    panel = MeanPanel([metric], CanaryConfig(metrics=(metric,)), is_stepped=is_stepped)
    for tick in ticks:
        if tick.opens_step:
            panel.begin_step()
        panel.add(tick)
    return panel.readings()[0]


def verdict(ticks: list[Tick], metric: MetricConfig | None = None) -> Verdict:
    metric = metric or a_metric()
    return result_of(read(ticks, metric), metric, Limits.of(CanaryConfig(metrics=(metric,))), len(ticks)).verdict


def swapped(tick: Tick) -> Tick:
    pair = tick.metrics[NAME]
    assert isinstance(pair, Pair)
    return a_tick(pair.canary, pair.baseline)


def test_a_higher_mean_fails_and_an_equal_one_passes() -> None:
    assert verdict(drawn(1.2)) is Verdict.FAIL
    assert verdict(drawn(1.0)) is Verdict.PASS


def test_less_is_harm_where_the_direction_says_so() -> None:
    less_is_harm = a_metric(direction="decrease")
    assert verdict(drawn(0.8), less_is_harm) is Verdict.FAIL
    assert verdict(drawn(1.2), less_is_harm) is Verdict.PASS


def test_a_difference_within_the_tolerance_is_no_harm() -> None:
    assert verdict(drawn(1.05), a_metric(tolerance=1.1)) is not Verdict.FAIL


def test_the_effect_is_in_the_metrics_unit_and_its_interval_holds_it() -> None:
    reading = read(drawn(1.2, ticks=200))
    truth = 0.2 * np.exp(0.125)
    assert reading.unit == "difference in items"
    assert reading.interval.low is not None
    assert reading.interval.high is not None
    assert reading.interval.low < truth < reading.interval.high
    assert reading.interval.high - reading.interval.low < 0.2


def test_a_confidence_sequence_misses_at_most_at_its_rate() -> None:
    rng, runs = np.random.default_rng(3), 400
    evidence, missed = RatioEvidence(np.ones(runs), np.full(runs, 1.5)), np.zeros(runs, bool)
    for _ in range(60):
        b, c = rng.exponential(1.0, (2, runs, 30))
        evidence.add(
            Sums(*(np.full(runs, 30.0), b.sum(1), (b**2).sum(1)), *(np.full(runs, 30.0), c.sum(1), (c**2).sum(1)))
        )
        _, low, high = evidence.differences(0.05)
        missed |= (low > 0) | (high < 0)
    assert missed.mean() <= 0.05


def test_too_few_observations_say_nothing() -> None:
    few = LEAST_OBSERVATIONS // 50 - 1
    reading = read(drawn(3.0, ticks=few))
    assert (reading.log_harm, reading.log_safe) == (0.0, 0.0)
    assert "too few" in reading.comparison


def test_few_values_that_are_not_zero_say_nothing_however_many_zeros_there_are() -> None:
    sums = Sums(*(np.array([each]) for each in (5000.0, 15.0, 15.0, 5000.0, 20.0, 20.0)))
    assert not is_enough(sums)[0]


def test_one_huge_value_says_nothing() -> None:
    ticks = [*drawn(1.0, ticks=30), a_tick(moments(np.ones(50)), moments(np.array([1e9, 1.0])))]
    assert read(ticks).log_harm == 0


@pytest.mark.parametrize(("canary", "expected"), [(5.0, Verdict.PASS), (6.5, Verdict.FAIL)])
def test_values_that_never_vary_are_judged_too(canary: float, expected: Verdict) -> None:
    assert verdict([a_tick(moments(np.full(50, 5.0)), moments(np.full(50, canary)))] * 20) is expected


def test_only_zeros_are_inconclusive() -> None:
    assert verdict([a_tick(moments(np.zeros(50)), moments(np.zeros(50)))] * 20) is Verdict.INCONCLUSIVE


def test_a_canary_that_shows_only_zeros_where_the_baseline_does_not_is_found() -> None:
    ticks = [a_tick(moments(np.array([1.0, 2, 3] * 10)), moments(np.zeros(30)))] * 20
    assert verdict(ticks, a_metric(direction="decrease")) is Verdict.FAIL


def test_a_mean_below_zero_has_no_ratio_and_says_so() -> None:
    reading = read(drawn(1.0, draw=lambda rng, size: rng.normal(-5, 1, size)))
    assert reading.lacking is not None
    assert reading.lacking.outcome == "negative mean"


@pytest.mark.parametrize("sample", [EventCount(1, 2), Lacking("no data", "gone")])
def test_what_is_no_sum_of_squares_is_named_and_the_evidence_stays(sample: object) -> None:
    ticks = drawn(1.2)
    shown = a_tick(sample) if isinstance(sample, Lacking) else a_tick(sample, sample)
    reading, before = read([*ticks, shown]), read(ticks)
    assert reading.lacking is not None
    assert reading.log_harm == before.log_harm


@pytest.mark.parametrize("low", [0.0, 1e-300, 1e-60, 1.0, -3.0])
@pytest.mark.parametrize("high", [1e-150, 1e8, 1e59])
def test_values_of_any_size_give_numbers(low: float, high: float) -> None:
    numbers = np.arange(50.0)
    tick = a_tick(moments(low * (1 + numbers % 3)), moments(high * (1 + numbers % 2)))
    with np.errstate(all="raise", under="ignore"):
        reading = read([tick] * 20)
    assert np.isfinite([reading.log_harm, reading.log_safe]).all()


def test_values_too_large_to_square_are_named() -> None:
    reading = read([a_tick(moments(np.ones(50)), Moments(50, 1e100, 1e300))])
    assert reading.lacking is not None
    assert reading.lacking.outcome == "out of range"


def test_a_mean_that_showed_too_large_a_value_is_named_for_good() -> None:
    ticks = [*drawn(1.0), a_tick(moments(np.ones(50)), moments(np.full(50, 1e100))), *drawn(1.0)]
    lacking = read(ticks).lacking
    assert lacking is not None
    assert lacking.outcome == "out of range"


def test_infinite_sums_are_left_out() -> None:
    evidence = RatioEvidence(np.ones(1), np.full(1, 1.5))
    evidence.add(Sums(*np.array([[50.0], [np.inf], [np.nan], [50.0], [1.0], [1.0]])))
    assert evidence.observed.count_baseline[0] == 0


def test_values_in_clusters_raise_the_dispersion() -> None:
    def clusters(rng: np.random.Generator, size: int) -> Floats:
        return np.repeat(rng.lognormal(0, 0.5, size // 5), 5)

    assert read(drawn(1.0, ticks=200, draw=clusters)).dispersion == pytest.approx(5, rel=0.5)


def test_what_drifts_on_both_sides_together_is_no_harm_even_while_the_shares_change() -> None:
    rng, ticks = np.random.default_rng(4), []
    for tick in range(120):
        level, n_c = 1 + tick / 20, 5 + tick
        ticks.append(a_tick(moments(level * rng.lognormal(0, 0.5, 100)), moments(level * rng.lognormal(0, 0.5, n_c))))
    assert verdict(ticks) is Verdict.PASS


def test_a_step_of_a_ramp_begins_safety_anew_and_finds_harm_of_its_own() -> None:
    first = drawn(1.0)
    opening = Tick(15.0, 0.5, True, 50, 50, first[0].metrics)
    assert read([*first, opening], is_stepped=True).log_safe == 0
    harmful = drawn(1.3, ticks=30, seed=2)
    opened = read([*first, opening, *harmful], is_stepped=True)
    assert opened.log_harm > read([*first, first[0], *harmful]).log_harm


@settings(max_examples=15, deadline=None)
@given(ratio=st.floats(0.7, 1.5), seed=st.integers(0, 1000), tolerance=st.floats(1, 1.1))
def test_swapping_the_sides_swaps_harm_and_improvement(ratio: float, seed: int, tolerance: float) -> None:
    ticks = drawn(ratio, ticks=20, seed=seed)
    more = read(ticks, a_metric(tolerance=tolerance))
    less = read([swapped(tick) for tick in ticks], a_metric(tolerance=tolerance, direction="decrease"))
    assert more.log_harm == pytest.approx(less.log_harm, abs=1e-9)
    assert more.log_safe == pytest.approx(less.log_safe, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(exponent=st.integers(-20, 20), seed=st.integers(0, 1000))
def test_another_unit_changes_nothing_but_the_unit(exponent: int, seed: int) -> None:
    """Powers of two, which scale a double exactly; for others it holds to rounding."""
    scale = 2.0**exponent
    one, other = (
        read(drawn(1.1, seed=seed)),
        read(drawn(1.1, seed=seed, draw=lambda rng, n: scale * rng.lognormal(0, 0.5, n))),
    )
    assert (one.log_harm, one.log_safe, one.dispersion) == (other.log_harm, other.log_safe, other.dispersion)
    assert one.interval.effect is not None
    assert other.interval.effect == scale * one.interval.effect


@settings(max_examples=10, deadline=None)
@given(ratio=st.floats(0.8, 1.0), seed=st.integers(0, 1000), times=st.integers(1, 4))
def test_more_of_the_same_data_never_turns_a_pass_into_a_fail(ratio: float, seed: int, times: int) -> None:
    values = np.random.default_rng(seed).lognormal(0, 0.5, (30, 50))
    ticks = [a_tick(moments(each), moments(ratio * each)) for each in values]
    assert verdict(ticks) is Verdict.PASS
    assert verdict(ticks * (1 + times)) is Verdict.PASS


def test_metrics_of_one_panel_do_not_touch_each_other() -> None:
    other = MetricConfig(name="other", kind=MetricKind.MEAN)
    metrics, ticks = [a_metric(), other], drawn(1.2)
    panel = MeanPanel(metrics, CanaryConfig(metrics=tuple(metrics), duration=timedelta(minutes=30)), is_stepped=False)
    for tick in ticks:
        panel.add(Tick(15.0, 0.5, False, 50, 50, {**tick.metrics, "other": Lacking("no data", "it is not there")}))
    assert panel.readings()[0] == read(ticks)
    assert panel.readings()[1].sizes == (0, 0)
