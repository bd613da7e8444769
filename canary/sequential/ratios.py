"""Evidence on the ratio of two means, from sums and sums of squares.

Each tick compares the two sides that had the same minute, so what drifts in common, and shares of traffic that change,
leave it as it is. With n observations of sum x on a side, and N on both, a tick adds n_b x_c / N to the canary's
weighted sum and n_c x_b / N to the baseline's: their quotient is Greenland and Robins' (1985) estimate of a common
ratio. Canary / r - baseline is then a sum without drift if the ratio is r, and nearly normal once it is long.
Judged by the mixtures of `mixtures.py`: asymptotically right, so it says nothing before a least size.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canary.sequential.mixtures import Floats, log_evidence_above, reach

#: Observations that each side needs before anything is said (benchmark of sequential canary tests, 2.3 and 2.7).
LEAST_OBSERVATIONS: Final = 100
#: What observations of both sides must count for together, by Kish's (sum)^2 / sum of squares: of values that are
#: mostly zero it is the number of those that are not; of heavy-tailed ones, how many share the sum.
LEAST_EFFECTIVE: Final = 40.0
#: Values are not taken to vary less than this part of their mean, so that those that never vary can be judged too.
RESOLUTION: Final = 0.01
#: Observations a side needs in a block of ticks to have a variance.
_BLOCK_OBSERVATIONS: Final = 2
#: Before any block has told, the variance between ticks is taken for this many times that within, with the weight of
#: this many blocks. It is raised by this many of its standard errors: set by simulation, with values in clusters of 5
#: and looks at every cluster's end (tests/bench/canary/means.py).
LIKELY: Final = 2.0
PRIOR_BLOCKS: Final = 4.0
STANDARD_ERRORS: Final = 1.0


class Sums(NamedTuple):
    """Observations of both sides, each of shape `(n,)`: how many, their sum, the sum of their squares."""

    count_baseline: Floats
    total_baseline: Floats
    squares_baseline: Floats
    count_canary: Floats
    total_canary: Floats
    squares_canary: Floats

    def swapped(self) -> "Sums":
        """The same with the sides changed."""
        return Sums(*self[3:], *self[:3])


#: Rows of the state: the observations, the weighted sums with their variances and the harmonic weight, then squares and
#: product of the weighted sums of single blocks, and the number of blocks.
_A, _B, _OWN_A, _OWN_B, _LIKE_A, _LIKE_B, _WEIGHT, _AA, _AB, _BB, _BLOCKS = range(6, 17)


class RatioEvidence:
    """Evidence on `size` ratios of means, canary over baseline, fed tick by tick.

    Errors that come in clusters make ticks differ more than their observations do; the variance is then that of the
    ticks.

    Args:
        tolerance: ratios up to this, and down to its inverse, are no harm; of shape `(size,)`.
        margin: ratios within this, and its inverse, are safe; of shape `(size,)`.
    """

    def __init__(self, tolerance: Floats, margin: Floats) -> None:
        self._tolerance, self._margin = tolerance, margin
        self._sums = np.zeros((17, len(tolerance)))
        self._open = np.zeros((6, len(tolerance)))
        self._starts = [self._sums]

    def begin_step(self) -> None:
        """Begins a fresh part of the evidence."""
        self._open = np.zeros_like(self._open)
        self._starts.append(self._sums)

    def add(self, tick: Sums) -> None:
        """Takes in one tick; what is not finite or has no observations on one side waits for more."""
        numbers = np.stack(tick)
        self._open = self._open + np.where(np.isfinite(numbers).all(axis=0), numbers, 0.0)
        is_closed = np.minimum(self._open[0], self._open[3]) >= _BLOCK_OBSERVATIONS
        block = np.where(is_closed, self._open, 2.0)
        self._sums = self._sums + np.where(is_closed, _state_of(Sums(*block)), 0.0)
        self._open = np.where(is_closed, 0.0, self._open)

    @property
    def observed(self) -> Sums:
        """All observations that were used."""
        return Sums(*self._sums[:6])

    def starts(self) -> int:
        """How many parts the evidence has: one, and one more for each step begun."""
        return len(self._starts)

    def log_harm(self, sign: int, start: int = 0) -> Floats:
        """Natural logarithm of the evidence that the ratio is above the tolerance, or (-1) below its inverse."""
        return self._log_beyond(self._sums - self._starts[start], self._tolerance**sign, sign)

    def log_safe(self, sign: int) -> Floats:
        """Natural logarithm of the evidence since the last start that the ratio is below the margin, or (-1) above."""
        return self._log_beyond(self._sums - self._starts[-1], self._margin**sign, -sign)

    def dispersion(self) -> Floats:
        """Variance of the ticks against that of their observations, at least 1, of shape `(size,)`."""
        return _dispersion(self._sums)

    def differences(self, miss: float) -> tuple[Floats, Floats, Floats]:
        """Difference of the means, canary less baseline, and the ends of its confidence sequence; NaN if unknown."""
        sums = self._sums
        weight = np.where(sums[_WEIGHT] > 0, sums[_WEIGHT], np.nan)
        effect = (sums[_A] - sums[_B]) / weight
        _, information, error = _score(sums, np.ones_like(effect))
        width = np.where(is_enough(Sums(*sums[:6])), reach(information, miss) * error / weight, np.inf)
        return effect, effect - width, effect + width

    def _log_beyond(self, sums: Floats, ratio: Floats, sign: int) -> Floats:
        z, information, _ = _score(sums, ratio)
        evidence = log_evidence_above(sign * z, information)
        return np.where(is_enough(Sums(*sums[:6])), evidence, 0.0)


def is_enough(sums: Sums) -> NDArray[np.bool_]:
    """Whether the sizes are large enough for a verdict, of shape `(n,)`.

    >>> is_enough(Sums(*np.array([[100.0], [30], [30], [200], [9], [9]])))
    array([False])
    """
    total = sums.total_baseline + sums.total_canary
    squares = sums.squares_baseline + sums.squares_canary
    is_long = np.minimum(sums.count_baseline, sums.count_canary) >= LEAST_OBSERVATIONS
    is_spread: NDArray[np.bool_] = (total > 0) & (total**2 >= LEAST_EFFECTIVE * squares)
    return is_long & is_spread


def _state_of(block: Sums) -> Floats:
    n_b, x_b, q_b, n_c, x_c, q_c = block
    part_b, part_c = n_b / (n_b + n_c), n_c / (n_b + n_c)
    a, b = part_b * x_c, part_c * x_b
    spread_b, spread_c = _variance(n_b, x_b, q_b), _variance(n_c, x_c, q_c)
    of_a, of_b = part_b**2 * n_c, part_c**2 * n_b
    variances = (of_a * spread_c, of_b * spread_b, of_a * spread_b, of_b * spread_c)
    state: Floats = np.stack([*block, a, b, *variances, n_c * part_b, a * a, a * b, b * b, np.ones_like(a)])
    return state


def _variance(count: Floats, total: Floats, squares: Floats) -> Floats:
    mean = total / count
    return np.maximum((squares - total * mean) / (count - 1), (RESOLUTION * mean) ** 2)


def _score(sums: Floats, ratio: Floats) -> tuple[Floats, Floats, Floats]:
    """Standard score of "ratio above", information on the relative effect, and the score's standard error."""
    a, b = sums[_A] / ratio, sums[_B]
    variance = _spread(sums, ratio) * _dispersion(sums)
    is_open = variance > 0
    error = np.sqrt(np.where(is_open, variance, 1.0))
    level = np.maximum(np.abs(a), np.abs(b))
    return np.where(is_open, (a - b) / error, 0.0), np.where(is_open, (level / error) ** 2, 0.0), error


def _spread(sums: Floats, ratio: Floats) -> Floats:
    """Variance of canary / ratio - baseline for independent observations.

    A side's variance is its own, and not less than the other's would be at this ratio: few skewed values have a low
    mean and a low variance together, which would look like certainty.
    """
    canary = np.maximum(sums[_OWN_A] / ratio**2, sums[_LIKE_A])
    spread: Floats = canary + np.maximum(sums[_OWN_B], sums[_LIKE_B] / ratio**2)
    return spread


def _dispersion(sums: Floats) -> Floats:
    is_open = (sums[_A] > 0) & (sums[_B] > 0) & (sums[_BLOCKS] > 1)
    ratio = np.where(is_open, sums[_A], 1.0) / np.where(is_open, sums[_B], 1.0)
    between = sums[_AA] / ratio**2 - 2 * sums[_AB] / ratio + sums[_BB]
    within = np.where(is_open, _spread(sums, ratio), 1.0)
    blocks = np.where(is_open, sums[_BLOCKS] - 1, 0.0)
    times = np.where(is_open, between / within * sums[_BLOCKS] / np.maximum(blocks, 1), 0.0)
    cautious = 1 + STANDARD_ERRORS / np.sqrt(PRIOR_BLOCKS + blocks)
    return np.maximum(1.0, cautious * (PRIOR_BLOCKS * LIKELY + blocks * times) / (PRIOR_BLOCKS + blocks))
