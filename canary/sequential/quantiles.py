"""How far the quantiles of the two sides of a histogram differ, with a band that holds at every look."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canary.samples import Histogram

Floats = NDArray[np.float64]

#: Bisections for an end of an interval of a share: 2**-50 is what a double can tell apart.
_BISECTIONS: Final = 50
#: Weight of the prior of a share: a half on either side (Jeffreys).
_PRIOR: Final = 0.5


class QuantileBand(NamedTuple):
    """The difference of quantiles, canary less baseline, in the metric's unit; arrays of shape `(levels,)`.

    Args:
        levels: which quantiles, in (0, 1).
        low: lower ends, -inf where the baseline's quantile may be above its last edge.
        high: upper ends, inf where the canary's may be.
    """

    levels: Floats
    low: Floats
    high: Floats


def quantile_band(
    baseline: Histogram, canary: Histogram, levels: Sequence[float], miss: float, dispersion: float = 1.0
) -> QuantileBand:
    """A band that holds the differences of all quantiles at all looks together, but for a chance of `miss`.

    Of a histogram only the shares up to each edge are known. Each has a confidence sequence (`shares`) at an even part
    of `miss` over edges and sides, and a quantile lies between the last edge that is surely below it and the first that
    is surely not. Nothing is read between edges, and the first bucket is taken to begin at 0.

    Args:
        baseline: all observations of the baseline so far.
        canary: the same of the canary, on the same edges.
        levels: which quantiles, in (0, 1).
        miss: the chance.
        dispersion: variance of the counts against independent observations, at least 1.

    >>> one = Histogram((0, 10_000, 0), (10.0, 20.0))
    >>> other = Histogram((0, 0, 10_000), (10.0, 20.0))
    >>> quantile_band(one, other, [0.5], 0.05).low
    array([0.])
    """
    wanted = np.asarray(levels, float)
    part = miss / 2 / len(baseline.edges)
    low_b, high_b = _quantiles(baseline, wanted, part, dispersion)
    low_c, high_c = _quantiles(canary, wanted, part, dispersion)
    return QuantileBand(wanted, low_c - high_b, high_c - low_b)


def shares(events: Floats, total: int, miss: float, dispersion: float = 1.0) -> tuple[Floats, Floats]:
    """Ends of confidence sequences for shares, each of which ever misses the truth with chance `miss` at most.

    A share p is inside as long as the beta-binomial mixture, B(s + 1/2, n - s + 1/2) / B(1/2, 1/2), is below
    p**s (1 - p)**(n - s) / miss (Ville 1939; Robbins 1970). Clustered counts are divided by their dispersion.

    >>> low, high = shares(np.array([50.0]), 100, 0.05)
    >>> round(float(low[0]), 2), round(float(high[0]), 2)
    (0.34, 0.66)
    """
    s, n = events / dispersion, total / dispersion
    if n <= 0:
        return np.zeros_like(events), np.ones_like(events)
    mixed = np.array([_log_beta(each + _PRIOR, n - each + _PRIOR) for each in s]) - _log_beta(_PRIOR, _PRIOR)
    least = mixed + math.log(miss)
    return _end(s, n, least, is_upper=False), _end(s, n, least, is_upper=True)


def _end(s: Floats, n: float, least: Floats, *, is_upper: bool) -> Floats:
    """Where the log likelihood of `s` events of `n` falls to `least`, above or below the share seen."""
    inside, outside = s / n, np.full_like(s, 1.0 if is_upper else 0.0)
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            fit = np.where(s > 0, s * np.log(middle), 0.0) + np.where(n > s, (n - s) * np.log1p(-middle), 0.0)
        is_inside = fit > least
        inside, outside = np.where(is_inside, middle, inside), np.where(is_inside, outside, middle)
    return outside


def _quantiles(side: Histogram, levels: Floats, miss: float, dispersion: float) -> tuple[Floats, Floats]:
    """The least and the largest that each quantile may be."""
    reached = np.cumsum(np.array(side.buckets, float))[:-1]
    low, high = shares(reached, sum(side.buckets), miss, dispersion)
    edges = np.array(side.edges)
    # Shares up to an edge rise from edge to edge, and so do the ends that hold together.
    low, high = np.maximum.accumulate(low), np.minimum.accumulate(high[::-1])[::-1]
    below = np.searchsorted(high, levels, side="left") - 1
    first = np.searchsorted(low, levels, side="left")
    begin = min(0.0, float(edges[0]))
    least = np.where(below >= 0, edges[np.maximum(below, 0)], begin if edges[0] > 0 else -np.inf)
    most = np.where(first < len(edges), edges[np.minimum(first, len(edges) - 1)], np.inf)
    return least, most


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
