"""Evidence on the drift of a sum that is nearly normal, at whatever time one looks.

A sum that grows like Brownian motion has likelihood ratios exp(d s - d^2 i / 2) for each drift d, where `i` is the
information so far. Averaged over a normal prior on the drift they are an e-value (Robbins 1970; the asymptotic
confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv:2103.06476). Here the drift is a relative
effect, so that the prior needs no tuning to a sample size; several widths are averaged.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Widths of the prior on a relative effect: 3 %, 10 %, 30 %, and a doubling.
WIDTHS: Final = np.array([0.03, 0.1, 0.3, 1.0])
#: Below this the tail of the normal distribution is written by its asymptotic series (off by 2e-5 here).
_TAIL: Final = -12.0


def each_of(function: Callable[[float], float], values: Floats) -> Floats:
    """The function of every value, in the same shape: for what NumPy lacks and `math` has."""
    return np.fromiter(map(function, values.ravel()), float, values.size).reshape(values.shape)


def log_normal_cdf(z: Floats) -> Floats:
    """Natural logarithm of the normal distribution function, good far out in the lower tail.

    >>> round(float(np.exp(log_normal_cdf(np.array([-1.959964]))[0])), 6)
    0.025
    """
    z = np.asarray(z, float)
    middle = np.log(0.5 * each_of(math.erfc, -np.maximum(z, _TAIL) / math.sqrt(2)))
    far = np.minimum(z, _TAIL)
    series = -0.5 * far**2 - np.log(-far * math.sqrt(2 * math.pi)) + np.log1p(-1 / far**2 + 3 / far**4)
    return np.where(z < _TAIL, series, middle)


def log_evidence_above(z: Floats, information: Floats) -> Floats:
    """Natural logarithm of the evidence that an effect is above nothing, for a half-normal prior on it.

    Args:
        z: the estimate divided by its standard error, of shape `(n,)`.
        information: one over the squared standard error of the relative effect, of shape `(n,)`.

    Without information there is no evidence; twice the normal prior's is the most there can be.

    >>> float(log_evidence_above(np.array([3.0]), np.array([0.0]))[0])
    0.0
    """
    spread = information[:, None] * WIDTHS**2
    mode = z[:, None] * np.sqrt(spread / (1 + spread))
    each: Floats = math.log(2) - 0.5 * np.log1p(spread) + 0.5 * mode**2 + log_normal_cdf(mode)
    top = each.max(axis=1)
    mean: Floats = top + np.log(np.exp(each - top[:, None]).mean(axis=1))
    return mean


def reach(information: Floats, miss: float) -> Floats:
    """How many standard errors a confidence sequence reaches to either side, of shape `(n,)`; infinite without any.

    It ever misses with chance `miss` at most. Each width alone gives the normal mixture's bound (ibid., equation of the
    asymptotic confidence sequence) at its part of `miss`; the tightest of them holds the averaged one's within.

    >>> round(float(reach(np.array([1e4]), 0.05)[0]), 2)
    3.51
    """
    spread = information[:, None] * WIDTHS**2
    with np.errstate(divide="ignore"):
        bound = np.sqrt((1 + 1 / spread) * (np.log1p(spread) + 2 * math.log(len(WIDTHS) / miss)))
    tightest: Floats = bound.min(axis=1)
    return tightest
