"""The rank-sum statistic of large samples at many shifts: what shifts have settled is not looked up again."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.kayenta.groups import Flags, Floats, Groups, Whole
from canary.kayenta.ranks import Ranked, standardized

#: Cells of the table for each distinct value (measured).
_CELLS: Final = 4
#: Part of the distinct values at either end that share one cell, lest a long tail leaves few cells for the rest.
_TAIL: Final = 1 / 64
#: Shifts to remember: memory that is used again is quicker than more of it (measured).
_MOST_KNOWN: Final = 8
#: Below this width, cells per unit would overflow: all values then share a cell, which is only slower.
_NARROWEST: Final = 2.0**-900
#: Values to look up at a time: more than 128 KiB are fresh memory from the system at every call, which is slower.
_MOST_TOGETHER: Final = 12_000
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


def places_at(below: Whole, is_tied: Flags, sizes: Whole, other: Groups) -> Places:
    """The places of moved values.

    Args:
        below: of each, how many distinct values of `other` are smaller.
        is_tied: of each, whether the next value of `other` is equal.
        sizes: of each, how often it is there.
        other: the other sample.
    """
    counts = below if other.is_distinct else other.before.take(below)
    twice_below = 2 * int(counts.dot(sizes))
    if not is_tied.any():
        return Places(below, below, twice_below, twice_below, 0)
    through = below + is_tied
    tied = is_tied.nonzero()[0]
    own, others = sizes[tied], other.sizes[below[tied]]
    # Groups of a and b become one of a + b, for which t**3 - t is 3ab(a + b) more than for the two.
    ties = 3 * int((own * others * (own + others)).sum())
    return Places(below, through, twice_below, twice_below + int(own.dot(others)), ties)


def search(moved: Floats, other: Groups) -> tuple[Whole, Flags]:
    """Of each value, how many distinct values of `other` are smaller, and whether the next is equal."""
    below = other.distinct.searchsorted(moved)
    return below, other.values.take(below) == moved


class Positions:
    """The standardized rank sum of `{x - shift}` against `{y}`, for many shifts.

    A table of equal cells gives about where a moved value stands; two shifts leave open, for one between them, only
    what lies between their places.

    Args:
        x: the shifted sample; no two values of it may come to be one by rounding.
        y: the other sample, of at least two distinct values.
    """

    def __init__(self, x: Groups, y: Groups) -> None:
        self._x, self._y = x, y
        self._ties = x.own_ties + y.own_ties
        self._pairs = x.count * y.count
        tail = int(_TAIL * len(y.sizes))
        self._start, end = float(y.values[tail]), float(y.values[-2 - tail])
        width = end - self._start
        self._cells_per_unit = _CELLS * len(y.sizes) / width if width > _NARROWEST else 0.0
        self._last_cell = _CELLS * len(y.sizes) + 2
        # Memory that is used again at every shift, which is quicker than new memory.
        room = max(_MOST_TOGETHER, len(x.sizes), len(y.sizes))
        self._nearest, self._whole = np.empty(room), np.empty(room, np.intp)
        cells = np.concatenate((self._cells(y.distinct), [self._last_cell]))
        steps = np.concatenate((cells[:1] + 1, cells[1:] - cells[:-1]))
        self._table = np.repeat(np.arange(len(steps)), steps)
        self._shifts: list[float] = []
        self._known: list[Places] = []

    def statistics(self, shifts: Sequence[float]) -> list[float]:
        """The rank sum at each shift, in standard deviations; shifts lie between the differences of the ends."""
        found: dict[float, Places] = {}
        for shift in shifts:
            if places := self._settled(shift):
                found[shift] = places
        new = [shift for shift in shifts if shift not in found]
        for shift, places in zip(new, self._anew(new), strict=True):
            self._keep(shift, places)
            found[shift] = places
        return [self._standardized(found[shift]) for shift in shifts]

    def _standardized(self, places: Places) -> float:
        ranked = Ranked(places.twice - self._pairs, self._ties + places.ties)
        return standardized(ranked, self._x.count, self._y.count)

    def _keep(self, shift: float, places: Places) -> None:
        at = bisect_left(self._shifts, shift)
        self._shifts.insert(at, shift)
        self._known.insert(at, places)
        if len(self._known) > _MOST_KNOWN:
            farthest = 0 if shift - self._shifts[0] > self._shifts[-1] - shift else -1
            del self._shifts[farthest], self._known[farthest]

    def _settled(self, shift: float) -> Places | None:
        """The places at `shift`, if they are known, or the shifts next to it settle most of them."""
        at = bisect_left(self._shifts, shift)
        if at < len(self._shifts) and self._shifts[at] == shift:
            return self._known[at]
        places = self._between(shift, at)
        if places is not None:
            self._keep(shift, places)
        return places

    def _between(self, shift: float, at: int) -> Places | None:
        """The places at `shift`, if the shifts next to it have settled most of them."""
        if not 0 < at < len(self._shifts):
            return None
        most, least = self._known[at - 1], self._known[at]
        if most.twice - least.twice > _NARROW * self._x.count:
            return None
        undecided = (most.through != least.below).nonzero()[0]
        moved, sizes = self._x.values[undecided] - shift, self._x.sizes[undecided]
        part = places_at(*search(moved, self._y), sizes, self._y)
        settled = least.twice_below - 2 * int(self._y.before[least.below[undecided]].dot(sizes))
        return Places(
            _replaced(least.below, undecided, part.below),
            _replaced(least.below, undecided, part.through),
            settled + part.twice_below,
            settled + part.twice,
            part.ties,
        )

    def _anew(self, shifts: Sequence[float]) -> list[Places]:
        """The places at each shift, looked up for several of them together where the arrays stay small."""
        together = max(_MOST_TOGETHER // len(self._x.sizes), 1)
        found = []
        for first in range(0, len(shifts), together):
            moved = self._x.distinct - np.array(shifts[first : first + together])[:, None]
            below, is_tied = (each.reshape(moved.shape) for each in self._find(moved.ravel()))
            if is_tied.any():
                found += [places_at(*each, self._x.sizes, self._y) for each in zip(below, is_tied, strict=True)]
            else:
                sums = 2 * self._y.before.take(below).dot(self._x.sizes)
                found += [Places(each, each, twice, twice, 0) for each, twice in zip(below, sums.tolist(), strict=True)]
        return found

    def _find(self, moved: Floats) -> tuple[Whole, Flags]:
        """What `search` finds: the first of the value's cell, or the next, or else by searching."""
        values, nearest = self._y.values, self._nearest[: len(moved)]
        below = self._table.take(self._cells(moved))
        values.take(below, out=nearest, mode="clip")
        below += nearest < moved
        values.take(below, out=nearest, mode="clip")
        behind = (nearest < moved).nonzero()[0]
        if behind.size:
            below[behind] = values.searchsorted(moved.take(behind))
            nearest[behind] = values.take(below.take(behind))
        return below, nearest == moved

    def _cells(self, values: Floats) -> Whole:
        """The cell of each value: never falls where the values rise, so order between cells is order of values."""
        cells, whole = self._nearest[: len(values)], self._whole[: len(values)]
        np.subtract(values, self._start, out=cells)
        cells *= self._cells_per_unit
        np.maximum(cells, 0.0, out=cells)
        np.minimum(cells, self._last_cell, out=cells)
        np.copyto(whole, cells, casting="unsafe")
        return whole


def _replaced(whole: Whole, at: Whole, values: Whole) -> Whole:
    changed = whole.copy()
    changed[at] = values
    return changed
