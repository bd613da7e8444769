"""The quickest way to the ranks of one sample, moved by many shifts, among another."""

from collections.abc import Callable, Sequence
from typing import Final

from canary.kayenta.differences import Differences
from canary.kayenta.groups import Floats, grouped
from canary.kayenta.positions import Positions
from canary.kayenta.ranks import Ranked, rank

#: Up to here, sorting all differences is quicker than searching at every shift (measured).
_MOST_DIFFERENCES: Final = 16_384
#: Times the largest magnitude: how near two differences, or a difference and a shift, may come before rounding can
#: change their order. Four roundings of half a unit in the last place (2**-53) each, with room.
_ROUNDING: Final = 2.0**-49
#: Beyond these, differences could overflow or vanish.
_LARGEST, _SMALLEST = 2.0**1000, 2.0**-900

Ranking = Callable[[Sequence[float]], list[Ranked]]


def ranking(x: Floats, y: Floats) -> Ranking:
    """What gives, for shifts, the ranks that `canary.kayenta.ranks.rank` gives.

    Args:
        x: the shifted sample, ascending.
        y: the other sample, ascending.
    """
    magnitude = max(abs(float(x[0])), abs(float(x[-1]))) + max(abs(float(y[0])), abs(float(y[-1])))
    if not _SMALLEST < magnitude < _LARGEST:
        return lambda shifts: [rank(x, y, shift) for shift in shifts]
    moved, other, reach = grouped(x), grouped(y), magnitude * _ROUNDING
    gaps = moved.distinct[1:] - moved.distinct[:-1]
    if gaps.size and gaps.min() <= reach:  # different values could become one
        return lambda shifts: [rank(x, y, shift) for shift in shifts]
    if len(other.sizes) == 1 or len(moved.sizes) * len(other.sizes) <= _MOST_DIFFERENCES:
        return Differences(moved, other, reach).ranks
    if other.values[-2] - other.values[0] < _SMALLEST:
        return lambda shifts: [rank(x, y, shift) for shift in shifts]
    return Positions(moved, other).ranks
