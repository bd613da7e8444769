"""One side of a comparison: what is left of its series, in order of size, and its statistics."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from canary.kayenta.groups import Floats
from canary.kayenta.options import Options


@dataclass(frozen=True, slots=True)
class Stats:
    """Statistics of a sample; all 0 for an empty one, NaN where sums overflow."""

    min: float
    max: float
    mean: float
    std: float
    count: int


@dataclass(frozen=True)
class Sample:
    """What is left of a series.

    Args:
        values: finite or infinite values `(n,)` in ascending order, never NaN.
    """

    values: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_constant(self) -> bool:
        """Whether there is exactly one distinct value."""
        return len(self.values) > 0 and bool(self.values[0] == self.values[-1])

    @cached_property
    def stats(self) -> Stats:
        """Minimum, maximum, mean by two passes, and sample standard deviation (0 for one value)."""
        count = len(self.values)
        if not count:
            return Stats(0.0, 0.0, 0.0, 0.0, 0)
        first = float(np.add.reduce(self.values)) / count
        residuals = self.values - first
        excess = float(np.add.reduce(residuals))
        variance = (float(residuals.dot(residuals)) - excess * excess / count) / (count - 1) if count > 1 else 0.0
        mean, std = first + excess / count, math.sqrt(variance) if variance >= 0 else math.nan
        return Stats(float(self.values[0]), float(self.values[-1]), mean, std, count)


def prepare(series: Floats, options: Options) -> Sample:
    """The sample that a series gives: NaN removed or replaced by 0, then outliers dropped if the options say so."""
    values = np.sort(series)
    if len(values) and math.isnan(values[-1]):
        numbers = values[: int(np.searchsorted(values, np.nan))]
        values = np.sort(np.nan_to_num(series, nan=0.0, posinf=None, neginf=None)) if options.replaces_nan else numbers
    if options.removes_outliers and len(values):
        values = _within_fences(values, options.outlier_factor)
    return Sample(values)


def _within_fences(values: Floats, factor: float) -> Floats:
    """The values within `factor` interquartile ranges of the quartiles, or within the 1st and 99th percentile."""
    first, third = percentile(values, 0.25), percentile(values, 0.75)
    reach = factor * (third - first)
    low, high = min(percentile(values, 0.01), first - reach), max(percentile(values, 0.99), third + reach)
    return values[(values >= low) & (values <= high)]


def percentile(values: Floats, share: float) -> float:
    """The `share` quantile of ascending `values`, linearly interpolated (Hyndman and Fan 1996, type 7).

    >>> percentile(np.array([1.0, 2.0, 4.0]), 0.75)
    3.0
    """
    place = share * (len(values) - 1)
    below = int(place)
    low, high = float(values[below]), float(values[min(below + 1, len(values) - 1)])
    return low + (place - below) * (high - low)
