"""Series of points as a store gives them, with what they can be used for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Fidelity(StrEnum):
    """What the values of a series are, from the most telling to the least."""

    COUNTER = "counter"
    """Raw cumulative counter, which falls to zero when its process starts again."""
    COUNT = "count"
    """Events of one interval; the time of a point is the start of its interval."""
    GAUGE = "gauge"
    """A value at a moment."""
    SMOOTHED = "smoothed"
    """A rate, mean or quantile that the store made: neighbouring points may share observations."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series, in order of time, each time once.

    Args:
        tags: its labels.
        times_s: Unix times in seconds (UTC), rising, of shape `(n,)`.
        values: of shape `(n,)`; NaN is a hole.
        fidelity: what the values are.
        repairs: what was wrong with the points as they came, in words.
    """

    tags: Mapping[str, str]
    times_s: Floats
    values: Floats
    fidelity: Fidelity
    repairs: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, points: Iterable[tuple[float, float]], fidelity: Fidelity, tags: Mapping[str, str] | None = None
    ) -> "Series":
        """The series of `(Unix time in seconds, value)` points in any order.

        Points are put in order of time; of several at one time the last that was given counts.
        """
        pairs = np.array(list(points), float).reshape(-1, 2)
        times_s, values, repairs = _in_order(pairs[:, 0], pairs[:, 1])
        return cls(dict(tags or {}), times_s, values, fidelity, repairs)

    @property
    def name(self) -> str:
        """The labels in one line, in order of their names.

        >>> Series.of([], Fidelity.GAUGE, {"pod": "b", "app": "a"}).name
        '{app="a", pod="b"}'
        """
        return "{" + ", ".join(f'{key}="{self.tags[key]}"' for key in sorted(self.tags)) + "}"

    @property
    def newest_s(self) -> float | None:
        """Unix time of the newest point that is a number; None without one."""
        known = self.times_s[~np.isnan(self.values)]
        return float(known[-1]) if known.size else None

    def between(self, start_s: float, end_s: float) -> "Series":
        """Only the points from `start_s` to `end_s`, both included (Unix times in seconds)."""
        kept = (self.times_s >= start_s) & (self.times_s <= end_s)
        return Series(self.tags, self.times_s[kept], self.values[kept], self.fidelity, self.repairs)

    def has_same_points(self, other: "Series") -> bool:
        """Whether the other has equal values at equal times; holes are equal to each other."""
        same_times = np.array_equal(self.times_s, other.times_s)
        return same_times and np.array_equal(self.values, other.values, equal_nan=True)


def _in_order(times_s: Floats, values: Floats) -> tuple[Floats, Floats, tuple[str, ...]]:
    repairs = []
    if np.isnan(times_s).any():
        kept = ~np.isnan(times_s)
        repairs.append(f"{int((~kept).sum())} points had no time")
        times_s, values = times_s[kept], values[kept]
    if (np.diff(times_s) < 0).any():
        repairs.append("points were out of order")
        order = np.argsort(times_s, kind="stable")
        times_s, values = times_s[order], values[order]
    is_last = np.append(np.diff(times_s) > 0, True)[: times_s.size]
    if not is_last.all():
        repairs.append(f"{int((~is_last).sum())} points were there twice")
        times_s, values = times_s[is_last], values[is_last]
    return times_s, values, tuple(repairs)


def moment(unix_s: float) -> datetime:
    """The Unix time as an aware datetime in UTC."""
    return datetime.fromtimestamp(unix_s, UTC)
