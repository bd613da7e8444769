"""Whether probabilities are what they say: of releases said to be at 10 %, one in ten must have turned out bad."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from canary.binomial import interval
from canary.figures.style import COLOURS, blank, dress, legend, tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Groups of a reliability table, as in Guo et al. 2017 (who have 15 for many more observations).
BINS: Final = 10
#: A probability is taken to be at least this far from 0 and 1, which one wrong certainty would make all that counts.
_LEAST: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Bin:
    """Releases with about the same probability.

    Args:
        predicted: mean of their probabilities.
        observed: share of them that turned out bad.
        low: lower end of its exact 95 % interval.
        high: upper end.
        releases: how many they are.
        bad: how many of them turned out bad.
    """

    predicted: float
    observed: float
    low: float
    high: float
    releases: int
    bad: int


def reliability(probabilities: ArrayLike, is_bad: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """What was predicted and what happened, in groups of equal size from the lowest probability to the highest.

    Args:
        probabilities: of shape `(n,)`, in [0, 1].
        is_bad: what happened, of the same shape.
        bins: at most how many groups; fewer where there are fewer releases.

    >>> [(b.predicted, b.observed) for b in reliability([0.1, 0.3, 0.8, 0.6], [0, 0, 1, 0], bins=2)]
    [(0.2, 0.0), (0.7, 0.5)]
    """
    told, happened = np.asarray(probabilities, float), np.asarray(is_bad, bool)
    order = np.argsort(told, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return tuple(_bin(told[part], happened[part]) for part in parts)


def expected_calibration_error(probabilities: ArrayLike, is_bad: ArrayLike, bins: int = BINS) -> float:
    """How far predicted and observed shares are apart, on average over releases, in [0, 1]; NaN without any.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3; with groups of equal size (Nguyen and
    O'Connor 2015) instead of equal width, of which most would be empty where bad releases are rare.

    >>> round(expected_calibration_error([0.1, 0.3, 0.8, 0.6], [0, 0, 1, 0], bins=2), 3)
    0.2
    """
    found = reliability(probabilities, is_bad, bins)
    return float(np.average([abs(b.predicted - b.observed) for b in found], weights=_sizes(found))) if found else np.nan


def brier_score(probabilities: ArrayLike, is_bad: ArrayLike) -> float:
    """Mean squared distance from what happened, in [0, 1], lower is better (Brier 1950); NaN without releases.

    >>> round(brier_score([0.1, 0.8], [0, 1]), 3)
    0.025
    """
    told, happened = np.asarray(probabilities, float), np.asarray(is_bad, float)
    return float(np.mean((told - happened) ** 2)) if told.size else np.nan


def log_loss(probabilities: ArrayLike, is_bad: ArrayLike) -> float:
    """Mean of -ln of the probability that was given to what happened, lower is better; NaN without releases.

    >>> round(log_loss([0.5, 0.25], [0, 1]), 3)
    1.04
    """
    told = np.clip(np.asarray(probabilities, float), _LEAST, 1 - _LEAST)
    given = np.where(np.asarray(is_bad, bool), told, 1 - told)
    return float(-np.log(given).mean()) if told.size else np.nan


def reliability_plot(bins: Sequence[Bin], title: str = "Predicted and observed") -> "Figure":
    """The reliability plot: groups on the diagonal happened as often as predicted."""
    figure, axes = blank(height=3.6)
    top = max([0.05, *(each.high for each in bins), *(each.predicted for each in bins)])
    axes.plot([0, top], [0, top], "--", color=COLOURS["muted"], linewidth=1, label="as predicted")
    for each in bins:
        axes.plot([each.predicted] * 2, [each.low, each.high], color=COLOURS["baseline"], linewidth=3, alpha=0.45)
    told, seen = [each.predicted for each in bins], [each.observed for each in bins]
    axes.plot(told, seen, "o", color=COLOURS["baseline"], markersize=6, label="observed, with 95 % interval")
    dress(axes, title, "predicted probability of a bad release", "share that turned out bad")
    legend(axes)
    words = "; ".join(
        f"{b.predicted:.3f} predicted, {b.observed:.3f} observed ({b.low:.3f} to {b.high:.3f})" for b in bins
    )
    return tell(figure, f"{title}: {words or 'no releases'}.")


def _bin(told: "np.ndarray", happened: "np.ndarray") -> Bin:
    bad, size = int(happened.sum()), len(told)
    low, high = interval(bad, size)
    return Bin(round(float(told.mean()), 12), bad / size, low, high, size, bad)


def _sizes(bins: Sequence[Bin]) -> list[int]:
    return [each.releases for each in bins]
