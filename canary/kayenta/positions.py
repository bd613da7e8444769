"""The ranks of one sample, moved by many shifts, among another: what shifts have settled is not looked up again."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.kayenta.groups import Floats, Groups, Whole
from canary.kayenta.ranks import Ranked

#: Cells of the table for each distinct value, and steps within a cell before a search ends it (measured: fastest).
_CELLS: Final = 4
_STEPS: Final = 4
#: Pairs that may be open for each value, for a search among them to be quicker than a new one (measured).
_NARROW: Final = 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where moved values stand among the other sample's distinct ones.

    Args:
        below: of each, how many distinct values are smaller.
        through: of each, how many are smaller or equal.
        twice_below: twice the sum, over all pairs, of 1 where the other value is smaller.
        twice: twice the sum, over all pairs, of 1 where the other value is smaller and 1/2 where it is equal.
        ties: what groups of equal values in both samples add to `t**3 - t`.
    """

    below: Whole
    through: Whole
    twice_below: int
    twice: int
    ties: int


def places_at(moved: Floats, below: Whole, sizes: Whole, other: Groups) -> Places:
    """The places of `moved` values, `sizes` of each, that are `below` among the distinct values of `other`."""
    tied = (other.values.take(below) == moved).nonzero()[0]
    counts = below if other.is_distinct else other.before.take(below)
    twice_below = 2 * int(counts.dot(sizes))
    if not tied.size:
        return Places(below, below, twice_below, twice_below, 0)
    through = below.copy()
    through[tied] += 1
    own, others = sizes[tied], other.sizes[below[tied]]
    # Groups of a and b become one of a + b, for which t**3 - t is 3ab(a + b) more than for the two.
    ties = 3 * int((own * others * (own + others)).sum())
    return Places(below, through, twice_below, twice_below + int(own.dot(others)), ties)


class Positions:
    """The ranks of `{x - shift}` and `{y}` together, for many shifts.

    A table of equal cells gives about where a moved value stands; two shifts leave open, for one between them, only
    what lies between their places.

    Args:
        x: the shifted sample; with `y` as `is_plain` wants them.
        y: the other sample, of at least two distinct values.
    """

    def __init__(self, x: Groups, y: Groups) -> None:
        self._x, self._y = x, y
        self._ties = x.own_ties + y.own_ties
        self._pairs = int(x.before[-1]) * int(y.before[-1])
        self._start, self._end = float(y.values[0]), float(y.values[-2])
        self._cells_per_unit = _CELLS * len(y.sizes) / (self._end - self._start)
        cells = self._cells(y.distinct)
        steps = np.concatenate((cells[:1] + 1, cells[1:] - cells[:-1], [2]))
        self._table = np.repeat(np.arange(len(steps)), steps)
        self._shifts: list[float] = []
        self._known: list[Places] = []

    def ranks(self, shifts: Sequence[float]) -> list[Ranked]:
        """The ranks at each shift; they lie between the differences of the samples' ends."""
        return [self._ranked(self._remembered(shift)) for shift in shifts]

    def _ranked(self, places: Places) -> Ranked:
        return Ranked(places.twice - self._pairs, self._ties + places.ties)

    def _remembered(self, shift: float) -> Places:
        at = bisect_left(self._shifts, shift)
        if at < len(self._shifts) and self._shifts[at] == shift:
            return self._known[at]
        places = self._between(shift, at) or self._anew(shift)
        self._shifts.insert(at, shift)
        self._known.insert(at, places)
        return places

    def _between(self, shift: float, at: int) -> Places | None:
        """The places at `shift`, if the shifts next to it have settled most of them."""
        if not 0 < at < len(self._shifts):
            return None
        most, least = self._known[at - 1], self._known[at]
        if most.twice - least.twice > _NARROW * int(self._x.before[-1]):
            return None
        undecided = (most.through != least.below).nonzero()[0]
        moved, sizes = self._x.values[undecided] - shift, self._x.sizes[undecided]
        part = places_at(moved, self._y.distinct.searchsorted(moved), sizes, self._y)
        settled = least.twice_below - 2 * int(self._y.before[least.below[undecided]].dot(sizes))
        return Places(
            _replaced(least.below, undecided, part.below),
            _replaced(least.below, undecided, part.through),
            settled + part.twice_below,
            settled + part.twice,
            part.ties,
        )

    def _anew(self, shift: float) -> Places:
        moved = self._x.distinct - shift
        first, last = moved.searchsorted(self._start), moved.searchsorted(self._end, "right")
        below = np.zeros(len(moved), np.intp)
        below[first:last] = self._find(moved[first:last])
        below[last:] = len(self._y.sizes)
        return places_at(moved, below, self._x.sizes, self._y)

    def _find(self, moved: Floats) -> Whole:
        """Of each value, within the range of `y`, how many distinct values are smaller."""
        values = self._y.values
        below = self._table.take(self._cells(moved))
        behind = (values.take(below) < moved).nonzero()[0]
        for _ in range(_STEPS):
            if not behind.size:
                return below
            below[behind] += 1
            behind = behind[values.take(below[behind]) < moved[behind]]
        below[behind] = values.searchsorted(moved[behind])
        return below

    def _cells(self, values: Floats) -> Whole:
        """The cell of each value: never falls where the values rise, so order between cells is order of values."""
        return ((values - self._start) * self._cells_per_unit).astype(np.intp)


def _replaced(whole: Whole, at: Whole, values: Whole) -> Whole:
    changed = whole.copy()
    changed[at] = values
    return changed
