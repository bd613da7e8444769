"""Rules that other systems decide by, on many simulated canaries at once.

Each gives, for every run, the minute after traffic began at which the canary is failed (infinity: never). Rules that
measure do so every minute, as their users mostly have it; ours looks at every tick.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from canary.config import MetricConfig
from canary.kayenta.classify import find
from canary.kayenta.compat import Compat
from canary.kayenta.options import Direction, Options
from canary.kayenta.result import Classification
from canary.kayenta.samples import Sample
from canary.looks import ERROR_RATE
from canary.sequential.counts import Counts
from canary.sequential.evidence import RateEvidence
from canary.simulation import Load, Traffic

Floats = NDArray[np.float64]

TICK_S: Final = 15
#: Of the normal distribution, for the 98 % interval of the real judge, which has no setting for it.
KAYENTA_QUANTILE: Final = NormalDist().inv_cdf(0.99)
_INCREASE: Final = Options(direction=Direction.INCREASE)
PER_MINUTE: Final = 60 // TICK_S


@dataclass(frozen=True)
class Served:
    """What both sides served, baseline first: requests and errors of each tick, `(2, runs, ticks)`."""

    requests: NDArray[np.int64]
    errors: NDArray[np.int64]

    def minutes(self) -> tuple[Floats, Floats]:
        """Requests and errors of each minute, `(2, runs, minutes)`."""
        return _by_minute(self.requests), _by_minute(self.errors)

    def shares(self) -> Floats:
        """The share of requests that failed in each minute, `(2, runs, minutes)`; NaN without requests."""
        requests, errors = self.minutes()
        return np.divide(errors, requests, out=np.full_like(errors, np.nan), where=requests > 0)


def _by_minute(counts: NDArray[np.int64]) -> Floats:
    sides, runs, ticks = counts.shape
    summed: Floats = counts.reshape(sides, runs, ticks // PER_MINUTE, PER_MINUTE).sum(axis=3).astype(float)
    return summed


def served(traffic: Traffic, runs: int, minutes: int, seed: int) -> Served:
    """Simulated counts of `runs` canaries in as many minutes."""
    load = Load(traffic, runs, minutes * 60.0, seed, edges_ms=())
    drawn = [load.tick(float(tick * TICK_S), TICK_S) for tick in range(minutes * PER_MINUTE)]
    return Served(np.stack([each.requests for each in drawn], 2), np.stack([each.errors for each in drawn], 2))


def times(rate: float, factor: float) -> float:
    """The odds ratio that makes a share `factor` times as large.

    >>> round(times(0.01, 2), 4)
    2.0204
    """
    worse = rate * factor
    return worse / (1 - worse) / (rate / (1 - rate))


def nth(bad: NDArray[np.bool_], n: int, later: int = 0) -> Floats:
    """The minute of the nth bad measurement of each run, `later` minutes on; infinity if there are fewer."""
    reached = np.cumsum(bad, axis=1) >= n
    first: Floats = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0 + later, np.inf)
    return np.where(first <= bad.shape[1], first, np.inf)


def argo(traffic: Served, bound: float, failure_limit: int) -> Floats:
    """Argo Rollouts, `successCondition: result[0] < bound` on the canary's share of errors, once a minute."""
    return nth(~(traffic.shares()[1] < bound), failure_limit + 1)


def flagger(traffic: Served, bound: float, threshold: int) -> Floats:
    """Flagger, success rate at least `1 - bound` once a minute; rolled back one tick after the last failed check."""
    return nth(~(traffic.shares()[1] <= bound), threshold, later=1)


def peeked(traffic: Served, alpha: float) -> Floats:
    """A one-sided two-proportion z-test on all counts so far, at level `alpha` at each minute's peek."""
    requests, errors = (np.cumsum(each, axis=2) for each in traffic.minutes())
    with np.errstate(divide="ignore", invalid="ignore"):
        shares, pooled = errors / requests, errors.sum(axis=0) / requests.sum(axis=0)
        z = (shares[1] - shares[0]) / np.sqrt(pooled * (1 - pooled) * (1 / requests).sum(axis=0))
    return nth(z > normal_quantile(1 - alpha), 1)


def kayenta(traffic: Served, looks: Sequence[int], quantile: float = KAYENTA_QUANTILE) -> Floats:
    """NetflixACAJudge-v1.0 on the error rate of each minute in percent, at the minutes `looks`, all data so far.

    Args:
        traffic: what was served.
        looks: when it is judged; a High ends the canary.
        quantile: of the normal distribution, for the interval; the real judge's is fixed at 98 % confidence.
    """
    shares = 100 * traffic.shares()
    found = np.full(shares.shape[1], np.inf)
    for minute in looks:
        for run in np.flatnonzero(np.isinf(found)):
            baseline, canary = (np.sort(side[run, :minute][~np.isnan(side[run, :minute])]) for side in shares)
            if is_high(canary, baseline, quantile):
                found[run] = minute
    return found


def is_high(x: Floats, y: Floats, quantile: float = KAYENTA_QUANTILE) -> bool:
    """Whether Kayenta finds `x` High against `y` (both ascending) for direction `increase` and default effect size.

    At the real judge's quantile it is our Kayenta judge that says so. At another one, the lower end of the interval is
    above a quarter of the estimated shift if the rank sum there is above the quantile, up to the solver's tolerance.
    """
    finding = find("errors", Sample(x), Sample(y), _INCREASE, Compat.EXACT, lambda: np.random.default_rng(0))
    if quantile == KAYENTA_QUANTILE or finding.interval is None:
        return finding.classification is Classification.HIGH
    above, below = float(x.mean()), float(y.mean())
    is_more = above == 0 or below == 0 or above / below >= 1
    return is_more and statistic(x, y, 0.25 * abs(finding.interval.estimate)) > quantile


def statistic(x: Floats, y: Floats, shift: float) -> float:
    """The rank sum of `x - shift` in standard deviations from its mean, with the continuity correction; NaN if all tie.

    >>> round(statistic(np.array([2.0, 3.0]), np.array([1.0, 2.0]), 0.0), 4)
    0.8165
    """
    n, m = len(x), len(y)
    moved = x - shift
    excess = (np.searchsorted(y, moved, "left") + np.searchsorted(y, moved, "right")).sum() / 2 - n * m / 2
    _, sizes = np.unique(np.concatenate((moved, y)), return_counts=True)
    ties = (sizes.astype(float) ** 3 - sizes).sum() / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties)
    return float((excess - 0.5 * np.sign(excess)) / math.sqrt(variance)) if variance > 0 else math.nan


def ours(traffic: Served, alphas: Sequence[float], **settings: Any) -> Floats:
    """The sequential judge at each level, looking at every tick: minutes, `(levels, runs)`. The one call of it."""
    _, runs, ticks = traffic.requests.shape
    evidence = RateEvidence(runs, MetricConfig(name=ERROR_RATE, **settings))
    limits = -np.log(np.array(alphas))[:, None]
    found = np.full((len(alphas), runs), np.inf)
    for tick in range(ticks):
        requests, errors = (each[:, :, tick].astype(float) for each in (traffic.requests, traffic.errors))
        evidence.add(Counts(requests[0], errors[0], requests[1], errors[1]))
        now = np.where(evidence.log_harm() >= limits, (tick + 1) / PER_MINUTE, np.inf)
        found = np.minimum(found, now)
    return found


def normal_quantile(p: float) -> float:
    """The quantile of the standard normal distribution.

    >>> round(normal_quantile(0.99), 6)
    2.326348
    """
    return NormalDist().inv_cdf(p)


def found_percent(found: Floats) -> float:
    """How many of the runs were failed, in percent."""
    return 100 * float(np.isfinite(found).mean())


def median_minute(found: Floats) -> float:
    """The median minute of all runs; infinity if fewer than half were failed."""
    return float(np.percentile(found, 50, method="higher"))


def restricted_mean(found: Floats, minutes: float) -> float:
    """The mean minute, where a run that was never failed counts as the whole time."""
    return float(np.minimum(found, minutes).mean())


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers.

    >>> geometric_mean([1.0, 4.0])
    2.0
    """
    return math.exp(sum(map(math.log, values)) / len(values))
