"""Events that nobody counts the opportunities of."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from canary import CanaryConfig, Verdict
from canary.config import MetricConfig
from canary.samples import EventCount, Gauge, Lacking, Sample
from canary.sequential.counts import Counts, log_likelihood
from canary.sequential.events import EventPanel, by_share
from canary.sequential.metrics import Limits, Reading, result_of
from canary.ticks import Pair, Tick

NAME = "crashes"
LOG_RATES = np.log(np.array([0.2, 0.9, 1.0, 1.5, 4.0, 40.0]))


def a_metric(**settings: object) -> MetricConfig:
    return MetricConfig.model_validate({"name": NAME, "kind": "events", **settings})


def a_tick(baseline: Sample, canary: Sample, *, share: float = 0.5, opens_step: bool = False) -> Tick:
    return Tick(15.0, share, opens_step, 0, 0, {NAME: Pair(baseline, canary)})


def drawn(rates: tuple[float, float], *, share: float = 0.5, ticks: int = 100, seed: int = 1) -> list[Tick]:
    rng = np.random.default_rng(seed)
    parts = ((1 - share) * rates[0], share * rates[1])
    return [a_tick(*(EventCount(int(rng.poisson(part))) for part in parts), share=share) for _ in range(ticks)]


def read(ticks: list[Tick], metric: MetricConfig | None = None) -> Reading:
    metric = metric or a_metric()
    panel = EventPanel([metric], CanaryConfig(metrics=(metric,)), is_stepped=False)
    for tick in ticks:
        panel.add(tick)
    return panel.readings()[0]


def verdict(ticks: list[Tick], metric: MetricConfig | None = None) -> Verdict:
    metric = metric or a_metric()
    return result_of(read(ticks, metric), metric, Limits.of(CanaryConfig(metrics=(metric,))), len(ticks)).verdict


@pytest.mark.parametrize(
    ("baseline", "canary", "share"), [(3, 1, 0.5), (0, 9, 0.05), (300, 20, 0.05), (5000, 5400, 0.5)]
)
def test_the_likelihood_is_the_binomial_one(baseline: float, canary: float, share: float) -> None:
    counts = by_share(*(np.array([each]) for each in (baseline, canary, share)))
    binomial = canary * LOG_RATES - (baseline + canary) * np.log(1 - share + share * np.exp(LOG_RATES))
    assert log_likelihood(counts, LOG_RATES)[0] == pytest.approx(binomial, abs=1e-3)


def test_the_likelihood_ratio_has_mean_one_without_harm() -> None:
    events, share = 12, 0.3
    canary = np.arange(events + 1.0)
    ratio = np.exp(log_likelihood(by_share(events - canary, canary, np.full(events + 1, share)), LOG_RATES))
    assert stats.binom(events, share).pmf(canary) @ ratio == pytest.approx(np.ones(len(LOG_RATES)), abs=1e-4)


def test_where_requests_are_counted_the_likelihood_has_mean_of_at_most_one() -> None:
    events, requests = 12, 40
    canary = np.arange(events + 1.0)
    ratio = np.exp(log_likelihood(by_share(events - canary, canary, np.full(events + 1, 0.5)), LOG_RATES))
    mean = stats.hypergeom(2 * requests, events, requests).pmf(canary) @ ratio
    assert np.all(mean <= 1 + 1e-9)
    assert mean[-1] < 0.9


def test_more_events_than_the_share_of_traffic_fail() -> None:
    assert verdict(drawn((10, 30))) is Verdict.FAIL
    assert verdict(drawn((100, 300), share=0.05)) is Verdict.FAIL


def test_events_in_the_proportion_of_traffic_pass() -> None:
    assert verdict(drawn((100, 100), share=0.05, ticks=400), a_metric(margin=2)) is Verdict.PASS


def test_fewer_events_are_harm_where_the_direction_says_so() -> None:
    assert verdict(drawn((30, 10)), a_metric(direction="decrease")) is Verdict.FAIL
    assert verdict(drawn((30, 30)), a_metric(direction="decrease", margin=2)) is Verdict.PASS


def test_canaries_without_harm_fail_at_most_at_the_rate_alpha() -> None:
    fails = sum(verdict(drawn((4, 4), share=0.2, ticks=60, seed=seed)) is Verdict.FAIL for seed in range(60))
    assert fails <= 3


def test_no_event_at_all_is_inconclusive() -> None:
    assert verdict([a_tick(EventCount(0), EventCount(0))] * 50) is Verdict.INCONCLUSIVE


def test_a_tick_within_which_the_share_changed_says_nothing() -> None:
    ticks = drawn((10, 10))
    reading = read([*ticks, a_tick(EventCount(0), EventCount(500), opens_step=True)])
    assert reading.sizes == read(ticks).sizes


def test_values_are_events_a_second() -> None:
    reading = read([a_tick(EventCount(30), EventCount(15))] * 4)
    assert (reading.baseline, reading.canary, reading.unit) == (2.0, 1.0, "ratio of rates")


def test_what_counts_no_events_is_named_and_the_evidence_stays() -> None:
    ticks = drawn((10, 30))
    reading = read([*ticks, a_tick(Gauge({"a": 1.0}), Gauge({"a": 1.0}))])
    assert reading.lacking == Lacking("wrong kind", "its source does not count events")
    assert reading.log_harm == read(ticks).log_harm


@pytest.mark.parametrize("grown", [(0, 2**30), (2**30, 0), (2**40, 2**40), (0, 2**53)])
def test_counters_that_grow_by_more_than_can_be_judged_are_named_for_good(grown: tuple[int, int]) -> None:
    quiet = drawn((100, 100), ticks=50)
    assert verdict([*quiet, *quiet], a_metric(margin=3)) is Verdict.PASS
    ticks = [*quiet, a_tick(*map(EventCount, grown)), *quiet]
    assert verdict(ticks, a_metric(margin=3)) is Verdict.ERROR
    lacking = read(ticks).lacking
    assert lacking is not None
    assert lacking.outcome == "out of range"
    assert f"grew by {grown[0]:,} and {grown[1]:,}" in lacking.why


def test_metrics_of_a_panel_are_judged_as_if_each_were_alone() -> None:
    metrics = [a_metric(), a_metric(name="logins", direction="decrease", margin=3), a_metric(name="late")]
    panel = EventPanel(metrics, CanaryConfig(metrics=tuple(metrics)), is_stepped=False)
    alone = [EventPanel([metric], CanaryConfig(metrics=(metric,)), is_stepped=False) for metric in metrics]
    for number, tick in enumerate(drawn((10, 14), ticks=30)):
        shown: dict[str, Pair | Lacking] = dict.fromkeys((NAME, "logins", "late"), tick.metrics[NAME])
        shown["late"] = shown["late"] if number > 9 else Lacking("late", "it came too late")
        for each in (panel, *alone):
            each.add(replace(tick, metrics=shown))
    for together, (single,) in zip(panel.readings(), (each.readings() for each in alone), strict=True):
        assert (together.sizes, together.baseline) == (single.sizes, single.baseline)
        assert together.log_harm == pytest.approx(single.log_harm, rel=1e-9)
        assert together.log_safe == pytest.approx(single.log_safe, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), share=st.sampled_from([0.25, 0.5]))
def test_swapping_the_sides_swaps_harm_and_improvement(seed: int, share: float) -> None:
    ticks = drawn((10, 13), share=share, ticks=20, seed=seed)
    pairs = [(tick.metrics[NAME], tick.share) for tick in ticks]
    turned = [a_tick(pair.canary, pair.baseline, share=1 - share) for pair, share in pairs if isinstance(pair, Pair)]
    more, less = read(ticks), read(turned, a_metric(direction="decrease"))
    assert (more.log_harm, more.log_safe) == pytest.approx((less.log_harm, less.log_safe), abs=1e-6)


def test_events_by_share_are_counts_of_very_many_requests() -> None:
    counts = by_share(np.array([1.0]), np.array([2.0]), np.array([0.25]))
    assert isinstance(counts, Counts)
    assert counts.requests_canary / counts.requests == pytest.approx(0.25)
