"""From raw series to one cumulative count: differences by series, resets mended, summed.

Never a rate and never a window: those of stores are extrapolated and overlap, which no sequential test survives.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from canary.sources.series import Fidelity, Floats, Series

Key = tuple[tuple[str, str], ...]

#: Fidelities that can be counted.
COUNTABLE: Final = frozenset({Fidelity.COUNTER, Fidelity.COUNT})


class CumulativeCount:
    """One count that only grows, fed with series of raw counters or of counts by interval.

    Each label set is followed for itself. A counter that falls began again from zero; a gap or a NaN is a hole, over
    which the difference is taken; points that were seen before are left out, so spans may overlap. A counter that has
    points before the begin counts from the last of them, one that appears later from zero: give some minutes before the
    begin too. The count follows from the points alone, not from how looks cut them.

    Args:
        begin_s: Unix time in seconds from which is counted.
    """

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._last: dict[Key, tuple[float, float]] = {}
        self.total: float = 0.0

    def add(self, series: Sequence[Series], closed_s: float | None = None) -> None:
        """Takes in what is new in the series.

        Args:
            series: raw counters or counts by interval, in any order.
            closed_s: Unix time before which an interval of a `COUNT` must have begun to count, as a later one may
                still grow; None takes all.
        """
        for each in series:
            times_s, values = known_points(each)
            match each.fidelity:
                case Fidelity.COUNTER:
                    self._add_counter(each, times_s, values)
                case Fidelity.COUNT:
                    kept = times_s < closed_s if closed_s is not None else np.ones_like(times_s, bool)
                    self._add_counts(each, times_s[kept], values[kept])
                case _:
                    raise ValueError(f"{each.fidelity} is not countable")

    def _add_counter(self, series: Series, times_s: Floats, values: Floats) -> None:
        key = key_of(series)
        if key not in self._last:
            self._last[key] = (self._begin_s, value_at(times_s, values, self._begin_s))
        fresh = self._fresh(key, times_s)
        if fresh.any():
            before = self._last[key][1]
            self.total += float(growth(np.concatenate([[before], values[fresh]])).sum())
            self._last[key] = (float(times_s[fresh][-1]), float(values[fresh][-1]))

    def _add_counts(self, series: Series, times_s: Floats, values: Floats) -> None:
        key = key_of(series)
        fresh = self._fresh(key, times_s) & (times_s >= self._begin_s)
        if fresh.any():
            self.total += float(values[fresh].sum())
            self._last[key] = (float(times_s[fresh][-1]), 0.0)

    def _fresh(self, key: Key, times_s: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.asarray(times_s > self._last.get(key, (-np.inf, 0.0))[0])


def growth(values: Floats) -> Floats:
    """How much a counter grew from each value to the next, of shape `(n - 1,)`; a fall is a start from zero.

    >>> growth(np.array([5.0, 8.0, 2.0, 2.5])).tolist()
    [3.0, 2.0, 0.5]
    """
    step = np.diff(values)
    return np.where(step < 0, values[1:], step)


def value_at(times_s: Floats, values: Floats, at_s: float) -> float:
    """The last value at or before a time; 0 where the series began only later.

    >>> value_at(np.array([10.0, 20.0]), np.array([3.0, 5.0]), 15.0)
    3.0
    """
    before = int(np.searchsorted(times_s, at_s, side="right"))
    return float(values[before - 1]) if before else 0.0


def key_of(series: Series, *, without: str = "") -> Key:
    """The label set of a series in one order, one label left out if named."""
    return tuple(sorted((name, value) for name, value in series.tags.items() if name != without))


def known_points(series: Series) -> tuple[Floats, Floats]:
    """Times and values of the points that a counter can have."""
    known = np.isfinite(series.values) & (series.values >= 0)
    return series.times_s[known], series.values[known]
