"""What is believed of how much more counts vary than independent requests would.

A garbage collection or a sticky client hits many requests at once, and a side is never quite as fast in one tick as in
the next. Both spread the split of requests between the sides wider than chance, by a factor, the dispersion d, which
divides log likelihood ratios. Instead of estimating it, evidence is averaged over it, with the weight that the data
give each d *without harm*. So evidence that could be noise of a dispersion that is not yet excluded counts little,
as in a t-test, and within some ticks of ordinary traffic nothing is lost any more. For independent requests the average
is at most the evidence of d = 1, so there it is exact; for others it is a Bayes factor and approximate (tests/bench).
"""

from typing import Final

import numpy as np

from canary.sequential.counts import log_sum_exp
from canary.sequential.tilts import Floats

#: Dispersions that are thought possible.
LEVELS: Final = np.array([1, 1.6, 2.5, 4, 6.5, 11, 25, 75, 300, 1500])
#: Beforehand each unit of the logarithm away from the expected dispersion is less likely by this exponent. Set, as are
#: the two below, so that latencies in clusters of mean size 5 fail at most 1.5 % of canaries at 1 % (tests/bench).
_DOUBT: Final = 1.6
#: A block of ticks is closed once it holds this much variance: shorter ones say nothing about clusters of events.
_BLOCK_VARIANCE: Final = 1.0
#: What all buckets together say weighs at most as much as this many differences of a rate's own.
_SHARED_MOST: Final = 40.0
#: Evidence of one tick, where dispersion is not known: no more than this, or than a tick before has had. A burst in a
#: single tick so is not enough, and steady harm loses little.
TICK_MOST: Final = 5.0
_NEVER: Final = -1e9


class Scatter:
    """Squared differences of neighbouring blocks of ticks against those of independent requests.

    A steady difference between the sides, a real regression, cancels in them.

    Args:
        noise: of each of a metric's rates, standard deviation of a side's own unrest from tick to tick, in the unit in
            which the rate's variance is the information on a shift of 1; shape `(rates,)`.
        size: number of metrics.
    """

    def __init__(self, noise: Floats, size: int) -> None:
        shape = (size, len(noise))
        self._noise = noise
        self._open = np.zeros((2, *shape))
        self._last = np.zeros((2, *shape))
        self._variance = np.zeros(shape)
        self._ticks = np.zeros(shape)
        self._pairs = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, residual: Floats, variance: Floats) -> None:
        """Takes in one tick: residuals and their variance for independent requests, of shape `(size, rates)`."""
        self._variance += variance
        self._ticks += variance > 0
        self._open[0] += residual
        self._open[1] += variance
        closed = self._open[1] >= _BLOCK_VARIANCE
        paired = closed & (self._last[1] > 0)
        self._pairs += paired
        difference, expected = self._open[0] - self._last[0], self._open[1] + self._last[1]
        self._squares += np.divide(difference**2, expected, out=np.zeros_like(expected), where=paired)
        np.copyto(self._last, self._open, where=closed)
        np.copyto(self._open, 0.0, where=closed)

    def log_weights(self, shared: "SharedScatter") -> Floats:
        """Logarithm of how likely each of `LEVELS` is by the differences, up to a constant, `(size, rates, levels)`."""
        mean = np.divide(self._variance, self._ticks, out=np.zeros_like(self._ticks), where=self._ticks > 0)
        pairs, squares = shared.weighed(_SHARED_MOST)
        log_levels = np.log(LEVELS)
        weights: Floats = -_DOUBT * np.abs(log_levels - np.log1p(self._noise**2 * mean)[..., None])
        weights -= 0.5 * (self._pairs + pairs[:, None])[..., None] * log_levels
        weights -= 0.5 * (self._squares + squares[:, None])[..., None] / LEVELS
        # Before the first difference of its own a rate may scatter as much as there is.
        np.copyto(weights[..., :-1], _NEVER, where=(self._pairs == 0)[..., None])
        return weights


class SharedScatter:
    """The same over all buckets of a histogram together: less sharp, but told within a few ticks."""

    def __init__(self, size: int, buckets: int) -> None:
        self._last = np.zeros((2, size, buckets))
        self._was_seen = np.zeros(size, bool)
        self._pairs = np.zeros(size)
        self._squares = np.zeros(size)

    def add(self, baseline: Floats, canary: Floats) -> None:
        """Takes in one tick: requests by bucket, each of shape `(size, buckets)`."""
        both = baseline + canary
        total = np.maximum(both.sum(axis=1, keepdims=True), 1.0)
        share = canary.sum(axis=1, keepdims=True) / total
        now = np.empty_like(self._last)
        now[0], now[1] = canary - share * both, share * (1 - share) * both * (1 - both / total)
        seen, variance = now[1].any(axis=1), now[1] + self._last[1]
        whole = variance.sum(axis=1)
        paired = seen & self._was_seen
        # As many independent differences as buckets of equal variance would give.
        parts = np.maximum((variance**2).sum(axis=1), 1e-300)
        self._pairs += np.where(paired, whole**2 / parts, 0.0)
        self._squares += np.where(paired, whole * ((now[0] - self._last[0]) ** 2).sum(axis=1) / parts, 0.0)
        np.copyto(self._last, now, where=seen[:, None])
        self._was_seen |= seen

    def weighed(self, most: float) -> tuple[Floats, Floats]:
        """Differences and their squares, as if they were at most `most`."""
        weight = np.minimum(1.0, most / np.maximum(self._pairs, 1e-9))
        return weight * self._pairs, weight * self._squares


def averaged(likelihood: Floats, log_prior: Floats, log_weights: Floats, levels: Floats) -> Floats:
    """Natural logarithm of the evidence, averaged over effects and dispersions.

    Args:
        likelihood: log likelihood ratios of shape `(..., effects)`.
        log_prior: logarithm of how likely each effect is, of shape `(effects,)`.
        log_weights: of the levels by the differences, of shape `(..., levels)`.
        levels: the dispersions.

    Returns:
        Shape `(...)`. What the likelihood gains at best is taken for noise in weighing the levels.
    """
    best = likelihood.max(axis=-1, keepdims=True)
    weights = log_weights - 0.5 * np.log(levels) - np.maximum(best, 0.0) / levels
    gained = np.log(np.exp((likelihood - best)[..., None, :] / levels[:, None]) @ np.exp(log_prior)) + best / levels
    average: Floats = log_sum_exp(weights + gained, axis=-1) - log_sum_exp(weights, axis=-1)
    return average


def likely(log_weights: Floats, levels: Floats) -> Floats:
    """The dispersion to show: geometric mean over what is believed, of shape `(...)`."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    mean: Floats = np.exp((weights * np.log(levels)).sum(axis=-1) / weights.sum(axis=-1))
    return mean
