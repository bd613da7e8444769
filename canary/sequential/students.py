"""The tail of Student's t distribution, which NumPy lacks."""

import math
from typing import Final

import numpy as np

from canary.sequential.mixtures import Floats, each_of

#: Terms of the continued fraction: with the argument on its quick side it settles well within these.
_TERMS: Final = 200
_TINY: Final = 1e-300
#: Halvings of the interval in which a quantile is sought, from 0 to 1e6: to a millionth of a millionth.
_HALVINGS: Final = 60


def log_upper_tail(t: Floats, freedom: Floats) -> Floats:
    """Natural logarithm of the chance of more than `t`, for arrays of one shape.

    By the incomplete beta function (Abramowitz and Stegun 26.7.1) and its continued fraction (26.5.8), so that it stays
    exact where the chance itself is too small for a double.

    >>> round(float(np.exp(log_upper_tail(np.array([2.015048]), np.array([5.0])))[0]), 6)
    0.05
    """
    t, freedom = np.broadcast_arrays(np.asarray(t, float), np.asarray(freedom, float))
    log_outside = _log_beta(freedom / 2, np.full_like(freedom, 0.5), freedom / (freedom + t * t)) - math.log(2)
    return np.where(t >= 0, log_outside, np.log1p(-np.exp(log_outside)))


def upper_quantile(chance: float, freedom: Floats) -> Floats:
    """The value that is exceeded with `chance` (below one half), by bisection."""
    low, high = np.zeros_like(freedom), np.full_like(freedom, 1e6)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = log_upper_tail(middle, freedom) > math.log(chance)
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return high


def _log_beta(a: Floats, b: Floats, x: Floats) -> Floats:
    """Logarithm of the regularised incomplete beta function I_x(a, b), for 0 < x <= 1."""
    with np.errstate(divide="ignore"):
        log_power = a * np.log(x) + b * np.log1p(-x)
    log_front = log_power + each_of(math.lgamma, a + b) - each_of(math.lgamma, a) - each_of(math.lgamma, b)
    is_quick = x < (a + 1) / (a + b + 2)
    # On the slow side the symmetry I_x(a, b) = 1 - I_{1-x}(b, a) is quicker.
    p, q, y = np.where(is_quick, a, b), np.where(is_quick, b, a), np.where(is_quick, x, 1 - x)
    log_part = log_front + np.log(_fraction(p, q, y) / p)
    other = np.log1p(-np.minimum(np.exp(np.where(is_quick, -np.inf, log_part)), 1 - 1e-16))
    return np.where(is_quick, log_part, other)


def _fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    upper = np.ones_like(x)
    lower = 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = lower
    for term in range(1, _TERMS):
        even = term * (b - term) * x / ((a + 2 * term - 1) * (a + 2 * term))
        odd = -(a + term) * (a + b + term) * x / ((a + 2 * term) * (a + 2 * term + 1))
        for step in (even, odd):
            lower = 1 / _off_zero(1 + step * lower)
            upper = _off_zero(1 + step / upper)
            change = lower * upper
            value = value * change
        if np.all(np.abs(change - 1) < 1e-14):
            break
    return value


def _off_zero(value: Floats) -> Floats:
    return np.where(np.abs(value) < _TINY, _TINY, value)
