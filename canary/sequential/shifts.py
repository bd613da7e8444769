"""Evidence that histograms moved towards harm."""

from typing import Final

import numpy as np

from canary.sequential.ranks import LOG_PRIOR, RankEvidence
from canary.sequential.scatter import LEVELS, TICK_MOST, Scatter, SharedScatter, averaged, likely
from canary.sequential.steps import log_over_steps
from canary.sequential.tails import TailEvidence
from canary.sequential.tilts import Floats

#: Part of the evidence that is asked of ranks, the rest of edges: tails are harder to see, so they get more.
_RANKS_PART: Final = 0.4
#: A side's own unrest from tick to tick: 3 % of a latency of logarithmic spread 0.6, a tenth in the odds of an edge.
_RANKS_NOISE: Final = 0.05
_EDGES_NOISE: Final = 0.1


class ShiftEvidence:
    """Average of evidence from ranks and from edges, for `size` histograms on the same edges.

    Ranks tell any slowness; where some is tolerated, only the edges can tell how much there is.
    """

    def __init__(
        self, size: int, edges: tuple[float, ...], tolerance: float, dispersion: float | None, *, is_stepped: bool
    ) -> None:
        self._size, self._is_known, self._is_stepped = size, dispersion is not None, is_stepped
        self.levels = LEVELS if dispersion is None else np.array([dispersion])
        most = TICK_MOST if dispersion is None else np.inf
        self._ranks = RankEvidence(size, edges, most) if tolerance == 1 else None
        self._tails = TailEvidence(size, len(edges), tolerance, self.levels, most)
        self._shared = SharedScatter(size, len(edges) + 1)
        self._scatter_ranks = Scatter((size,), _RANKS_NOISE)
        self._scatter_edges = Scatter((size, len(edges)), _EDGES_NOISE)
        self._seen = np.zeros((size, len(edges) + 1))
        self._weigh()

    def begin_step(self) -> None:
        """Starts a fresh part of the evidence."""
        self._tails.begin_step()
        if self._ranks is not None:
            self._ranks.begin_step()

    def add(self, baseline: Floats, canary: Floats) -> None:
        """Takes in one tick: requests by bucket, each of shape `(size, buckets)`."""
        (n_b, s_b), (n_c, s_c) = above(baseline), above(canary)
        self._tails.add(n_b, s_b, n_c, s_c)
        if self._ranks is not None:
            self._ranks.add(baseline, canary)
        if not self._is_known:
            self._shared.add(baseline, canary)
            self._scatter_edges.add(*_residual(n_b, s_b, n_c, s_c))
            if self._ranks is not None:
                self._scatter_ranks.add(*self._ranks.residual(baseline, canary))
            self._weigh()
        self._seen += baseline + canary
        self._tails.place(self._seen, self.log_weights)
        if self._ranks is not None:
            self._ranks.score(self._seen)

    def log_harm(self) -> Floats:
        """Natural logarithm of the evidence for harm, of shape `(size,)`."""
        parts = self._tails.log_parts(self.log_weights)
        if self._ranks is not None:
            ranks = [averaged(each, LOG_PRIOR, self._log_weights_ranks, self.levels) for each in self._ranks.parts()]
            log_tails = np.log(1 - _RANKS_PART)
            parts = [
                np.logaddexp(rank + np.log(_RANKS_PART), tail + log_tails)
                for rank, tail in zip(ranks, parts, strict=True)
            ]
        return log_over_steps(parts, is_stepped=self._is_stepped)

    def log_edges(self) -> Floats:
        """Natural logarithm of the evidence at each edge, of shape `(size, edges)`."""
        return self._tails.log_edges(self.log_weights)

    def dispersion(self) -> Floats:
        """The dispersion of each edge, of shape `(size, edges)`."""
        return likely(self.log_weights, self.levels)

    def _weigh(self) -> None:
        if self._is_known:
            self.log_weights = np.zeros((self._size, self._seen.shape[1] - 1, 1))
            self._log_weights_ranks = np.zeros((self._size, 1))
            return
        self.log_weights = self._scatter_edges.log_weights(self._shared)
        self._log_weights_ranks = self._scatter_ranks.log_weights(self._shared)


def above(histogram: Floats) -> tuple[Floats, Floats]:
    """Requests, and requests above each edge, each of shape `(size, edges)`."""
    over = np.cumsum(histogram[:, ::-1], axis=1)
    return np.broadcast_to(over[:, -1:], (len(over), over.shape[1] - 1)), over[:, -2::-1]


def _residual(n_b: Floats, s_b: Floats, n_c: Floats, s_c: Floats) -> tuple[Floats, Floats]:
    """The canary's events above its share of all events, and the variance of that for independent requests."""
    total, events = n_b + n_c, s_b + s_c
    share = np.divide(n_c, total, out=np.zeros_like(total), where=total > 0)
    rate = np.divide(events, total, out=np.zeros_like(total), where=total > 0)
    return s_c - share * events, share * (1 - share) * events * (1 - rate)
