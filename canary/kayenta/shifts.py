"""The quickest way to the rank-sum statistic of two samples, of which one is moved, at many shifts."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from canary.kayenta.differences import Differences
from canary.kayenta.groups import Floats, grouped
from canary.kayenta.positions import Positions
from canary.kayenta.ranks import rank, standardized

#: Up to here, sorting all differences is quicker than searching at every shift (measured).
_MOST_DIFFERENCES: Final = 16_384
#: Times the largest magnitude: how near two differences, or a difference and a shift, may come before rounding can
#: change their order. Four roundings of half a unit in the last place (2**-53) each, with room.
_ROUNDING: Final = 2.0**-49
#: Beyond these, differences could overflow or vanish.
_LARGEST, _SMALLEST = 2.0**1000, 2.0**-900

Statistics = Callable[[Sequence[float]], list[float]]


def statistics(x: Floats, y: Floats) -> Statistics:
    """What gives the standardized rank sum of `{x - shift}` against `{y}` at each of some shifts.

    The shifts are to lie between the differences of the samples' ends. What is given raises `AllTied` where the rank
    sum has no variance.

    Args:
        x: the shifted sample, ascending.
        y: the other sample, ascending.
    """
    plainly = partial(_plainly, x, y)
    magnitude = max(abs(float(x[0])), abs(float(x[-1]))) + max(abs(float(y[0])), abs(float(y[-1])))
    if not _SMALLEST < magnitude < _LARGEST:
        return plainly
    moved, other, reach = grouped(x), grouped(y), magnitude * _ROUNDING
    gaps = moved.distinct[1:] - moved.distinct[:-1]
    if gaps.size and gaps.min() <= reach:  # different values could become one
        return plainly
    if len(other.sizes) == 1 or len(moved.sizes) * len(other.sizes) <= _MOST_DIFFERENCES:
        return Differences(moved, other, reach).statistics
    return Positions(moved, other).statistics


def _plainly(x: Floats, y: Floats, shifts: Sequence[float]) -> list[float]:
    return [standardized(rank(x, y, shift), len(x), len(y)) for shift in shifts]
