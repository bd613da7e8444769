"""Confidence sequences for odds ratios."""

from typing import Final, NamedTuple

import numpy as np

from canary.sequential.counts import Counts, Floats, log_likelihood, log_mean_exp

#: Odds ratios from 1/200 to 200, each about 11 % above the last.
_LOG_ODDS: Final = np.linspace(-np.log(200), np.log(200), 101)


class Interval(NamedTuple):
    """An odds ratio's best estimate and the ends of its confidence sequence; None where nothing is known."""

    effect: float | None
    low: float | None
    high: float | None


class OddsRatios:
    """The odds ratios of `size` rates, known better at every tick and correct at all of them together."""

    def __init__(self, size: int) -> None:
        self._likelihood = np.zeros((size, len(_LOG_ODDS)))

    def add(self, counts: Counts) -> None:
        """Takes in one tick of all rates."""
        self._likelihood += log_likelihood(counts, _LOG_ODDS)

    def interval(self, index: int, dispersion: float, miss: float) -> Interval:
        """The interval of one rate that ever misses the truth with chance `miss` at most."""
        likelihood: Floats = self._likelihood[index] / dispersion
        if not np.any(likelihood):
            return Interval(None, None, None)
        mixed = log_mean_exp(likelihood, axis=0)
        inside = np.flatnonzero(mixed - likelihood < -np.log(miss))
        odds = np.exp(_LOG_ODDS)
        # An end on the edge of the grid is open, and a point between two grid points may still be inside.
        low = float(odds[inside[0] - 1]) if inside[0] > 0 else 0.0
        high = float(odds[inside[-1] + 1]) if inside[-1] + 1 < len(odds) else None
        return Interval(float(odds[np.argmax(likelihood)]), low, high)
