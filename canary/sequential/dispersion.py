"""How much more counts vary than independent requests would."""

from typing import Final

import numpy as np

from canary.sequential.counts import Floats

#: A block of ticks is closed once it holds this much variance (four events at an even split): shorter ones say
#: nothing about clusters of errors.
BLOCK_VARIANCE: Final = 1.0
#: Before any pair of blocks has told, counts are taken to vary this much: likely, and to be feared. The weight of that
#: belief is this many pairs. Feared dispersion and its standard errors are set by simulation: with them, errors in
#: clusters of mean size 5 fail at most 1.5 % of canaries without harm at alpha = 1 % (tests/bench).
LIKELY: Final = 2.0
FEARED: Final = 3.0
PRIOR_PAIRS: Final = 4.0
STANDARD_ERRORS: Final = 3.0


class Dispersion:
    """Running estimate of variance against independence, one for each of `size` rates.

    Neighbouring blocks of ticks are subtracted from each other, so that a steady difference between the sides
    (a real regression) does not count as noise; the squares are compared with what independence gives.
    """

    def __init__(self, size: int) -> None:
        self._open = np.zeros((2, size))
        self._last = np.zeros((2, size))
        self._squares = np.zeros(size)
        self._expected = np.zeros(size)
        self._blocks = np.zeros(size)

    def add(self, residual: Floats, variance: Floats) -> None:
        """Takes in one tick: residuals and their variance under independence."""
        self._open += np.stack([residual, variance])
        closed = self._open[1] >= BLOCK_VARIANCE
        paired = closed & (self._blocks > 0)
        self._squares += np.where(paired, (self._open[0] - self._last[0]) ** 2, 0.0)
        self._expected += np.where(paired, self._open[1] + self._last[1], 0.0)
        self._blocks += closed
        self._last = np.where(closed, self._open, self._last)
        self._open = np.where(closed, 0.0, self._open)

    def likely(self) -> Floats:
        """The best estimate, at least 1."""
        return self._estimate(LIKELY)

    def cautious(self) -> Floats:
        """A dispersion that is hardly too small: the estimate and some of its standard errors, at least 1."""
        return self._estimate(FEARED) * (1 + STANDARD_ERRORS / np.sqrt(PRIOR_PAIRS + self._pairs))

    @property
    def _pairs(self) -> Floats:
        return np.maximum(self._blocks - 1, 0.0)

    def _estimate(self, prior: float) -> Floats:
        seen = np.divide(self._squares, self._expected, out=np.ones_like(self._expected), where=self._expected > 0)
        return np.maximum(1.0, (PRIOR_PAIRS * prior + self._pairs * seen) / (PRIOR_PAIRS + self._pairs))
