"""The rank-sum statistic of two samples of which one is moved by a shift."""

import math
from typing import NamedTuple

import numpy as np

from canary.kayenta.groups import Floats, grouped


class AllTied(ArithmeticError):
    """All observations are one, so the rank sum has no variance."""


class Ranked(NamedTuple):
    """What the statistic needs to know of the ranks of `{x - shift}` and `{y}` taken together.

    Args:
        twice_excess: twice the amount by which the rank sum of the shifted sample exceeds its mean; a whole number.
        ties: sum of `t**3 - t` over groups of `t` equal values.
    """

    twice_excess: int
    ties: int


def rank(x: Floats, y: Floats, shift: float) -> Ranked:
    """The ranks at `shift`, with average ranks for ties and NaN as the largest value.

    Args:
        x: the shifted sample, ascending, `(n,)`.
        y: the other sample, ascending, `(m,)`.
        shift: what is taken off each value of `x`.

    >>> rank(np.array([2.0, 3.0]), np.array([1.0, 2.0]), 0.0)
    Ranked(twice_excess=3, ties=6)
    """
    moved = x - shift
    moved[np.isnan(moved)] = np.inf
    below, through = np.searchsorted(y, moved, "left"), np.searchsorted(y, moved, "right")
    excess = int(below.sum()) + int(through.sum()) - len(x) * len(y)
    return Ranked(excess, grouped(np.sort(np.concatenate((moved, y)))).own_ties)


def deviation(n: int, m: int, ties: int) -> float:
    """Standard deviation of a rank sum (Hollander and Wolfe 1999, section 4.1, with ties).

    >>> deviation(4, 4, 0)
    3.4641016151377544

    Raises:
        AllTied: when it is 0.
    """
    both = n + m
    variance = n * m / 12.0 * ((both + 1) - ties / (both * (both - 1.0)))
    if not variance > 0.0:
        raise AllTied
    return math.sqrt(variance)


def standardized(ranked: Ranked, n: int, m: int) -> float:
    """The rank sum in standard deviations from its mean, half a rank nearer to it (continuity correction).

    Raises:
        AllTied: when its standard deviation is 0.
    """
    sign = (ranked.twice_excess > 0) - (ranked.twice_excess < 0)
    return (ranked.twice_excess - sign) / (2.0 * deviation(n, m, ranked.ties))
