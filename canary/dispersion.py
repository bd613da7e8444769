"""How much more counts vary than independent requests would."""

from typing import Final

import numpy as np

from canary.counts import Floats

#: A block of ticks is closed once it holds this much variance (four events at an even split): shorter ones say
#: nothing about clusters of errors.
BLOCK_VARIANCE: Final = 1.0
#: Until blocks tell, counts are taken to vary this much, with the weight of this many pairs of blocks.
PRIOR: Final = 2.0
PRIOR_PAIRS: Final = 4.0


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

    @property
    def pairs(self) -> Floats:
        """How many pairs of blocks the estimate rests on."""
        return np.maximum(self._blocks - 1, 0.0)

    def estimate(self) -> Floats:
        """The likely dispersion, at least 1."""
        pairs = self.pairs
        seen = np.divide(self._squares, self._expected, out=np.ones_like(pairs), where=self._expected > 0)
        return np.maximum(1.0, (PRIOR_PAIRS * PRIOR + pairs * seen) / (PRIOR_PAIRS + pairs))

    def cautious(self) -> Floats:
        """A dispersion that is likely not too small: the estimate and two of its standard errors."""
        return self.estimate() * (1 + 2 / np.sqrt(PRIOR_PAIRS + self.pairs))
