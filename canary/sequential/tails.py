"""Evidence that more requests are above some edge, most of all in the tail."""

from collections.abc import Callable
from typing import Final

import numpy as np

from canary.sequential.counts import log_sum_exp
from canary.sequential.scatter import averaged
from canary.sequential.tilts import Chosen, Floats, log_raised

#: Odds ratios that harm may have, relative to the tolerance, and how likely each is thought to be (simulation,
#: tests/bench).
HARM_ODDS: Final = np.array([1.2, 1.6, 2.3, 3.4, 5.5, 10.0])
_LOG_PRIOR: Final = np.log([0.09, 0.17, 0.24, 0.24, 0.17, 0.09])
#: Shares of requests above an edge that make it one of the tail or of the body, and the tail's part of the stakes.
#: Edges with fewer or more above them tell nothing within an hour (benchmark of sequential canary tests, 2.4).
_TAIL: Final = (0.0007, 0.2)
_BODY: Final = (0.2, 0.98)
_TAIL_PART: Final = 0.85
#: Stakes are placed anew whenever this many times the requests have been seen.
_GROWTH: Final = 1.25


class TailEvidence:
    """Odds ratios of exceeding each edge, for `size` histograms.

    What is staked on an edge follows from the requests of the ticks before. Stakes move at their present worth, so an
    edge that tells nothing costs nothing; nor is it watched while nothing is staked on it.

    Args:
        size: number of histograms.
        edges: number of edges.
        tolerance: odds ratio up to which nothing is harm.
        levels: dispersions to average over.
        most: log likelihood ratio that a tick may add, unless one before it had more.
    """

    def __init__(self, size: int, edges: int, tolerance: float, levels: Floats, most: float) -> None:
        self._log_odds = np.log([tolerance, *(tolerance * HARM_ODDS)])
        self._levels = levels
        self._placed_at = np.zeros(size)
        self._stakes = np.full((size, edges), -np.log(edges))
        self._likelihood = np.zeros((size, edges, len(HARM_ODDS)))
        self._most = np.full_like(self._likelihood, most)
        self._starts = [(self._likelihood.copy(), np.zeros(size))]

    def begin_step(self) -> None:
        """Starts a fresh part of the evidence."""
        self._starts.append((self._likelihood.copy(), np.zeros(len(self._stakes))))

    def add(self, n_b: Floats, s_b: Floats, n_c: Floats, s_c: Floats) -> None:
        """Takes in one tick: requests, and those above each edge, each of shape `(size, edges)`."""
        events = s_b + s_c
        told = (self._stakes > -np.inf) & (events > 0) & (events < n_b + n_c) & (n_b > 0) & (n_c > 0)
        which = np.flatnonzero(told)
        gain = log_raised(
            n_b.ravel()[which], s_b.ravel()[which], n_c.ravel()[which], s_c.ravel()[which], self._log_odds
        )
        gain = gain[:, 1:] - gain[:, :1]
        likelihood, most = (each.reshape(-1, gain.shape[1]) for each in (self._likelihood, self._most))
        capped = most[which]
        likelihood[which] += np.minimum(gain, capped)
        most[which] = np.maximum(capped, gain)

    def place(self, seen: Floats, log_weights: Callable[[], Floats]) -> None:
        """Places the stakes of the next tick, by all requests seen so far, of shape `(size, buckets)`."""
        total = seen.sum(axis=1)
        grown = total > _GROWTH * self._placed_at
        if grown.any():
            self._place(seen, total, log_weights(), grown)

    def _place(self, seen: Floats, total: Floats, log_weights: Floats, grown: Chosen) -> None:
        before = [self._worth(start, log_weights, grown) for start, _ in self._starts]
        self._stakes[grown] = _stakes(seen[grown])
        self._placed_at[grown] = total[grown]
        for (start, offset), worth in zip(self._starts, before, strict=True):
            offset[grown] += worth - self._worth(start, log_weights, grown)

    def log_parts(self, log_weights: Floats) -> list[Floats]:
        """Natural logarithm of the evidence since each start, of shape `(size,)`."""
        everyone = np.ones(len(self._stakes), bool)
        return [offset + self._worth(start, log_weights, everyone) for start, offset in self._starts]

    def strongest(self) -> Floats:
        """Log likelihood ratio of each edge's best odds since the beginning, of shape `(size, edges)`."""
        best: Floats = self._likelihood.max(axis=2)
        return best

    def _worth(self, start: Floats, log_weights: Floats, rows: Chosen) -> Floats:
        stakes = self._stakes[rows]
        staked = stakes > -np.inf
        grown = (self._likelihood[rows] - start[rows])[staked]
        stakes[staked] += averaged(grown, _LOG_PRIOR, log_weights[rows][staked], self._levels)
        return log_sum_exp(stakes, axis=1)


def _stakes(seen: Floats) -> Floats:
    above = np.cumsum(seen[:, ::-1], axis=1)[:, -2::-1]
    share = (above + 0.5) / (seen.sum(axis=1, keepdims=True) + 1)
    stakes = np.zeros_like(share)
    for (low, high), part in ((_TAIL, _TAIL_PART), (_BODY, 1 - _TAIL_PART)):
        inside = (share > low) & (share <= high)
        stakes += part * inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    whole = stakes.sum(axis=1, keepdims=True)
    even = np.full_like(stakes, 1 / stakes.shape[1])
    with np.errstate(divide="ignore"):
        placed: Floats = np.log(np.divide(stakes, whole, out=even, where=whole > 0))
    return placed
