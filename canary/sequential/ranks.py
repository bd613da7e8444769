"""Evidence that a whole distribution moved up, by normal scores of its ranks."""

from typing import Final

import numpy as np

from canary.sequential.tilts import Floats, log_tilted

#: Sizes of the shift in standard deviations, and how likely each is thought to be: for a latency whose logarithm has
#: spread 0.6 from 2.5 % to 45 %, most weight where canaries are hard to tell (simulation, tests/bench).
TILTS: Final = np.array([0.04, 0.08, 0.16, 0.32, 0.64])
LOG_PRIOR: Final = np.log([0.12, 0.25, 0.31, 0.2, 0.12])
#: Spread of the logarithm of a latency before one was seen: of web services it is mostly between 0.5 and 1.
_SPREAD: Final = 0.7
#: Scores are made anew whenever this many times the requests have been seen.
_GROWTH: Final = 1.25
#: Part of a request that is thought to be in the histogram beforehand, so that no bucket is at the very end.
_PRIOR: Final = 0.5


class RankEvidence:
    """Tilts by the normal scores (van der Waerden) that the ticks before gave the buckets, for `size` histograms.

    They are the best scores for a latency whose logarithm is normal and moves as a whole, and bounded for one with
    a heavier tail. The first tick is scored by the logarithms of the edges.

    Args:
        size: number of histograms.
        edges: upper bucket edges.
        most: log likelihood ratio that a tick may add, unless one before it had more.
    """

    def __init__(self, size: int, edges: tuple[float, ...], most: float) -> None:
        self._scores = np.tile(_first_scores(np.array(edges)), (size, 1))
        self._scored_at = np.zeros(size)
        self._most = np.full((size, len(TILTS)), most)
        self._likelihood = np.zeros((size, len(TILTS)))
        self._starts = [self._likelihood.copy()]

    def begin_step(self) -> None:
        """Starts a fresh part of the evidence."""
        self._starts.append(self._likelihood.copy())

    def add(self, baseline: Floats, canary: Floats) -> None:
        """Takes in one tick: requests by bucket, each of shape `(size, buckets)`."""
        gain = log_tilted(baseline, canary, self._scores[:, :, None] * TILTS)
        self._likelihood += np.minimum(gain, self._most)
        self._most = np.maximum(self._most, gain)

    def score(self, seen: Floats) -> None:
        """Scores the next tick, by all requests seen so far, of shape `(size, buckets)`."""
        total = seen.sum(axis=1)
        grown = total > _GROWTH * self._scored_at
        if grown.any():
            self._scores[grown] = _normal_scores(seen[grown])
            self._scored_at[grown] = total[grown]

    def residual(self, baseline: Floats, canary: Floats) -> tuple[Floats, Floats]:
        """What the canary scores above its share, and the variance of that for independent requests."""
        both = baseline + canary
        total = np.maximum(both.sum(axis=1), 1.0)
        share = canary.sum(axis=1) / total
        centred = self._scores - ((self._scores * both).sum(axis=1) / total)[:, None]
        return (centred * canary).sum(axis=1), share * (1 - share) * (centred**2 * both).sum(axis=1)

    def parts(self) -> list[Floats]:
        """Log likelihood ratios of the tilts since each start, each of shape `(size, tilts)`."""
        return [self._likelihood - start for start in self._starts]


def _normal_scores(seen: Floats) -> Floats:
    part = seen + _PRIOR / seen.shape[1]
    part /= part.sum(axis=1, keepdims=True)
    middle = np.cumsum(part, axis=1) - part / 2
    # Tukey's lambda distribution: within 0.01 of the normal quantile up to two and a half standard deviations.
    scores: Floats = 4.91 * (middle**0.14 - (1 - middle) ** 0.14)
    return scores


def _first_scores(edges: Floats) -> Floats:
    """Logarithms of the edges; their order where one is not positive."""
    marks: Floats = np.log(edges) / _SPREAD if edges[0] > 0 else np.arange(len(edges), dtype=float)
    scores = np.concatenate([marks[:1], (marks[1:] + marks[:-1]) / 2, marks[-1:]])
    clipped: Floats = np.clip(scores - np.median(scores), -4, 4)
    return clipped
