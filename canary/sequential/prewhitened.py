"""Evidence on the mean of a series whose values depend on the ones before, such as a gauge of one pod.

What the last value foretells is taken off each value, and the rest is tested as if independent (Box and Jenkins'
prewhitening). The test is the t mixture of Lai (1976): a normal prior on the mean in units of the unknown deviation.
Foretelling is estimated from few values, so this is an approximation; it is refused where the values depend so much on
each other that it fails (benchmark of sequential canary tests, 2.5 and T7).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.sequential.mixtures import Floats, log_normal_cdf

#: Values that only estimate how much each depends on the last (ibid., 2.5).
BURN: Final = 8
#: The prior on the mean weighs as much as this many values (ibid.).
_PRIOR: Final = 4.0
#: Autocorrelation that may be above this is refused: there the test fails up to thrice too many (ibid., T7 at 0.9).
HIGHEST: Final = 0.8
#: What is foretold at most, so that the rest does not vanish.
_MOST: Final = 0.99


class Prewhitened:
    """`size` series, fed value by value, and the evidence that the mean of each is above zero."""

    def __init__(self, size: int) -> None:
        zeros = np.zeros(size)
        self._seen, self._first, self._last = zeros, zeros, zeros
        self._sum, self._squares, self._products = zeros, zeros, zeros
        # Of the rest: how many, its sum and sum of squares; the same of what it would be at a mean of one.
        self._count, self._rest, self._rest_squares = zeros, zeros, zeros
        self._part, self._part_squares, self._cross = zeros, zeros, zeros

    def add(self, values: Floats) -> None:
        """Takes in one value of each series; one that is not finite is left out."""
        is_used = np.isfinite(values)
        value = np.where(is_used, values, 0.0)
        is_tested = is_used & (self._seen >= BURN)
        kept = 1 - self.autocorrelation()
        rest = np.where(is_tested, value - (1 - kept) * self._last, 0.0)
        part = np.where(is_tested, kept, 0.0)
        self._count = self._count + is_tested
        self._rest, self._rest_squares = self._rest + rest, self._rest_squares + rest**2
        self._part, self._part_squares = self._part + part, self._part_squares + part**2
        self._cross = self._cross + rest * part
        self._products = self._products + np.where(self._seen > 0, value * self._last, 0.0)
        self._sum, self._squares = self._sum + value, self._squares + value**2
        self._first = np.where(is_used & (self._seen == 0), value, self._first)
        self._last = np.where(is_used, value, self._last)
        self._seen = self._seen + is_used

    @property
    def seen(self) -> Floats:
        """Values taken in, of shape `(size,)`."""
        return self._seen

    def autocorrelation(self) -> Floats:
        """How much each value foretells the next, from 0 to 0.99; 0 before there are `BURN` values.

        The estimate from n values is too low by (1 + 4 phi) / n (Kendall 1954), which is put back.
        """
        n = np.maximum(self._seen, 1)
        mean = self._sum / n
        square = self._squares - n * mean**2
        product = self._products - mean * (2 * self._sum - self._first - self._last) + (n - 1) * mean**2
        is_open = (self._seen >= BURN) & (square > 1e-12 * self._squares)
        raw = np.where(is_open, product, 0.0) / np.where(is_open, square, 1.0)
        return np.where(is_open, np.clip(raw + (1 + 4 * raw) / n, 0.0, _MOST), 0.0)

    def is_refused(self) -> NDArray[np.bool_]:
        """Whether values may depend on each other too much: the estimate and one standard error (Bartlett's) are high.

        Without the standard error, few values of a series with 0.9 often seem to have less than 0.8.
        """
        estimate = self.autocorrelation()
        error = np.sqrt((1 - estimate**2) / np.maximum(self._seen, 1))
        return (self._seen >= BURN) & (estimate + error > HIGHEST)

    def log_above(self) -> Floats:
        """Natural logarithm of the evidence that the mean is above zero; none where values depend too much."""
        count, most = self._count, self._count + _PRIOR
        unexplained = self._rest_squares - self._rest**2 / most
        is_open = (count > 0) & (unexplained > 0)
        unexplained = np.where(is_open, unexplained, 1.0)
        log_ratio = np.log(np.where(is_open, self._rest_squares, 1.0) / unexplained)
        z = self._rest / np.sqrt(most * unexplained / np.maximum(count, 1))
        both = 0.5 * np.log(_PRIOR / most) + 0.5 * count * log_ratio
        is_told = is_open & ~self.is_refused()
        return np.where(is_told, both + math.log(2) + log_normal_cdf(z), 0.0)

    def intervals(self, miss: float) -> tuple[Floats, Floats, Floats]:
        """The means and the ends of their confidence sequences, which ever miss with chance `miss` at most."""
        count, most = self._count, self._count + _PRIOR
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self._rest / self._part
            # All means m whose rest S(m), V(m) is not rejected: S^2 <= cap V, a quadratic inequality.
            cap = most * (1 - np.exp((np.log(most / _PRIOR) + 2 * math.log(1 / miss)) / -count))
            lead = self._part**2 - cap * self._part_squares
            half = self._rest * self._part - cap * self._cross
            root = np.sqrt(half**2 - lead * (self._rest**2 - cap * self._rest_squares))
            low, high = (half - root) / lead, (half + root) / lead
        is_open = (count > 0) & (lead > 0) & np.isfinite(low) & np.isfinite(high)
        return mean, np.where(is_open, low, -np.inf), np.where(is_open, high, np.inf)
