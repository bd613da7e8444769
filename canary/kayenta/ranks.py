"""The rank-sum statistic of two samples of which one is moved by a shift."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class AllTied(ArithmeticError):
    """All observations are one, so the rank sum has no variance."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What the statistic needs to know of the ranks of `{x - shift}` and `{y}` taken together.

    Args:
        twice_excess: twice the amount by which the rank sum of the shifted sample exceeds its mean; a whole number.
        ties: sum of `t**3 - t` over groups of `t` equal values.
    """

    twice_excess: int
    ties: float


def rank(x: Floats, y: Floats, shift: float) -> Ranked:
    """The ranks at `shift`, with average ranks for ties and NaN as the largest value.

    Args:
        x: the shifted sample, ascending, `(n,)`.
        y: the other sample, ascending, `(m,)`.
        shift: what is taken off each value of `x`.

    >>> rank(np.array([2.0, 3.0]), np.array([1.0, 2.0]), 0.0)
    Ranked(twice_excess=3, ties=6.0)
    """
    moved = x - shift
    moved[np.isnan(moved)] = np.inf
    below, through = np.searchsorted(y, moved, "left"), np.searchsorted(y, moved, "right")
    excess = int(below.sum()) + int(through.sum()) - len(x) * len(y)
    _, sizes = np.unique(np.concatenate((moved, y)), return_counts=True)
    return Ranked(excess, tie_sum(sizes))


def tie_sum(sizes: NDArray[np.int64]) -> float:
    """Sum of `t**3 - t` over group sizes `t`.

    >>> tie_sum(np.array([1, 2, 3]))
    30.0
    """
    counts = sizes.astype(np.float64)
    return float((counts * counts * counts - counts).sum())


def deviation(n: int, m: int, ties: float) -> float:
    """Standard deviation of a rank sum (Hollander and Wolfe 1999, eq. 4.9 and 4.20).

    >>> deviation(5, 5, 0.0)
    4.787135538781691

    Raises:
        AllTied: when it is 0.
    """
    both = n + m
    variance = n * m / 12.0 * ((both + 1) - ties / (both * (both - 1.0)))
    if not variance > 0.0:
        raise AllTied
    return math.sqrt(variance)
