"""Estimate and confidence interval of the shift between two samples."""

from dataclasses import dataclass
from typing import Final

from canary.kayenta.groups import Floats
from canary.kayenta.shifts import statistics
from canary.kayenta.solver import Search, crossing, found, together

#: The 0.99 quantile of the normal distribution: both ends of a 98 % interval.
QUANTILE: Final = 2.326347874040841


@dataclass(frozen=True, slots=True)
class Interval:
    """The shift of the canary's values against the baseline's, in the metric's unit, at 98 % confidence."""

    low: float
    high: float
    estimate: float


def shift_between(x: Floats, y: Floats, tolerance: float) -> Interval:
    """The shift by which `x` lies above `y`, by the normal approximation of the rank-sum test at any sample size.

    Args:
        x: the canary's values, ascending.
        y: the baseline's values, ascending.
        tolerance: how near the solver comes, in the unit of the values.

    Raises:
        AllTied: when one point on each side, or one against a constant, leaves no variance.
    """
    least, most = float(x[0] - y[-1]), float(x[-1] - y[0])
    statistic = statistics(x, y)
    at_least, at_most = statistic((least, most))
    searches: list[Search] = []
    for quantile in (QUANTILE, -QUANTILE, 0.0):
        if quantile and at_least - quantile <= 0.0:
            searches.append(found(least))
        elif quantile and at_most - quantile >= 0.0:
            searches.append(found(most))
        else:
            searches.append(crossing(quantile, (least, at_least), (most, at_most), tolerance))
    return Interval(*together(searches, statistic))
