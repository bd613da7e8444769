"""How often the tests behind a judgment are wrong: exact where they can be, simulated from a seed elsewhere."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from canary.config import MetricConfig
from canary.sequential.counts import EXACT_BELOW_REQUESTS, Counts, Floats, log_likelihood
from canary.sequential.evidence import HARM_ODDS, STAKES, RateEvidence
from canary.sequential.intervals import OddsRatios
from canary.sequential.share import ShareWatch
from canary.ticks import Tick

ALPHA, BETA = 0.01, 0.05
LOG_ODDS = np.log(np.array([0.25, 0.9, 1.0, 1.5, 4.0, 40.0]))


def a_metric(**settings: float) -> MetricConfig:
    return MetricConfig(name="error_rate", **settings)


def counts_of(*numbers: float) -> Counts:
    return Counts(*(np.array([number], float) for number in numbers))


def clustered(rng: np.random.Generator, requests: Floats, rate: float, mean_size: float) -> Floats:
    """Errors that come in clusters of geometric size, whole clusters on one side within one tick."""
    if mean_size == 1:
        return rng.binomial(requests.astype(int), rate).astype(float)
    clusters = rng.poisson(requests * rate / mean_size)
    extra = np.where(clusters > 0, rng.negative_binomial(np.maximum(clusters, 1), 1 / mean_size), 0)
    return np.minimum(clusters + extra, requests).astype(float)


def simulated(
    metric: MetricConfig,
    per_tick: float,
    rates: tuple[float, float],
    ticks: int,
    *,
    cluster: float = 1,
    runs: int = 1000,
) -> tuple[float, float]:
    """Shares of runs in which harm, and safety, was ever found."""
    rng, evidence = np.random.default_rng(7), RateEvidence(runs, metric)
    harm, safe = np.zeros(runs, bool), np.zeros(runs, bool)
    for _ in range(ticks):
        sides = [rng.poisson(per_tick, runs).astype(float) for _ in rates]
        errors = [clustered(rng, side, rate, cluster) for side, rate in zip(sides, rates, strict=True)]
        evidence.add(Counts(sides[0], errors[0], sides[1], errors[1]))
        harm |= evidence.log_harm() >= -np.log(ALPHA)
        safe |= evidence.log_safe() >= -np.log(BETA)
    return float(harm.mean()), float(safe.mean())


def within(rate: float, runs: int = 1000) -> float:
    """The most that a share of `runs` may be when its mean is `rate` (one-sided, 99.9 %)."""
    return float(stats.binom.ppf(0.999, runs, rate)) / runs


@pytest.mark.parametrize(("n_b", "n_c", "events"), [(3, 3, 2), (10, 4, 7), (60, 90, 30), (149, 4000, 50)])
def test_the_likelihood_ratio_of_counts_has_mean_one_without_harm(n_b: int, n_c: int, events: int) -> None:
    splits = np.arange(max(0, events - n_b), min(n_c, events) + 1)
    ones = np.ones(len(splits))
    ratio = np.exp(log_likelihood(Counts(n_b * ones, events - splits, n_c * ones, splits * ones), LOG_ODDS))
    chance = stats.hypergeom(n_b + n_c, events, n_c).pmf(splits)
    assert chance @ ratio == pytest.approx(np.ones(len(LOG_ODDS)))


def test_the_exact_likelihood_is_fishers_noncentral_hypergeometric() -> None:
    fisher = [stats.nchypergeom_fisher(150, 40, 60, odds).logpmf(20) for odds in np.exp(LOG_ODDS)]
    ours = log_likelihood(counts_of(90, 20, 60, 20), LOG_ODDS)[0]
    assert ours == pytest.approx(np.array(fisher) - stats.hypergeom(150, 40, 60).logpmf(20))


@pytest.mark.parametrize("n", [EXACT_BELOW_REQUESTS, 2_000])
def test_the_closed_form_is_within_a_hundredth_of_the_exact_sum(n: int) -> None:
    log_odds = np.log(np.array([0.5, 1.1, 2.0, 4.0]))
    for events, canary in ((60, 30), (100, 70)):
        fisher = [stats.nchypergeom_fisher(2 * n, events, n, odds).logpmf(canary) for odds in np.exp(log_odds)]
        exact = np.array(fisher) - stats.hypergeom(2 * n, events, n).logpmf(canary)
        assert log_likelihood(counts_of(n, events - canary, n, canary), log_odds)[0] == pytest.approx(exact, abs=0.01)


def test_the_bet_on_a_ticks_events_is_fair_however_they_cluster() -> None:
    """Whole ticks of one cluster, and ticks of independent errors: the mean of the wealth is one."""
    for share, sizes in product((0.05, 0.5, 0.8), ([4], [1, 1, 1, 1], [3, 1])):
        mean = np.zeros(len(STAKES))
        for owners in product((0, 1), repeat=len(sizes)):
            chance = np.prod([share if owner else 1 - share for owner in owners])
            canary = sum(size for size, owner in zip(sizes, owners, strict=True) if owner)
            mean += chance * (1 + STAKES * (canary / sum(sizes) / share - 1))
        assert mean == pytest.approx(np.ones(len(STAKES)))


def test_the_constants_are_those_of_the_benchmark() -> None:
    assert HARM_ODDS.tolist() == [1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 2.7, 4, 7, 15, 40]


@pytest.mark.parametrize(("per_tick", "rate"), [(15, 0.02), (150, 0.01), (1500, 0.001), (1500, 0.01)])
def test_canaries_without_harm_fail_at_most_at_the_rate_alpha(per_tick: float, rate: float) -> None:
    assert simulated(a_metric(), per_tick, (rate, rate), 120)[0] <= within(ALPHA)


@pytest.mark.parametrize("cluster", [2, 5])
@pytest.mark.parametrize(("per_tick", "rate"), [(15, 0.02), (1500, 0.001), (1500, 0.01)])
def test_errors_in_clusters_fail_at_most_half_as_many_again(per_tick: float, rate: float, cluster: int) -> None:
    assert simulated(a_metric(), per_tick, (rate, rate), 120, cluster=cluster)[0] <= within(1.5 * ALPHA)


@pytest.mark.parametrize(
    ("per_tick", "baseline", "canary"), [(1500, 0.01, 0.0149), (100, 0.2, 0.2727), (15, 0.0001, 0.001)]
)
def test_canaries_at_the_margin_pass_at_most_at_the_rate_beta(per_tick: float, baseline: float, canary: float) -> None:
    """At an odds ratio of the margin, and far above it but at the negligible rate."""
    assert simulated(a_metric(), per_tick, (baseline, canary), 120)[1] <= within(BETA)


def test_harm_within_the_tolerance_fails_at_most_at_the_rate_alpha() -> None:
    assert simulated(a_metric(tolerance=1.4), 1500, (0.01, 0.01394), 120)[0] <= within(ALPHA)


def test_a_doubled_error_rate_is_always_found() -> None:
    assert simulated(a_metric(), 1500, (0.01, 0.02), 60, runs=200)[0] == 1


def test_intervals_hold_the_true_odds_ratio_at_all_times() -> None:
    rng, runs, missed = np.random.default_rng(5), 200, np.zeros(200, bool)
    odds = OddsRatios(runs)
    for _ in range(40):
        n_b, n_c = rng.poisson(300, (2, runs)).astype(float)
        odds.add(
            Counts(n_b, rng.binomial(n_b.astype(int), 0.1) * 1.0, n_c, rng.binomial(n_c.astype(int), 2 / 11) * 1.0)
        )
        for run in np.flatnonzero(~missed):
            interval = odds.interval(int(run), 1.0, BETA)
            missed[run] = (interval.low or 0) > 2 or (interval.high or 201) < 2
    assert missed.mean() <= within(BETA, runs)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_right_share_of_traffic_is_almost_never_called_wrong(share: float) -> None:
    rng, wrong = np.random.default_rng(3), 0
    for _ in range(200):
        watch = ShareWatch()
        for _ in range(60):
            canary = int(rng.binomial(30, share))
            watch.add(Tick(1.0, share, False, 30 - canary, canary, {}))
        wrong += watch.fault() != ""
    assert wrong == 0
