"""Evidence that no more requests are above the protected edges, and how many more at most."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canary.config import MetricConfig
from canary.sequential.counts import log_mean_exp
from canary.sequential.scatter import averaged
from canary.sequential.tilts import Floats, log_raised

#: Baseline requests after which the protected edges are picked. Safety evidence starts there, so the pick is fair.
EDGES_PICKED_AT: Final = 100
#: Odds ratios that a safe canary may have; the square root of the margin joins them (benchmark of sequential canary
#: tests, 2.8). Most are as good as their baseline, and little better.
_SAFE_ODDS: Final = (0.6, 0.8, 0.9, 1.0)
_SAFE_PRIOR: Final = np.log([0.1, 0.15, 0.2, 0.35, 0.2])
#: Event probabilities that a safe canary may have, relative to the negligible one.
_SAFE_PARTS: Final = np.array([0.1, 0.3, 0.6])
_EVEN: Final = np.log(np.full(len(_SAFE_PARTS), 1 / len(_SAFE_PARTS)))
#: Odds ratios that intervals are told in: from a hundredth to a hundred, each about 16 % above the last up to ten.
_STEPS: Final = np.array([*np.arange(0.15, 2.35, 0.15), 2.7, 3.4, np.log(100)])
_LOG_ODDS: Final = np.concatenate([-_STEPS[::-1], [0.0], _STEPS])


Integers = NDArray[np.int64]


class Intervals(NamedTuple):
    """Best estimates of odds ratios (NaN: nothing known) and the ends of their intervals, each of shape `(n,)`."""

    effect: Floats
    low: Floats
    high: Floats


class ProtectedEdges:
    """The edges that hold the protected quantiles of the baseline, for `size` histograms on the same edges.

    Safety rejects "odds ratio of the margin or more, and a probability of `negligible` or more": the average of an
    e-value against the first and one against the second is one against both together.
    """

    def __init__(self, size: int, edges: int, metric: MetricConfig) -> None:
        self._metric, self._edges = metric, edges
        safe = np.log([*_SAFE_ODDS, metric.margin**0.5, metric.margin])
        self._safe, self._log_odds = len(safe), np.concatenate([safe, _LOG_ODDS])
        self.is_picked = np.zeros(size, bool)
        #: The edge of each protected quantile, of shape `(size, quantiles)`; meaningless before it is picked.
        self.edges = np.zeros((size, len(metric.protect)), int)
        self._seen = np.zeros((size, edges + 1))
        self._likelihood = np.zeros((*self.edges.shape, self._safe - 1))
        self._low = np.zeros((*self.edges.shape, len(_SAFE_PARTS)))
        self._odds = np.zeros((*self.edges.shape, len(_LOG_ODDS)))

    def begin_step(self) -> None:
        """Forgets the safety evidence so far: load may bring out new harm."""
        self._likelihood[:], self._low[:] = 0.0, 0.0

    def add(self, n_b: Floats, s_b: Floats, n_c: Floats, s_c: Floats) -> None:
        """Takes in one tick: requests, and those above each edge, each of shape `(size, edges)`."""
        rows = np.flatnonzero(self.is_picked)
        if not len(rows):
            return
        n_b, s_b, n_c, s_c = (each[rows[:, None], self.edges[rows]].ravel() for each in (n_b, s_b, n_c, s_c))
        shape = (len(rows), self.edges.shape[1], -1)
        gain = log_raised(n_b, s_b, n_c, s_c, self._log_odds).reshape(shape)
        self._likelihood[rows] += gain[:, :, : self._safe - 1] - gain[:, :, self._safe - 1 : self._safe]
        self._odds[rows] += gain[:, :, self._safe :]
        if (negligible := self._metric.negligible) > 0:
            self._low[rows] += _lowness(n_c, s_c, negligible).reshape(shape)

    def pick(self, seen: Floats) -> None:
        """Picks edges by the baseline's requests so far, of shape `(size, buckets)`, where there are enough."""
        rows = np.flatnonzero(~self.is_picked & (seen.sum(axis=1) >= EDGES_PICKED_AT))
        if not len(rows):
            return
        held = np.cumsum(seen[rows], axis=1)[:, :-1] / seen[rows].sum(axis=1, keepdims=True)
        for column, level in enumerate(sorted(self._metric.protect)):
            self.edges[rows, column] = np.minimum((held < level).sum(axis=1), self._edges - 1)
        self.is_picked[rows] = True

    def log_safe(self, log_weights: Floats, levels: Floats) -> Floats:
        """Natural logarithm of the evidence for safety since the step began, of shape `(size, quantiles)`.

        Args:
            log_weights: of the dispersions, edge by edge, of shape `(size, edges, levels)`.
            levels: the dispersions.
        """
        weights = np.take_along_axis(log_weights, self.edges[:, :, None], axis=1)
        safe = averaged(self._likelihood, _SAFE_PRIOR, weights, levels)
        if self._metric.negligible == 0:
            return safe
        low = averaged(self._low, _EVEN, weights, levels)
        both: Floats = np.logaddexp(safe, low) - np.log(2.0)
        return both

    def intervals(self, columns: Integers, dispersion: Floats, miss: float) -> Intervals:
        """The odds ratio at one protected edge of each histogram.

        Args:
            columns: which of the protected edges, of shape `(size,)`.
            dispersion: of that edge, of shape `(size,)`.
            miss: chance that an interval ever misses the truth.
        """
        return intervals_of(self._odds[np.arange(len(columns)), columns] / dispersion[:, None], miss)


def intervals_of(likelihood: Floats, miss: float) -> Intervals:
    """Odds ratios from log likelihood ratios of odds of a hundredth to a hundred, of shape `(n, odds)`.

    The confidence sequence is where the evidence against an odds ratio, mixed over all others, is below `1 / miss`.
    Between grid points the root of what a point lacks to the best one is nearly a straight line, and a peak narrower
    than the grid is mixed over as the parabola that it is.
    """
    peak, top, bend = _peaks(likelihood)
    width = np.minimum(np.sqrt(np.pi / bend) / (_LOG_ODDS[-1] - _LOG_ODDS[0]), 1.0)
    mixed = np.maximum(log_mean_exp(likelihood, axis=1), top + np.log(np.maximum(width, 1e-300)))
    lacking = np.sqrt(np.maximum(top[:, None] - likelihood, 0.0)) * np.sign(_LOG_ODDS - peak[:, None])
    reach = np.sqrt(np.maximum(top - mixed - np.log(miss), 0.0))
    low, high = (np.exp(_crossing(lacking, bound)) for bound in (-reach, reach))
    is_blank = ~likelihood.any(axis=1)
    low[lacking[:, 0] >= -reach], high[lacking[:, -1] <= reach] = 0.0, np.inf
    effect = np.exp(peak)
    effect[is_blank], low[is_blank] = np.nan, np.nan
    return Intervals(effect, low, high)


def _crossing(rising: Floats, bound: Floats) -> Floats:
    """Logarithm of the odds at which each row reaches its bound, by straight lines between grid points."""
    after = np.clip((rising < bound[:, None]).sum(axis=1), 1, rising.shape[1] - 1)
    rows = np.arange(len(rising))
    left, right = rising[rows, after - 1], rising[rows, after]
    part = np.divide(bound - left, right - left, out=np.zeros_like(left), where=right > left)
    crossing: Floats = _LOG_ODDS[after - 1] + np.clip(part, 0, 1) * (_LOG_ODDS[after] - _LOG_ODDS[after - 1])
    return crossing


def _peaks(likelihood: Floats) -> tuple[Floats, Floats, Floats]:
    """The parabola through the best three points: its peak (logarithm of the odds), top, and bend (infinite: none)."""
    rows, best = np.arange(len(likelihood)), likelihood.argmax(axis=1)
    inner = np.clip(best, 1, len(_LOG_ODDS) - 2)
    below, above = _LOG_ODDS[inner] - _LOG_ODDS[inner - 1], _LOG_ODDS[inner + 1] - _LOG_ODDS[inner]
    middle = likelihood[rows, inner]
    fall, rise = middle - likelihood[rows, inner - 1], middle - likelihood[rows, inner + 1]
    bend, slope = fall / below + rise / above, fall * above / below - rise * below / above
    is_top = (inner == best) & (bend > 0)
    tilt = np.divide(slope, bend, out=np.zeros_like(slope), where=is_top)
    top = likelihood[rows, best] + np.where(is_top, 0.25 * slope * tilt / (below + above), 0.0)
    peak: Floats = _LOG_ODDS[best] + 0.5 * tilt
    return peak, top, np.where(is_top, bend / (below + above), np.inf)


def _lowness(n_c: Floats, s_c: Floats, negligible: float) -> Floats:
    """Log likelihood ratio of smaller probabilities in the canary against `negligible`, of shape `(n, parts)`."""
    smaller = negligible * _SAFE_PARTS
    fewer = (n_c - s_c)[:, None] * np.log((1 - smaller) / (1 - negligible))
    gain: Floats = s_c[:, None] * np.log(_SAFE_PARTS) + fewer
    return gain
