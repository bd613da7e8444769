"""Simulated latency histograms, and the oracle that knows how the canary differs.

Latency is lognormal (median 100 ms, spread 0.6), or, `heavy`, with a tenth of the requests from a Pareto law (from 150
ms on, index 1.5), seen in the 14 buckets that OpenTelemetry recommends for HTTP servers. A tail shift leaves all
below the 95th percentile as it is and grows to its full size at the 99th.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from canary.sequential.shifts import ShiftEvidence
from canary.sequential.tilts import Floats

EDGES_MS: Final = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)
TICK_S: Final = 15
TICKS: Final = 240
_LEVELS: Final = np.concatenate([np.linspace(0, 0.95, 4001)[1:-1], 1 - np.geomspace(0.05, 1e-8, 20000)])

Quantiles = Callable[[Floats], Floats]
Traffic = Iterator[tuple[Floats, Floats]]


def lognormal(level: Floats) -> Floats:
    """Latency in ms at a quantile level."""
    latency: Floats = 100 * np.exp(0.6 * norm.ppf(level))
    return latency


def heavy(level: Floats) -> Floats:
    """The same with a heavy tail."""
    latency = np.geomspace(0.5, 1e7, 400_000)
    tail = np.where(latency > 150, 1 - (150 / latency) ** 1.5, 0.0)
    held: Floats = np.interp(level, 0.9 * norm.cdf(np.log(latency / 100) / 0.6) + 0.1 * tail, latency)
    return held


@dataclass(frozen=True, slots=True)
class Shift:
    """How a canary differs.

    Args:
        name: for the table.
        by: relative change, such as 0.1.
        only_tail: whether only the tail moves.
        law: the baseline's latency.
    """

    name: str
    by: float
    only_tail: bool = False
    law: Quantiles = lognormal

    def probabilities(self) -> tuple[Floats, Floats]:
        """Chances of the buckets in baseline and canary."""
        latency = self.law(_LEVELS)
        part = np.clip((_LEVELS - 0.95) / 0.04, 0, 1) if self.only_tail else 1.0
        return _by_bucket(latency), _by_bucket(latency * (1 + self.by * part))


def _by_bucket(latency: Floats) -> Floats:
    held = np.interp(EDGES_MS, latency, _LEVELS, left=0, right=1)
    return np.diff(np.concatenate([[0.0], held, [1.0]]))


def drifted(law: Quantiles, factor: float) -> Floats:
    """Chances of the buckets when every latency is `factor` times as long."""
    return _by_bucket(law(_LEVELS) * factor)


def independent(
    rng: np.random.Generator, runs: int, rate: float, chances: tuple[Floats, Floats], ticks: int
) -> Traffic:
    """Ticks of `runs` canaries with `rate` independent requests a second and side."""
    for _ in range(ticks):
        baseline, canary = (rng.poisson(rate * TICK_S * each, (runs, len(each))).astype(float) for each in chances)
        yield baseline, canary


def evidence(size: int, dispersion: float | None = None, *, is_stepped: bool = False) -> ShiftEvidence:
    """The judge's evidence of `size` canaries with default settings, or with known dispersion."""
    return ShiftEvidence(size, EDGES_MS, 1.0, dispersion, is_stepped=is_stepped)


def highest(traffic: Traffic, watched: ShiftEvidence) -> Floats:
    """The most evidence for harm that each run ever had, as logarithm."""
    top = np.float64(-np.inf)
    for baseline, canary in traffic:
        watched.add(baseline, canary)
        top = np.maximum(top, watched.log_harm())
    return np.asarray(top)


def delays(
    traffic: Traffic, watched: ShiftEvidence, alpha: float, chances: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Minutes until each run is failed by the judge, and by the oracle; infinite where neither within the hour.

    The oracle knows both sides' chances of the buckets, but not the traffic, and bets by their likelihood ratio
    (block e-value of Turner, Ly and Gruenwald, arXiv:2106.02693), the fastest such bet there is.
    """
    ratio = np.clip(np.divide(chances[1], chances[0], out=np.ones_like(chances[0]), where=chances[0] > 0), 1e-6, 1e6)
    judge = oracle = np.float64(np.inf)
    wealth = np.float64(0.0)
    for tick, (baseline, canary) in enumerate(traffic, start=1):
        minutes = tick * TICK_S / 60
        n_b, n_c = baseline.sum(axis=1, keepdims=True), canary.sum(axis=1, keepdims=True)
        middle = (n_c * ratio + n_b) / np.maximum(n_b + n_c, 1)
        wealth = wealth + (canary * np.log(ratio / middle) - baseline * np.log(middle)).sum(axis=1)
        oracle = np.minimum(oracle, np.where(wealth >= -np.log(alpha), minutes, np.inf))
        watched.add(baseline, canary)
        judge = np.minimum(judge, np.where(watched.log_harm() >= -np.log(alpha), minutes, np.inf))
        if np.isfinite(judge).all() and np.isfinite(oracle).all():
            break
    return np.asarray(judge), np.asarray(oracle)
