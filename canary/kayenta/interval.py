"""Estimate and confidence interval of the shift between two samples."""

from dataclasses import dataclass
from typing import Final

from canary.kayenta.ranks import Floats, Ranked, deviation, rank
from canary.kayenta.solver import crossing

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
    n, m = len(x), len(y)
    least, most = float(x[0] - y[-1]), float(x[-1] - y[0])

    def standardized(shift: float) -> float:
        return _standardized(rank(x, y, shift), n, m)

    at_least, at_most = standardized(least), standardized(most)

    def end(quantile: float) -> float:
        if at_least - quantile <= 0.0:
            return least
        if at_most - quantile >= 0.0:
            return most
        return root(quantile)

    def root(quantile: float) -> float:
        return crossing(standardized, quantile, (least, at_least), (most, at_most), tolerance)

    return Interval(end(QUANTILE), end(-QUANTILE), root(0.0))


def _standardized(ranked: Ranked, n: int, m: int) -> float:
    """The rank sum in standard deviations from its mean, half a rank nearer to it (continuity correction)."""
    sign = (ranked.twice_excess > 0) - (ranked.twice_excess < 0)
    return (ranked.twice_excess / 2.0 - 0.5 * sign) / deviation(n, m, ranked.ties)
