"""Evidence from one series a side, compared value by value."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.sequential.mixtures import Floats
from canary.sequential.pods import moved
from canary.sequential.prewhitened import Prewhitened

#: A difference below this part of the baseline is no harm where pods are too few to tell how they differ anyway
#: (benchmark of sequential canary tests, T7 and T8).
LEAST_TOLERANCE: Final = 1.03


class PairedEvidence:
    """Evidence from one series a side: paired differences, prewhitened. The arguments are those of `PodEvidence`."""

    def __init__(self, size: int, ratios: tuple[float, float], signs: Sequence[int]) -> None:
        self._size, self._signs = size, signs
        self._tolerance, self._margin = max(LEAST_TOLERANCE, ratios[0]), ratios[1]
        self._harm = Prewhitened(size * len(signs))
        self._plain = Prewhitened(size)
        self.restart_safety()

    def restart_safety(self) -> None:
        """Forgets the safety evidence so far."""
        self._safe = Prewhitened(self._size * len(self._signs))

    def add(self, baseline: Floats, canary: Floats) -> None:
        """Takes in one value of each side, of shape `(size,)`."""
        harm = [sign * (canary - moved(baseline, self._tolerance**sign)) for sign in self._signs]
        safe = [sign * (moved(baseline, self._margin**sign) - canary) for sign in self._signs]
        self._harm.add(np.concatenate(harm))
        self._safe.add(np.concatenate(safe))
        self._plain.add(canary - baseline)

    @property
    def log_harm(self) -> Floats:
        """Natural logarithm of the evidence for harm, averaged over the ways it may go."""
        each = self._harm.log_above().reshape(len(self._signs), self._size)
        mean: Floats = np.logaddexp.reduce(each, axis=0) - math.log(len(each))
        return mean

    @property
    def log_safe(self) -> Floats:
        """Natural logarithm of the evidence for safety, the least of the ways it must hold."""
        least: Floats = self._safe.log_above().reshape(len(self._signs), self._size).min(axis=0)
        return least

    def autocorrelation(self) -> Floats:
        """How much each difference foretells the next."""
        return self._plain.autocorrelation()

    def is_refused(self) -> NDArray[np.bool_]:
        """Whether that may be too much for a verdict."""
        return self._plain.is_refused()

    def interval(self, miss: float) -> tuple[Floats, Floats, Floats]:
        """The difference and the ends of its confidence sequence."""
        return self._plain.intervals(miss)
