"""Confidence sequences for odds ratios."""

from typing import Final, NamedTuple

import numpy as np

from canary.sequential import odds
from canary.sequential.counts import Counts, Floats, log_likelihood
from canary.sequential.tempering import Tempering, of_known

_EVEN: Final = np.full(len(odds.LOG_KNOTS), 1 / len(odds.LOG_KNOTS))
#: Bisections in search of an interval's ends: they halve a fall in log likelihood of up to `_FARTHEST`.
_BISECTIONS: Final = 30
_FARTHEST: Final = 1e5


class Interval(NamedTuple):
    """A best estimate and the ends of its confidence sequence; None where nothing is known."""

    effect: float | None
    low: float | None
    high: float | None


class OddsRatios:
    """The odds ratios of `size` rates, known better at every tick and correct at all of them together."""

    def __init__(self, size: int) -> None:
        self._likelihood = np.zeros((size, len(odds.LOG_KNOTS)))

    def add(self, counts: Counts) -> None:
        """Takes in one tick of all rates."""
        self._likelihood += log_likelihood(counts, odds.LOG_KNOTS)

    def intervals(self, dispersion: Floats, miss: float) -> list[Interval]:
        """The interval of each rate, which ever misses the truth with chance `miss` at most.

        Args:
            dispersion: variance against independent events, of shape `(size,)`.
            miss: the chance.
        """
        return confidence_sequence(self._likelihood, of_known(dispersion), miss)


def confidence_sequence(likelihood: Floats, tempering: Tempering, miss: float) -> list[Interval]:
    """The intervals of odds ratios, each of which ever misses the truth with chance `miss` at most.

    An odds ratio is inside as long as the evidence against it, with even weight on all others, is below 1 / miss.

    Args:
        likelihood: log likelihoods at `odds.LOG_KNOTS`, of shape `(n, knots)`.
        tempering: what is believed of the dispersions.
        miss: the chance.
    """
    fine = odds.refined(likelihood)
    places, peak = odds.peaks(fine)
    lowest = peak - _farthest_fall(tempering, tempering.log_support(likelihood, _EVEN, peak) + np.log(miss))
    inside = fine > lowest[:, None]
    inside[np.arange(len(fine)), np.argmax(fine, axis=1)] = True
    # An end on the edge of the grid is open, and a point between two points of the grid may still be inside.
    first = np.argmax(inside, axis=1) - 1
    last = fine.shape[1] - np.argmax(inside[:, ::-1], axis=1)
    values = np.exp(odds.LOG_ODDS)
    low = np.where(first >= 0, values[np.maximum(first, 0)], 0.0)
    high = np.where(last < len(values), values[np.minimum(last, len(values) - 1)], np.inf)
    return [
        Interval(effect, low_end, high_end if high_end < np.inf else None) if is_known else Interval(None, None, None)
        for is_known, effect, low_end, high_end in zip(
            np.any(likelihood, axis=1).tolist(), np.exp(places).tolist(), low.tolist(), high.tolist(), strict=True
        )
    ]


def _farthest_fall(tempering: Tempering, least: Floats) -> Floats:
    """How far below the peak a log likelihood may be for its hypothesis to be feared more than `least` (logarithm)."""
    near, far = np.zeros_like(least), np.full_like(least, _FARTHEST)
    for _ in range(_BISECTIONS):
        middle = (near + far) / 2
        is_inside = tempering.log_null(middle) > least
        near, far = np.where(is_inside, middle, near), np.where(is_inside, far, middle)
    return far
