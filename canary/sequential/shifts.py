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
        self._scatter = Scatter(np.array([_RANKS_NOISE, *[_EDGES_NOISE] * len(edges)]), size)
        self._seen = np.zeros((size, len(edges) + 1))
        self._weights: Floats | None = None

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
            residual, variance = _residual(n_b, s_b, n_c, s_c)
            residual[:, 0], variance[:, 0] = self._ranks.residual(baseline, canary) if self._ranks else (0.0, 0.0)
            self._scatter.add(residual, variance)
            self._weights = None
        self._seen += baseline + canary
        self._tails.place(self._seen, self.log_weights)
        if self._ranks is not None:
            self._ranks.score(self._seen)

    def log_harm(self) -> Floats:
        """Natural logarithm of the evidence for harm, of shape `(size,)`."""
        parts = self._tails.log_parts(self.log_weights())
        if self._ranks is not None:
            weights = self._all_weights()[:, 0]
            ranks = [averaged(each, LOG_PRIOR, weights, self.levels) for each in self._ranks.parts()]
            log_tails = np.log(1 - _RANKS_PART)
            parts = [
                np.logaddexp(rank + np.log(_RANKS_PART), tail + log_tails)
                for rank, tail in zip(ranks, parts, strict=True)
            ]
        return log_over_steps(parts, is_stepped=self._is_stepped)

    def strongest(self) -> Floats:
        """How strongly each edge speaks for harm, as a log likelihood ratio, of shape `(size, edges)`."""
        return self._tails.strongest()

    def dispersion(self) -> Floats:
        """The dispersion of each edge, of shape `(size, edges)`."""
        return likely(self.log_weights(), self.levels)

    def log_weights(self) -> Floats:
        """Logarithm of how likely each dispersion of each edge is, up to a constant, `(size, edges, levels)`."""
        return self._all_weights()[:, 1:]

    def _all_weights(self) -> Floats:
        if self._weights is None:
            shape = (*self._seen.shape, 1)
            self._weights = np.zeros(shape) if self._is_known else self._scatter.log_weights(self._shared)
        return self._weights


def above(histogram: Floats) -> tuple[Floats, Floats]:
    """Requests, and requests above each edge, each of shape `(size, edges)`."""
    over = np.cumsum(histogram[:, ::-1], axis=1)
    return np.repeat(over[:, -1:], over.shape[1] - 1, axis=1), over[:, -2::-1]


def _residual(n_b: Floats, s_b: Floats, n_c: Floats, s_c: Floats) -> tuple[Floats, Floats]:
    """The canary's events above its share of all, and their variance for independent requests, from column 1 on."""
    residual, variance = np.zeros((2, len(n_b), n_b.shape[1] + 1))
    total, events = np.maximum(n_b + n_c, 1.0), s_b + s_c
    share = n_c / total
    residual[:, 1:] = s_c - share * events
    variance[:, 1:] = share * (1 - share) * events * (1 - events / total)
    return residual, variance
