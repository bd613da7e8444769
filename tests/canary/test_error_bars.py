"""How often the tests behind a judgment are wrong: exact where they can be, simulated from a seed elsewhere."""

import numpy as np
import pytest
from scipy import stats

from canary.config import MetricConfig
from canary.sequential.counts import EXACT_BELOW_REQUESTS, Counts, Floats, log_likelihood
from canary.sequential.evidence import HARM_ODDS, RateEvidence
from canary.sequential.share import ShareWatch
from canary.ticks import Tick

ALPHA, BETA = 0.01, 0.05
LOG_ODDS = np.log(np.array([0.25, 0.9, 1.0, 1.5, 4.0, 40.0]))


def a_metric(**settings: float | None) -> MetricConfig:
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
    of_safety: bool = False,
) -> float:
    """Share of runs in which harm, or safety, was ever found."""
    rng, evidence, found = np.random.default_rng(7), RateEvidence(runs, metric), np.zeros(runs, bool)
    for _ in range(ticks):
        sides = [rng.poisson(per_tick, runs).astype(float) for _ in rates]
        errors = [clustered(rng, side, rate, cluster) for side, rate in zip(sides, rates, strict=True)]
        evidence.add(Counts(sides[0], errors[0], sides[1], errors[1]))
        found |= evidence.log_safe() >= -np.log(BETA) if of_safety else evidence.log_harm() >= -np.log(ALPHA)
    return float(found.mean())


def minutes_to_harm(metric: MetricConfig, per_tick: float, rates: tuple[float, float], runs: int = 200) -> float:
    """Mean minutes until harm is found, with a look every 15 s and an hour for those never found."""
    rng, evidence = np.random.default_rng(8), RateEvidence(runs, metric)
    found = np.full(runs, 60.0)
    for tick in range(1, 61):
        sides = rng.poisson(per_tick, (2, runs))
        errors = [rng.binomial(side, rate).astype(float) for side, rate in zip(sides, rates, strict=True)]
        evidence.add(Counts(sides[0].astype(float), errors[0], sides[1].astype(float), errors[1]))
        found = np.where(evidence.log_harm() >= -np.log(ALPHA), np.minimum(found, tick / 4), found)
    return float(found.mean())


def within(rate: float, runs: int = 1000) -> float:
    """The most that a share of `runs` may be when its mean is `rate` (one-sided, 99.9 %)."""
    return float(stats.binom.ppf(0.999, runs, rate)) / runs


@pytest.mark.parametrize(("n_b", "n_c", "events"), [(3, 3, 2), (10, 4, 7), (40, 90, 30), (49, 4000, 50)])
def test_the_likelihood_ratio_of_counts_has_mean_one_without_harm(n_b: int, n_c: int, events: int) -> None:
    splits = np.arange(max(0, events - n_b), min(n_c, events) + 1.0)
    ones = np.ones(len(splits))
    ratio = np.exp(log_likelihood(Counts(n_b * ones, events - splits, n_c * ones, splits * ones), LOG_ODDS))
    chance = stats.hypergeom(n_b + n_c, events, n_c).pmf(splits)
    assert chance @ ratio == pytest.approx(np.ones(len(LOG_ODDS)))


def test_the_exact_likelihood_is_fishers_noncentral_hypergeometric() -> None:
    fisher = [stats.nchypergeom_fisher(90, 40, 40, odds).logpmf(20) for odds in np.exp(LOG_ODDS)]
    ours = log_likelihood(counts_of(50, 20, 40, 20), LOG_ODDS)[0]
    assert ours == pytest.approx(np.array(fisher) - stats.hypergeom(90, 40, 40).logpmf(20))


@pytest.mark.parametrize(("n_b", "n_c"), [(EXACT_BELOW_REQUESTS, EXACT_BELOW_REQUESTS), (60, 1_200), (5_000, 250)])
def test_the_closed_form_has_mean_one_without_harm_however_few_the_events_are(n_b: int, n_c: int) -> None:
    for events in (1, 2, 7, 40, 90):
        splits = np.arange(max(0, events - n_b), min(n_c, events) + 1.0)
        ones = np.ones(len(splits))
        ratio = np.exp(log_likelihood(Counts(n_b * ones, events - splits, n_c * ones, splits * ones), LOG_ODDS))
        chance = stats.hypergeom(n_b + n_c, events, n_c).pmf(splits)
        assert np.log(chance @ ratio) == pytest.approx(np.zeros(len(LOG_ODDS)), abs=0.01)


def test_the_constants_are_those_of_the_benchmark() -> None:
    assert HARM_ODDS.tolist() == [1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 2.7, 4, 7, 15, 40, 200]


@pytest.mark.parametrize(("per_tick", "rate"), [(15, 0.02), (150, 0.01), (1500, 0.001), (1500, 0.01)])
def test_canaries_without_harm_fail_at_most_at_the_rate_alpha(per_tick: float, rate: float) -> None:
    assert simulated(a_metric(), per_tick, (rate, rate), 120) <= within(ALPHA)


@pytest.mark.parametrize("cluster", [2, 5])
@pytest.mark.parametrize(("per_tick", "rate"), [(150, 0.01), (1500, 0.001), (1500, 0.01), (15000, 0.01)])
def test_errors_in_clusters_fail_at_most_at_the_rate_alpha(per_tick: float, rate: float, cluster: int) -> None:
    assert simulated(a_metric(), per_tick, (rate, rate), 120, cluster=cluster) <= within(ALPHA)


@pytest.mark.parametrize("cluster", [2, 5])
@pytest.mark.parametrize("per_tick", [1500, 15000])
def test_canaries_at_the_margin_pass_at_most_at_the_rate_beta_where_errors_cluster(
    per_tick: float, cluster: int
) -> None:
    metric = a_metric(negligible=0)
    assert simulated(metric, per_tick, (0.01, 0.015 / 1.005), 120, cluster=cluster, of_safety=True) <= within(BETA)


def test_not_knowing_the_dispersion_less_than_doubles_the_delay_on_clean_data() -> None:
    delays = [minutes_to_harm(a_metric(dispersion=known), 1500, (0.01, 0.02)) for known in (None, 1)]
    assert delays[0] < 2 * delays[1]


def test_the_dispersion_of_errors_in_clusters_is_learnt() -> None:
    """Clusters of geometric size with mean m have the dispersion 2 m - 1."""
    rng = np.random.default_rng(3)
    for cluster in (1, 2, 5):
        evidence = RateEvidence(20, a_metric())
        for _ in range(120):
            requests = np.full((2, 20), 1500.0)
            errors = [clustered(rng, side, 0.01, cluster) for side in requests]
            evidence.add(Counts(requests[0], errors[0], requests[1], errors[1]))
        assert float(np.median(evidence.dispersion())) == pytest.approx(2 * cluster - 1, rel=0.35)


def test_an_incident_of_both_sides_does_not_hide_harm_that_comes_after_it() -> None:
    evidence = RateEvidence(1, a_metric())
    for tick in range(60):
        rate = 0.08 if 20 <= tick < 28 else 0.01
        evidence.add(counts_of(1500, round(1500 * rate), 1500, round(1500 * rate * (1 if tick < 40 else 2))))
    assert evidence.log_harm()[0] >= -np.log(ALPHA)
    assert evidence.dispersion()[0] < 2


def test_many_rates_at_once_are_judged_as_each_alone() -> None:
    metrics = [a_metric(), a_metric(tolerance=1.2, margin=3), a_metric(dispersion=4), a_metric(negligible=0)]
    together, alone = RateEvidence(4, metrics), [RateEvidence(1, metric) for metric in metrics]
    for errors in (3, 9, 30):
        together.add(Counts(*(np.full(4, float(each)) for each in (1500, 10, 1400, errors))))
        for each in alone:
            each.add(counts_of(1500, 10, 1400, errors))
    assert together.log_harm() == pytest.approx([float(each.log_harm()[0]) for each in alone])
    assert together.log_safe() == pytest.approx([float(each.log_safe()[0]) for each in alone])
    assert together.dispersion() == pytest.approx([float(each.dispersion()[0]) for each in alone])
    for one, other in zip(together.intervals(BETA), (each.intervals(BETA)[0] for each in alone), strict=True):
        assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("per_tick", "baseline", "canary"), [(1500, 0.01, 0.0149), (100, 0.2, 0.2727), (15, 0.0001, 0.001)]
)
def test_canaries_at_the_margin_pass_at_most_at_the_rate_beta(per_tick: float, baseline: float, canary: float) -> None:
    """At an odds ratio of the margin, and far above it but at the negligible rate."""
    assert simulated(a_metric(), per_tick, (baseline, canary), 120, of_safety=True) <= within(BETA)


def test_harm_within_the_tolerance_fails_at_most_at_the_rate_alpha() -> None:
    assert simulated(a_metric(tolerance=1.4), 1500, (0.01, 0.01394), 120) <= within(ALPHA)


def test_a_doubled_error_rate_is_always_found() -> None:
    assert simulated(a_metric(), 1500, (0.01, 0.02), 60, runs=200) == 1


@pytest.mark.parametrize("dispersion", [None, 1.0])
def test_intervals_hold_the_true_odds_ratio_at_all_times(dispersion: float | None) -> None:
    rng, runs, missed = np.random.default_rng(5), 400, np.zeros(400, bool)
    evidence = RateEvidence(runs, a_metric(dispersion=dispersion))
    for _ in range(40):
        n_b, n_c = rng.poisson(300, (2, runs))
        errors = rng.binomial(n_b, 0.1), rng.binomial(n_c, 2 / 11)
        evidence.add(Counts(*(each.astype(float) for each in (n_b, errors[0], n_c, errors[1]))))
        ends = [(each.low or 0.0, each.high or np.inf) for each in evidence.intervals(BETA)]
        missed |= [low > 2 or high < 2 for low, high in ends]
    assert missed.mean() <= within(BETA, runs)
    assert np.median([high / low for low, high in ends]) < 1.5


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
