"""Evidence that no more requests are above the protected edges, and how many more at most."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from canary.config import MetricConfig
from canary.sequential.counts import log_mean_exp
from canary.sequential.intervals import Interval
from canary.sequential.scatter import averaged
from canary.sequential.tilts import Floats, log_raised

#: Baseline requests after which the protected edges are picked. Safety evidence starts there, so the pick is fair.
EDGES_PICKED_AT: Final = 100
#: Odds ratios that a safe canary may have; the square root of the margin joins them (benchmark of sequential canary
#: tests, 2.8).
_SAFE_ODDS: Final = (0.6, 0.8, 0.9, 1.0)
#: Event probabilities that a safe canary may have, relative to the negligible one.
_SAFE_PARTS: Final = np.array([0.1, 0.3, 0.6])
#: Odds ratios that intervals are told in: dense about 1, where much traffic tells them apart.
_STEPS: Final = np.log([1.02, 1.05, 1.1, 1.16, 1.25, 1.35, 1.5, 1.75, 2, 2.5, 3.2, 4.5, 7, 12, 25, 60, 200])
_LOG_ODDS: Final = np.concatenate([-_STEPS[::-1], [0.0], _STEPS])


class ProtectedEdges:
    """The edges that hold the protected quantiles of the baseline, for `size` histograms on the same edges.

    Safety rejects "odds ratio of the margin or more, and a probability of `negligible` or more": the average of an
    e-value against the first and one against the second is one against both together.
    """

    def __init__(self, size: int, edges: int, metric: MetricConfig) -> None:
        self._metric, self._edges = metric, edges
        self._log_odds = np.log([metric.margin, *_SAFE_ODDS, metric.margin**0.5])
        self.is_picked = np.zeros(size, bool)
        #: The edge of each protected quantile, of shape `(size, quantiles)`; meaningless before it is picked.
        self.edges = np.zeros((size, len(metric.protect)), int)
        self._seen = np.zeros((size, edges + 1))
        self._likelihood = np.zeros((*self.edges.shape, len(self._log_odds) - 1))
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
        counts = [each[rows[:, None], self.edges[rows]].ravel() for each in (n_b, s_b, n_c, s_c)]
        shape = (len(rows), self.edges.shape[1], -1)
        gain = log_raised(*counts, self._log_odds).reshape(shape)
        self._likelihood[rows] += gain[:, :, 1:] - gain[:, :, :1]
        self._odds[rows] += log_raised(*counts, _LOG_ODDS).reshape(shape)
        if (negligible := self._metric.negligible) > 0:
            self._low[rows] += _lowness(counts[2], counts[3], negligible).reshape(shape)

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
        safe = averaged(self._likelihood, _even(self._likelihood), weights, levels)
        if self._metric.negligible == 0:
            return safe
        low = averaged(self._low, _even(self._low), weights, levels)
        return np.logaddexp(safe, low) - np.log(2.0)

    def interval(self, row: int, column: int, dispersion: float, miss: float) -> Interval:
        """The odds ratio at one edge; its interval ever misses the truth with chance `miss` at most."""
        return interval_of(self._odds[row, column] / dispersion, miss)


def interval_of(likelihood: Floats, miss: float) -> Interval:
    """The odds ratio, from log likelihood ratios of odds of -ln 200 to ln 200."""
    if not np.any(likelihood):
        return Interval(None, None, None)
    inside = np.flatnonzero(log_mean_exp(likelihood, axis=0) - likelihood < -np.log(miss))
    odds = np.exp(_LOG_ODDS)
    # An end on the edge of the grid is open, and a point between two grid points may still be inside.
    low = float(odds[inside[0] - 1]) if inside[0] > 0 else 0.0
    high = float(odds[inside[-1] + 1]) if inside[-1] + 1 < len(odds) else None
    return Interval(_peak(likelihood), low, high)


def _peak(likelihood: Floats) -> float:
    """The most likely odds ratio: top of the parabola through the best grid point and its neighbours."""
    best = int(np.argmax(likelihood))
    if best in (0, len(_LOG_ODDS) - 1):
        return float(np.exp(_LOG_ODDS[best]))
    near: Sequence[int] = range(best - 1, best + 2)
    square, slope, _ = np.polyfit(_LOG_ODDS[near] - _LOG_ODDS[best], likelihood[near] - likelihood[best], 2)
    return float(np.exp(_LOG_ODDS[best] - (slope / (2 * square) if square < 0 else 0.0)))


def _even(values: Floats) -> Floats:
    return np.full(values.shape[-1], -np.log(values.shape[-1]))


def _lowness(n_c: Floats, s_c: Floats, negligible: float) -> Floats:
    """Log likelihood ratio of smaller probabilities in the canary against `negligible`, of shape `(n, parts)`."""
    smaller = negligible * _SAFE_PARTS
    fewer = (n_c - s_c)[:, None] * np.log((1 - smaller) / (1 - negligible))
    gain: Floats = s_c[:, None] * np.log(_SAFE_PARTS) + fewer
    return gain
