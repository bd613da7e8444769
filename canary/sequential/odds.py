"""The grid of odds ratios on which likelihoods are kept, and how they are read between its points.

The log likelihood is a smooth, concave function of the logarithm of the odds ratio, so a few points and the natural
cubic spline through them give it anywhere: an evaluation is a product with a fixed matrix. Error at the widest step
of the grid that matters (2 to 2.7): under 0.0002 of the likelihood's curvature there (spline bound 5/384 h**4).
"""

from typing import Final

import numpy as np

from canary.sequential.counts import Floats

_ABOVE_ONE: Final = np.log([1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 2.7, 4, 7, 15, 40, 200, 1000])
#: Logarithms of the odds ratios at which likelihoods are computed: alike on both sides of 1, dense where harm begins.
LOG_KNOTS: Final[Floats] = np.concatenate([-_ABOVE_ONE[::-1], [0.0], _ABOVE_ONE])
#: Points between two neighbours of the grid when a likelihood is searched.
_PARTS: Final = 8


def at(log_odds: Floats) -> Floats:
    """The matrix of shape `(points, knots)` that reads a likelihood at these points; beyond the grid, at its end.

    >>> np.round(at(np.log([2.0])) @ LOG_KNOTS, 12) == np.round(np.log([2.0]), 12)
    array([ True])
    """
    points = np.clip(log_odds, LOG_KNOTS[0], LOG_KNOTS[-1])
    right = np.clip(np.searchsorted(LOG_KNOTS, points), 1, len(LOG_KNOTS) - 1)
    width = LOG_KNOTS[right] - LOG_KNOTS[right - 1]
    near_right = ((points - LOG_KNOTS[right - 1]) / width)[:, None]
    near_left = 1 - near_right
    value, bend = np.eye(len(LOG_KNOTS)), _bends()
    bent = (near_left**3 - near_left) * bend[right - 1] + (near_right**3 - near_right) * bend[right]
    matrix: Floats = near_left * value[right - 1] + near_right * value[right] + bent * (width**2 / 6)[:, None]
    return matrix


def _bends() -> Floats:
    """Second derivatives of the natural cubic spline at the knots, as a matrix on its values."""
    step = np.diff(LOG_KNOTS)
    inner = np.arange(1, len(LOG_KNOTS) - 1)
    left, right = np.eye(len(LOG_KNOTS)), np.zeros((len(LOG_KNOTS), len(LOG_KNOTS)))
    left[inner, inner - 1], left[inner, inner], left[inner, inner + 1] = step[:-1], 2 * (step[:-1] + step[1:]), step[1:]
    right[inner, inner - 1], right[inner, inner + 1] = 6 / step[:-1], 6 / step[1:]
    right[inner, inner] = -6 / step[:-1] - 6 / step[1:]
    return np.asarray(np.linalg.solve(left, right), np.float64)


#: Where likelihoods are searched for their peak and for the ends of intervals.
LOG_ODDS: Final[Floats] = np.append(
    (LOG_KNOTS[:-1, None] + np.diff(LOG_KNOTS)[:, None] * np.arange(_PARTS) / _PARTS).ravel(), LOG_KNOTS[-1]
)
_REFINE: Final = at(LOG_ODDS).T


def refined(likelihood: Floats) -> Floats:
    """Likelihoods at the knots, of shape `(n, knots)`, at all of `LOG_ODDS`."""
    finer: Floats = likelihood @ _REFINE
    return finer


def peaks(fine: Floats) -> tuple[Floats, Floats]:
    """Where each likelihood on `LOG_ODDS` is highest, and how high, by the parabola through the highest three points.

    >>> places, heights = peaks(-((LOG_ODDS[None, :] - 0.31) ** 2))
    >>> round(float(places[0]), 6), round(float(heights[0]), 6) + 0.0
    (0.31, 0.0)
    """
    rows, middle = np.arange(len(fine)), np.clip(np.argmax(fine, axis=1), 1, len(LOG_ODDS) - 2)
    x0, x1, x2 = LOG_ODDS[middle - 1], LOG_ODDS[middle], LOG_ODDS[middle + 1]
    y0, y1, y2 = fine[rows, middle - 1], fine[rows, middle], fine[rows, middle + 1]
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    bend = (right - left) / (x2 - x0)
    turn = 0.5 * (x0 + x1) - np.divide(left, 2 * bend, out=np.zeros_like(left), where=bend < 0)
    places = np.where(bend < 0, np.clip(turn, x0, x2), x1)
    heights = y0 + left * (places - x0) + bend * (places - x0) * (places - x1)
    return places, np.maximum(heights, np.maximum(y1, 0.0))
