"""From raw series to one cumulative count: differences by series, resets mended, summed.

Never a rate and never a window: those of stores are extrapolated and overlap, which no sequential test survives.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from canary.sources.series import Fidelity, Floats, Series

Key = tuple[tuple[str, str], ...]

#: A series whose first point is this many of its own steps after the begin was not there before, and counts from zero:
#: pods of one job are scraped at different moments of the interval, and one scrape may fail.
_ABSENT_STEPS: Final = 2.5
#: The step while every series has one point only: the longest interval that is common between scrapes.
_UNKNOWN_STEP_S: Final = 60.0
#: Fidelities that can be counted.
COUNTABLE: Final = frozenset({Fidelity.COUNTER, Fidelity.COUNT})


class CumulativeCount:
    """One count that only grows, fed with series of raw counters or of counts by interval.

    Each label set is followed for itself. A counter that falls began again from zero; a gap or a NaN is a hole, over
    which the difference is taken; points that were seen before are left out, so spans may overlap. A series that is
    there at the begin counts from its first value, one that appears later from zero.

    Args:
        begin_s: Unix time in seconds from which is counted.
        absence: what tells late series; counts that are scraped together share one, and it learns from all of them.
    """

    def __init__(self, begin_s: float, absence: "Absence | None" = None) -> None:
        self._begin_s = begin_s
        self._last: dict[Key, tuple[float, float]] = {}
        self._absence = absence or Absence(begin_s)
        self.total: float = 0.0
        #: Whether any series that was not seen yet is known to be new, so that it counts from zero.
        self.is_new_from_zero = False

    def add(self, series: Sequence[Series], closed_s: float | None = None) -> None:
        """Takes in what is new in the series.

        Args:
            series: raw counters or counts by interval, in any order.
            closed_s: Unix time before which an interval of a `COUNT` must have begun to count, as a later one may
                still grow; None takes all.
        """
        for each in series:
            self._absence.learn(each.times_s)
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
        if key not in self._last and times_s.size:
            self._last[key] = (-np.inf, 0.0 if self._is_new(times_s) else float(values[0]))
        fresh = self._fresh(key, times_s)
        if fresh.any():
            before = self._last[key][1]
            self.total += float(growth(np.concatenate([[before], values[fresh]])).sum())
            self._last[key] = (float(times_s[fresh][-1]), float(values[fresh][-1]))

    def _is_new(self, times_s: Floats) -> bool:
        return self.is_new_from_zero or self._absence.at_begin(times_s)

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


class Absence:
    """Tells series that were not there at the begin from those that were.

    Args:
        begin_s: Unix time in seconds.
    """

    def __init__(self, begin_s: float) -> None:
        self._begin_s = begin_s
        self._step_s: float | None = None

    def learn(self, times_s: Floats) -> None:
        """Takes in how far apart the points of a series are; the widest step counts."""
        if times_s.size > 1:
            self._step_s = max(self._step_s or 0.0, float(np.median(np.diff(times_s))))

    def at_begin(self, times_s: Floats) -> bool:
        """Whether the series of these times was not there at the begin."""
        return bool(times_s[0] - self._begin_s > _ABSENT_STEPS * (self._step_s or _UNKNOWN_STEP_S))


def key_of(series: Series, *, without: str = "") -> Key:
    """The label set of a series in one order, one label left out if named."""
    return tuple(sorted((name, value) for name, value in series.tags.items() if name != without))


def known_points(series: Series) -> tuple[Floats, Floats]:
    """Times and values of the points that a counter can have."""
    known = np.isfinite(series.values) & (series.values >= 0)
    return series.times_s[known], series.values[known]
