"""The rank-sum statistic of small samples at many shifts, from all their differences in order."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from canary.kayenta.groups import Groups
from canary.kayenta.positions import places_at, search
from canary.kayenta.ranks import Ranked, deviation, standardized


class Differences:
    """The standardized rank sum of `{x - shift}` against `{y}`: a shift's place among the differences `x - y` gives it.

    Args:
        x: the shifted sample; no two values of it may come to be one by rounding.
        y: the other sample.
        reach: how near a difference may come to a shift before rounding, or a tie, decides.
    """

    def __init__(self, x: Groups, y: Groups, reach: float) -> None:
        self._x, self._y, self._reach = x, y, reach
        self._ties = x.own_ties + y.own_ties
        self._unit = 2.0 * deviation(x.count, y.count, self._ties)
        self._pairs = x.count * y.count
        self._before: list[int] | None = None
        between = np.empty(len(x.sizes) * len(y.sizes) + 2)
        between[0], between[-1] = -np.inf, np.inf
        np.subtract(x.distinct[:, None], y.distinct, out=between[1:-1].reshape(len(x.sizes), len(y.sizes)))
        if not (x.is_distinct and y.is_distinct):
            order = between[1:-1].argsort()
            self._before = [0, *np.multiply.outer(x.sizes, y.sizes).ravel()[order].cumsum().tolist()]
        between.sort()
        self._differences = between.data

    def statistics(self, shifts: Sequence[float]) -> list[float]:
        """The rank sum at each shift, in standard deviations."""
        differences, reach, pairs, before = self._differences, self._reach, self._pairs, self._before
        found = []
        for shift in shifts:
            place = bisect_left(differences, shift)
            if differences[place] - shift <= reach or shift - differences[place - 1] <= reach:
                found.append(self._searched(shift))
                continue
            twice = pairs - 2 * (place - 1 if before is None else before[place - 1])
            found.append((twice - (twice > 0) + (twice < 0)) / self._unit)
        return found

    def _searched(self, shift: float) -> float:
        """The statistic where a difference is so near that rounding, or a tie, decides."""
        if self._is_alone_at_an_end(shift):
            return self._at_an_end(shift, is_least=shift <= self._differences[1])
        places = places_at(*search(self._x.distinct - shift, self._y), self._x.sizes, self._y)
        return self._standardized(places.twice, places.ties)

    def _is_alone_at_an_end(self, shift: float) -> bool:
        """Whether the only difference near `shift` is the least, or the largest, and is that very number."""
        between, reach = self._differences, self._reach
        if shift == between[1]:
            return between[2] - shift > reach
        return shift == between[-2] and shift - between[-3] > reach

    def _at_an_end(self, shift: float, *, is_least: bool) -> float:
        """The statistic at the least or largest difference, where only the outermost values can be tied."""
        at, other = (0, -1) if is_least else (-1, 0)
        moved, value = float(self._x.distinct[at]) - shift, float(self._y.distinct[other])
        own, others = int(self._x.sizes[at]), int(self._y.sizes[other])
        if moved == value:
            twice = own * others
            ties = 3 * own * others * (own + others)
        else:
            twice, ties = (2 * own * others if moved > value else 0), 0
        rest = 2 * (self._pairs - own * others) if is_least else 0
        return self._standardized(rest + twice, ties)

    def _standardized(self, twice: int, ties: int) -> float:
        return standardized(Ranked(twice - self._pairs, self._ties + ties), self._x.count, self._y.count)
