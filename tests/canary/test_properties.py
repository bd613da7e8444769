"""What holds for every metric under the sequential judge, whatever the numbers are."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, Look, MetricResult, Side, judge
from canary.samples import EventCount, Gauge, Histogram, Moments, Sample
from tests.canary.builders import BEGIN

KINDS = ("counts", "events", "histogram", "mean", "gauge")
EDGES = (10.0, 20.0, 40.0, 80.0, 160.0)
NOTHING = Side(
    0,
    0,
    samples={
        "counts": EventCount(0, 0),
        "events": EventCount(0),
        "histogram": Histogram((0,) * 6, EDGES),
        "mean": Moments(0, 0.0, 0.0),
        "gauge": Gauge({f"pod-{pod}": 50.0 for pod in range(4)}),
    },
)
SEEDS = st.integers(0, 10_000)
WORSE = st.sampled_from([0.5, 0.8, 1.0, 1.1, 1.5, 3.0])


class Service:
    """One side: 200 requests a look with errors, crashes and sizes, and four pods; `worse` multiplies all of them."""

    def __init__(self, rng: np.random.Generator, worse: float = 1.0) -> None:
        self._rng, self._worse = rng, worse
        self._counts, self._moments, self._buckets = np.zeros(3, int), np.zeros(3), np.zeros(len(EDGES) + 1, int)

    def side(self) -> Side:
        rng, worse = self._rng, self._worse
        sizes = worse * rng.lognormal(3, 0.6, 200)
        self._counts += (200, rng.binomial(200, 0.02 * worse), rng.poisson(20 * worse))
        self._moments += (200, sizes.sum(), (sizes**2).sum())
        self._buckets += np.bincount(np.searchsorted(EDGES, sizes), minlength=len(EDGES) + 1)
        requests, errors, crashes = map(int, self._counts)
        samples: dict[str, Sample] = {
            "counts": EventCount(errors, requests),
            "events": EventCount(crashes),
            "histogram": Histogram(tuple(map(int, self._buckets)), EDGES),
            "mean": Moments(requests, *map(float, self._moments[1:])),
            "gauge": Gauge({f"pod-{pod}": float(worse * value) for pod, value in enumerate(rng.normal(50, 2, 4))}),
        }
        return Side(requests, errors, samples=samples)


def some_looks(seed: int, worse: float = 1.0, ticks: int = 20) -> list[Look]:
    rng = np.random.default_rng(seed)
    baseline, canary = Service(rng), Service(rng, worse)
    sides = [(NOTHING, NOTHING), *((baseline.side(), canary.side()) for _ in range(ticks))]
    return [Look(BEGIN + timedelta(seconds=15 * number), *both) for number, both in enumerate(sides)]


def a_config(kinds: tuple[str, ...] = KINDS, alpha: float = 1e-9, **settings: Any) -> CanaryConfig:
    """All kinds at an alpha that is hardly ever reached, so that no metric's end hides the others."""
    metrics = [{"name": kind, "kind": kind, "margin": 1.5, **settings} for kind in kinds]
    fixed = {"interval": "15s", "min_duration": "1m", "duration": "5m", "alpha": alpha}
    return CanaryConfig.model_validate({**fixed, "metrics": metrics})


def results(config: CanaryConfig, looks: list[Look]) -> Mapping[str, MetricResult]:
    return {metric.name: metric for metric in judge(config, looks).metrics}


def evidence(result: MetricResult) -> tuple[float, float]:
    return result.log_evidence_harm, result.log_evidence_safe


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, worse=WORSE)
def test_swapping_the_sides_swaps_harm_and_improvement(seed: int, worse: float) -> None:
    looks = some_looks(seed, worse)
    swapped = [replace(look, baseline=look.canary, canary=look.baseline) for look in looks]
    # A negligible share is one of the canary's requests, and protected edges are picked by the baseline.
    for kind in KINDS:
        (more,) = judge(a_config((kind,), negligible=0), looks).metrics
        (less,) = judge(a_config((kind,), negligible=0, direction="decrease"), swapped).metrics
        assert more.log_evidence_harm == pytest.approx(less.log_evidence_harm, rel=1e-6, abs=1e-6), kind
        if kind != "histogram":
            assert more.log_evidence_safe == pytest.approx(less.log_evidence_safe, rel=1e-6, abs=1e-6), kind
            assert (more.baseline_value, more.canary_value) == (less.canary_value, less.baseline_value), kind


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS, worse=WORSE, order=st.permutations(range(10)))
def test_the_order_of_metrics_does_not_matter(seed: int, worse: float, order: list[int]) -> None:
    looks = [
        replace(look, **{side: _twice(getattr(look, side)) for side in ("baseline", "canary")})
        for look in some_looks(seed, worse, ticks=12)
    ]
    config = a_config()
    metrics = (
        *config.metrics,
        *(metric.model_copy(update={"name": f"{metric.name}-too", "margin": 2.0}) for metric in config.metrics),
    )
    plain, other = (
        config.model_copy(update={"metrics": metrics}),
        config.model_copy(update={"metrics": tuple(metrics[each] for each in order)}),
    )
    one, two = judge(plain, looks), judge(other, looks)
    assert (one.verdict, one.culprits) == (two.verdict, two.culprits)
    found = {metric.name: metric for metric in two.metrics}
    for metric in one.metrics:
        assert evidence(metric) == pytest.approx(evidence(found[metric.name]), rel=1e-9, abs=1e-9), metric.name
        assert (metric.verdict, metric.outcome) == (found[metric.name].verdict, found[metric.name].outcome)


def _twice(side: Side) -> Side:
    """The same metrics once more under other names."""
    return replace(side, samples={**side.samples, **{f"{name}-too": sample for name, sample in side.samples.items()}})


@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_a_metric_of_many_says_what_it_says_alone(seed: int) -> None:
    looks = some_looks(seed, ticks=12)  # nothing is worse, as a FAIL would end the others' evidence too
    together = results(a_config(), looks)
    for kind in KINDS:
        (alone,) = judge(a_config((kind,)), looks).metrics
        assert evidence(together[kind]) == pytest.approx(evidence(alone), rel=1e-9, abs=1e-9), kind
