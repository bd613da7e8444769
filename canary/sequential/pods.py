"""Evidence from several pods a side: each pod is one observation, however its own values hang together.

The mean of a pod over the canary so far is compared between the sides by Welch's (1947) test, which holds for any
autocorrelation within a pod and for pods that always differ a little. It is looked at six times only, each at a sixth
of the error rate (benchmark of sequential canary tests, 2.5 and T8).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from canary.sequential.mixtures import Floats
from canary.sequential.students import log_upper_tail, upper_quantile

#: Fewer pods on a side than this have no variance to speak of (ibid.).
LEAST_PODS: Final = 3
#: Looks, each at its part of the error rate (ibid.).
LOOKS: Final = 6
#: Pods of one side are not taken to differ less than by this part of their mean, so that constant ones can be judged.
RESOLUTION: Final = 0.005
#: A pod counts if it has at least this part of the values of the pod that has most.
LEAST_PRESENCE: Final = 0.5


class Welch(NamedTuple):
    """A difference of two means, its standard error and its degrees of freedom."""

    difference: Floats
    error: Floats
    freedom: Floats

    def log_upper(self) -> Floats:
        """Natural logarithm of the chance of such a difference or more if there were none."""
        return log_upper_tail(self.difference / self.error, self.freedom)


def moved(values: Floats, ratio: float) -> Floats:
    """Values moved up to `ratio` times their size, or down if it is below 1; negative ones move the same way.

    >>> moved(np.array([10.0, -10.0]), 1.5)
    array([15., -5.])
    """
    return values + (ratio - 1) * np.abs(values)


def welch(baseline: Floats, canary: Floats) -> Welch:
    """The canary's mean less the baseline's; arrays of shape `(..., pods)`, at least two pods on each.

    >>> round(float(welch(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])).freedom), 6)
    4.0
    """
    squares, freedoms = [], []
    for side in (baseline, canary):
        floor = (RESOLUTION * side.mean(axis=-1)) ** 2
        squares.append(np.maximum(side.var(axis=-1, ddof=1), floor) / side.shape[-1])
        freedoms.append(side.shape[-1] - 1)
    total = squares[0] + squares[1]
    is_open = total > 0
    parts = sum(np.where(is_open, square / np.where(is_open, total, 1.0), 1.0) ** 2 / freedom
                for square, freedom in zip(squares, freedoms, strict=True))  # fmt: skip
    difference = canary.mean(axis=-1) - baseline.mean(axis=-1)
    return Welch(difference, np.sqrt(np.where(is_open, total, 1.0)), 1 / np.asarray(parts, float))


class PodEvidence:
    """What the looks at pods have said so far.

    Evidence is -ln(6 p): for harm of the best look, for safety of the last one, so that harm that came later takes a
    certificate back. It passes -ln(alpha) at any of six looks with chance alpha at most. It is a p-value written as
    evidence and no e-value: it must not be averaged with others.

    Args:
        ratios: least ratio that is harm, and the one that is no longer safe, both above 1.
        signs: 1 where more is harm, -1 where less is; both where either is.
        is_stepped: whether a ramp is watched, whose step k has six looks of its own at 2**-k of the error rate.
    """

    def __init__(
        self, size: int, ratios: tuple[float, float], signs: Sequence[int], *, is_stepped: bool = False
    ) -> None:
        self._tolerance, self._margin = ratios
        self._signs = signs
        self._log_spent = math.log(LOOKS) + (math.log(2) if is_stepped else 0.0)
        self.log_harm, self.log_safe = np.zeros(size), np.zeros(size)
        self._last: Welch | None = None
        self._quantiles: dict[float, Floats] = {}

    def begin_step(self) -> None:
        """Gives the next step its looks, and forgets the safety evidence so far."""
        self._log_spent += math.log(2)
        self.log_safe = np.zeros_like(self.log_safe)

    def look(self, baseline: Floats, canary: Floats) -> None:
        """Spends one look on the pods' means, of shape `(size, pods)`."""
        self._last, self._quantiles = welch(baseline, canary), {}
        harm = [_beyond(baseline, canary, self._tolerance, sign) for sign in self._signs]
        safe = [_within(baseline, canary, self._margin, sign) for sign in self._signs]
        # Safe either way needs both, each at its full error rate; harm either way is one of two chances.
        self.log_harm = np.maximum(self.log_harm, np.max(harm, axis=0) - self._log_spent - math.log(len(harm)))
        self.log_safe = np.min(safe, axis=0) - math.log(LOOKS)

    @staticmethod
    def foresee_ends(several: Sequence["PodEvidence"], miss: float) -> None:
        """Works out for several at once what their intervals take long for: the quantiles of the last look."""
        lacking = [(each, each._last.freedom) for each in several if each._last and miss not in each._quantiles]
        if not lacking:
            return
        evidence, freedoms = zip(*lacking, strict=True)
        ends = np.cumsum([len(freedom) for freedom in freedoms])
        quantiles = np.split(upper_quantile(miss / LOOKS / 2, np.concatenate(freedoms)), ends[:-1])
        for each, quantile in zip(evidence, quantiles, strict=True):
            each._quantiles[miss] = quantile

    def interval(self, miss: float) -> tuple[Floats, Floats, Floats] | None:
        """The difference at the last look and its ends, which miss at any of the looks with chance `miss` at most."""
        if self._last is None:
            return None
        PodEvidence.foresee_ends([self], miss)
        width = self._quantiles[miss] * self._last.error
        return self._last.difference, self._last.difference - width, self._last.difference + width


def _beyond(baseline: Floats, canary: Floats, tolerance: float, sign: int) -> Floats:
    edge = moved(baseline, tolerance**sign)
    return -(welch(edge, canary) if sign > 0 else welch(canary, edge)).log_upper()


def _within(baseline: Floats, canary: Floats, margin: float, sign: int) -> Floats:
    edge = moved(baseline, margin**sign)
    return -(welch(canary, edge) if sign > 0 else welch(edge, canary)).log_upper()


class PodMeans:
    """The mean of each pod of both sides over all ticks in which it was seen.

    What all pods share at a moment is taken off each value first and put back as a whole, so that a pod that came late
    or went early is not taken for different because the load was.
    """

    def __init__(self) -> None:
        self._sums: tuple[dict[str, float], dict[str, float]] = ({}, {})
        self._counts: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._level, self._ticks = 0.0, 0

    def add(self, baseline: Mapping[str, float], canary: Mapping[str, float]) -> None:
        """Takes in what the pods show at one moment, at least one of each side."""
        level = (_mean(baseline) + _mean(canary)) / 2
        self._level += level
        self._ticks += 1
        for pods, sums, counts in zip((baseline, canary), self._sums, self._counts, strict=True):
            for pod, value in sorted(pods.items()):
                sums[pod] = sums.get(pod, 0.0) + (value - level)
                counts[pod] = counts.get(pod, 0) + 1

    def levels(self) -> tuple[Floats, Floats]:
        """The means of the pods that were there long enough, each of shape `(pods,)`; empty before the first tick."""
        most = max((count for counts in self._counts for count in counts.values()), default=0)
        level = self._level / max(self._ticks, 1)
        baseline, canary = (
            np.array([sums[pod] / counts[pod] + level for pod in sums if counts[pod] >= LEAST_PRESENCE * most])
            for sums, counts in zip(self._sums, self._counts, strict=True)
        )
        return baseline, canary


def _mean(pods: Mapping[str, float]) -> float:
    return math.fsum(pods.values()) / len(pods)
