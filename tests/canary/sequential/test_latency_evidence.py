"""How often evidence from histograms is wrong, and how soon it is there: simulated from a seed."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from canary.config import MetricConfig
from canary.sequential.protected import ProtectedEdges, intervals_of
from canary.sequential.shifts import ShiftEvidence, above
from canary.sequential.tilts import Floats

EDGES = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
ALPHA, BETA, RUNS = 0.01, 0.05, 300


def chances(factor: float = 1.0, tail: float = 1.0) -> Floats:
    """Of the buckets, for latency around 100 ms `factor` times as long; what is over 250 ms `tail` times as likely."""
    each = np.diff(np.concatenate([[0.0], stats.norm.cdf(np.log(np.array(EDGES) / 100 / factor) / 0.6), [1.0]]))
    raised = np.where(np.arange(len(each)) > EDGES.index(250.0), tail * each, each)
    return np.asarray(raised / raised.sum())


Ticks = Callable[[np.random.Generator, Floats], Floats]


def poisson(rng: np.random.Generator, mean: Floats) -> Floats:
    return rng.poisson(mean).astype(float)


def clusters(rng: np.random.Generator, mean: Floats) -> Floats:
    """Clusters of mean size 5, of one latency."""
    count = rng.poisson(mean / 5)
    return (count + np.where(count > 0, rng.negative_binomial(np.maximum(count, 1), 1 / 5), 0)).astype(float)


def watched(
    canary: Floats,
    per_tick: float,
    ticks: int = 60,
    *,
    draw: Ticks = poisson,
    tolerance: float = 1.0,
    dispersion: float | None = None,
) -> Floats:
    """Ticks until each run is failed; infinite where it is not."""
    rng = np.random.default_rng(17)
    evidence = ShiftEvidence(RUNS, EDGES, tolerance, dispersion, is_stepped=False)
    found = np.full(RUNS, np.inf)
    for tick in range(1, ticks + 1):
        sides = [draw(rng, np.tile(per_tick * each, (RUNS, 1))) for each in (chances(), canary)]
        evidence.add(*sides)
        found = np.minimum(found, np.where(evidence.log_harm() >= -np.log(ALPHA), tick, np.inf))
    return found


def most(rate: float, runs: int = RUNS) -> float:
    """The most that a share of `runs` may be when its mean is `rate` (one-sided, 99.9 %)."""
    return float(stats.binom.ppf(0.999, runs, rate)) / runs


@pytest.mark.parametrize("per_tick", [5, 150, 15000])
@pytest.mark.parametrize("dispersion", [None, 1.0])
def test_canaries_without_harm_fail_at_most_at_the_rate_alpha(per_tick: float, dispersion: float | None) -> None:
    assert np.isfinite(watched(chances(), per_tick, dispersion=dispersion)).mean() <= most(ALPHA)


def test_canaries_that_are_faster_do_not_fail() -> None:
    assert not np.isfinite(watched(chances(0.8), 150)).any()


def test_canaries_without_harm_whose_latency_drifts_in_a_ramp_fail_at_most_at_the_rate_alpha() -> None:
    rng, evidence = np.random.default_rng(3), ShiftEvidence(RUNS, EDGES, 1.0, None, is_stepped=True)
    failed = np.zeros(RUNS, bool)
    for tick in range(60):
        if tick in (20, 40):
            evidence.begin_step()
        share, mean = (0.05, 0.2, 0.5)[tick // 20], 1500 * chances(1 + 0.3 * tick / 60)
        evidence.add(*(poisson(rng, np.tile(part * mean, (RUNS, 1))) for part in (1 - share, share)))
        failed |= evidence.log_harm() >= -np.log(ALPHA)
    assert failed.mean() <= most(ALPHA)


@pytest.mark.parametrize("per_tick", [150, 1500])
def test_latencies_in_clusters_fail_at_most_half_as_many_again(per_tick: float) -> None:
    assert np.isfinite(watched(chances(), per_tick, draw=clusters)).mean() <= most(1.5 * ALPHA)
    assert np.isfinite(watched(chances(), per_tick, draw=clusters, dispersion=1.0)).mean() > 0.2


@pytest.mark.parametrize(
    ("canary", "per_tick", "ticks"),
    [
        (chances(1.1), 150, 10),
        (chances(1.1), 1500, 4),
        (chances(tail=4.0), 150, 14),
        (chances(tail=4.0), 1500, 4),
        (chances(2.0), 15, 14),
    ],
)
def test_harm_is_found_by_half_of_all_canaries_within(canary: Floats, per_tick: float, ticks: int) -> None:
    assert np.median(watched(canary, per_tick, 2 * ticks)) <= ticks


def test_a_burst_in_a_single_tick_fails_nobody() -> None:
    rng, evidence = np.random.default_rng(5), ShiftEvidence(RUNS, EDGES, 1.0, None, is_stepped=False)
    for tick in range(20):
        canary = chances(tail=8.0 if tick == 9 else 1.0)
        evidence.add(*(poisson(rng, np.tile(1500 * each, (RUNS, 1))) for each in (chances(), canary)))
        assert (evidence.log_harm() >= -np.log(ALPHA)).mean() <= most(ALPHA)


def test_harm_within_the_tolerance_fails_at_most_at_the_rate_alpha() -> None:
    """Odds of every edge at most 1.3 times as high."""
    over = 1 - np.cumsum(chances())[:-1]
    raised = 1.3 * over / (1 + 0.3 * over)
    canary = -np.diff(np.concatenate([[1.0], raised, [0.0]]))
    assert np.isfinite(watched(canary, 1500, tolerance=1.35)).mean() <= most(ALPHA)
    assert np.isfinite(watched(canary, 1500)).all()


def certified(odds: float, level: float, ticks: int, runs: int = RUNS) -> Floats:
    """Ticks until each canary is certified safe, with `odds` at the edge that holds the baseline's quantile."""
    rng, metric = np.random.default_rng(9), MetricConfig(name="latency", margin=1.25, protect=(level,), negligible=0)
    evidence, protected = ShiftEvidence(runs, EDGES, 1.0, None, is_stepped=False), ProtectedEdges(runs, 14, metric)
    edge = int(np.searchsorted(np.cumsum(chances()), level)) + 1
    over = chances()[edge:].sum()
    raised = odds * over / (1 - over + odds * over)
    canary = np.concatenate([chances()[:edge] * (1 - raised) / (1 - over), chances()[edge:] * raised / over])
    seen, found = np.zeros((runs, 15)), np.full(runs, np.inf)
    for tick in range(1, ticks + 1):
        sides = [poisson(rng, np.tile(1500 * each, (runs, 1))) for each in (chances(), canary)]
        evidence.add(*sides)
        protected.add(*above(sides[0]), *above(sides[1]))
        seen += sides[0]
        protected.pick(seen)
        safe = protected.log_safe(evidence.log_weights(), evidence.levels)[:, 0]
        found = np.minimum(found, np.where(safe >= -np.log(BETA), tick, np.inf))
    return found


def test_a_canary_that_is_as_good_is_certified_within_minutes() -> None:
    assert np.median(certified(1.0, 0.45, 10)) <= 3
    assert np.median(certified(1.0, 0.9, 16)) <= 6


@pytest.mark.parametrize("level", [0.45, 0.9])
def test_a_canary_at_the_margin_is_certified_at_most_at_the_rate_beta(level: float) -> None:
    assert np.isfinite(certified(1.25, level, 60)).mean() <= most(BETA)


def test_nothing_is_certified_before_the_edges_are_picked() -> None:
    protected, few = ProtectedEdges(1, 14, MetricConfig(name="latency")), 99 * chances()[None]
    protected.pick(few)
    protected.add(*above(few), *above(few))
    assert not protected.is_picked.any()
    assert protected.log_safe(np.zeros((1, 14, 1)), np.ones(1)).max() == pytest.approx(0)


def test_intervals_hold_the_true_odds_ratio_at_all_times() -> None:
    rng, runs, metric = np.random.default_rng(5), 400, MetricConfig(name="latency", protect=(0.9,))
    protected, missed = ProtectedEdges(runs, 14, metric), np.zeros(400, bool)
    protected.pick(np.tile(1e6 * chances(), (runs, 1)))
    over = [each[7:].sum() for each in (chances(), chances(tail=3.0))]
    truth = over[1] / (1 - over[1]) / (over[0] / (1 - over[0]))
    for _ in range(40):
        sides = [poisson(rng, np.tile(1500 * each, (runs, 1))) for each in (chances(), chances(tail=3.0))]
        protected.add(*above(sides[0]), *above(sides[1]))
        ends = protected.intervals(np.zeros(runs, int), np.ones(runs), BETA)
        missed |= (ends.low > truth) | (ends.high < truth)
    # The edge that holds 90 % is that of 250 ms, over which all is three times as likely.
    assert protected.edges[0, 0] == EDGES.index(250.0)
    assert missed.mean() <= most(BETA, runs)
    assert np.median(ends.high / ends.low) < 1.2
    assert ends.effect == pytest.approx(np.full(runs, truth), rel=0.1)


def test_without_data_an_interval_says_nothing() -> None:
    ends = intervals_of(np.zeros((1, 37)), BETA)
    assert np.isnan(ends.effect).all()
