"""The ranks of one sample, moved by many shifts, among another, from all their differences in order."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from canary.kayenta.groups import Groups
from canary.kayenta.positions import places_at
from canary.kayenta.ranks import Ranked


class Differences:
    """The ranks of `{x - shift}` and `{y}` together: a shift's place among the differences `x - y` gives them.

    Args:
        x: the shifted sample; with `y` as `is_plain` wants them.
        y: the other sample.
        reach: how near a difference may come to a shift before rounding, or a tie, decides.
    """

    def __init__(self, x: Groups, y: Groups, reach: float) -> None:
        self._x, self._y, self._reach = x, y, reach
        self._ties = x.own_ties + y.own_ties
        self._pairs = int(x.before[-1]) * int(y.before[-1])
        self._before: list[int] | None = None
        between = np.empty(len(x.sizes) * len(y.sizes) + 2)
        between[0], between[-1] = -np.inf, np.inf
        np.subtract.outer(x.distinct, y.distinct, out=between[1:-1].reshape(len(x.sizes), len(y.sizes)))
        if not (x.is_distinct and y.is_distinct):
            order = between[1:-1].argsort()
            self._before = [0, *np.multiply.outer(x.sizes, y.sizes).ravel()[order].cumsum().tolist()]
        between.sort()
        self._differences = between.data

    def ranks(self, shifts: Sequence[float]) -> list[Ranked]:
        """The ranks at each shift."""
        return [self._rank(shift) for shift in shifts]

    def _rank(self, shift: float) -> Ranked:
        place = bisect_left(self._differences, shift)
        if self._differences[place] - shift <= self._reach or shift - self._differences[place - 1] <= self._reach:
            return self._searched(shift)
        less = place - 1 if self._before is None else self._before[place - 1]
        return Ranked(self._pairs - 2 * less, self._ties)

    def _searched(self, shift: float) -> Ranked:
        moved = self._x.distinct - shift
        places = places_at(moved, self._y.distinct.searchsorted(moved), self._x.sizes, self._y)
        return Ranked(places.twice - self._pairs, self._ties + places.ties)
