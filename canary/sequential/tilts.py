"""How likely the split of a tick's requests between two sides is, if one side's are tilted towards higher buckets.

Given the histogram of both sides together and how many requests each side had, a common distribution makes every
split as likely as dealing the requests out at random, whatever that distribution is. Under a tilt a request of ratio r
goes to the canary r times as easily. The likelihood ratio of the two,

    L = sum over the canary's requests of ln r - ln E[product of r over a random n_c of all N requests],

has no nuisance parameter. exp(L) rises when a request of the canary gets slower and falls when one of the baseline
does, so with ratios that rise with the bucket it has mean at most 1 for every canary that is no slower (stochastic
order). With ratios of two values it is the two-by-two table of Lindon and Malek (arXiv:2011.03567).

E[...] is a coefficient of a generating function, taken by its saddlepoint (Daniels, Annals of Mathematical Statistics
25, 1954). Its logarithm is too small by at most `slack`, which is taken off (enumeration, 1 to 150 requests a side).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]

#: Error of the saddlepoint with hardly any requests, relative to the logarithm of the ratio (enumeration, see above).
_SLACK: Final = 0.25


def log_tilted(baseline: Floats, canary: Floats, log_ratio: Floats) -> Floats:
    """Log likelihood ratio of each tilt against none, of shape `(n, tilts)`; 0 where a side has no requests.

    Args:
        baseline: requests of the baseline by bucket, of shape `(n, buckets)`.
        canary: the same of the canary.
        log_ratio: logarithms of the ratios, rising with the bucket, of shape `(n, buckets, tilts)`.

    Sixty requests of each of two sorts, dealt out evenly: ln(2**60 / mean of 2**hits over the ways to deal them).

    >>> side = np.full((1, 2), 30.0)
    >>> round(float(log_tilted(side, side, np.log([[[1.0], [2.0]]]))[0, 0]), 2)
    -1.81
    """
    both = baseline + canary
    n_b, n_c = baseline.sum(axis=1)[:, None], canary.sum(axis=1)[:, None]
    total, ratio = n_b + n_c, np.exp(log_ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        fair, fair_spread = n_c / n_b, n_b * n_c / total
        # The saddlepoint is where the canary is expected to have the requests it has; one Newton step comes close.
        odds = fair * total / _weighed(both, ratio)
        chance = _chance(odds, ratio)
        spread = _weighed(both, chance * (1 - chance))
        odds *= np.exp(np.clip((n_c - _weighed(both, chance)) / spread, -1, 1))
        chance = _chance(odds, ratio)
        spread = _weighed(both, chance * (1 - chance))
        log_mean = -_weighed(both, np.log1p(-chance)) - total * np.log1p(fair) - n_c * np.log(odds / fair)
        log_mean -= 0.5 * np.log(spread / fair_spread)
        gain = _weighed(canary, log_ratio) - log_mean - slack(fair_spread) * (log_ratio[:, -1] - log_ratio[:, 0])
    return np.where((n_b > 0) & (n_c > 0), gain, 0.0)


def log_raised(n_b: Floats, s_b: Floats, n_c: Floats, s_c: Floats, log_odds: Floats) -> Floats:
    """Log likelihood ratio of each odds ratio of an event against 1, of shape `(n, odds)`; 0 where a side is empty.

    Args:
        n_b: requests of the baseline, of shape `(n,)`.
        s_b: of these, the ones with the event.
        n_c: requests of the canary.
        s_c: of these, the ones with the event.
        log_odds: logarithms of the odds ratios, of shape `(odds,)`.

    >>> half = np.array([30.0])
    >>> round(float(log_raised(2 * half, half, 2 * half, half, np.log([2.0]))[0, 0]), 2)
    -1.81
    """
    n_b, s_b, n_c, s_c = (each[:, None] for each in (n_b, s_b, n_c, s_c))
    total, events, ratio = n_b + n_c, s_b + s_c, np.exp(log_odds)
    rest = total - events
    with np.errstate(divide="ignore", invalid="ignore"):
        fair, fair_spread = n_c / n_b, n_b * n_c / total
        # The saddlepoint solves events * zr / (1 + zr) + rest * z / (1 + z) = n_c, a quadratic.
        half = 0.5 * ((events - n_c) * ratio + (rest - n_c))
        root = np.sqrt(half * half + (n_b * n_c) * ratio)
        odds = n_c / (half + root)
        chance, chance_rest = odds * ratio / (1 + odds * ratio), odds / (1 + odds)
        spread = events * chance * (1 - chance) + rest * chance_rest * (1 - chance_rest)
        log_mean = -events * np.log1p(-chance) - rest * np.log1p(-chance_rest) - n_c * np.log(odds)
        log_mean -= total * np.log1p(fair) - n_c * np.log(fair) + 0.5 * np.log(spread / fair_spread)
        gain = s_c * log_odds - log_mean - slack(fair_spread) * np.abs(log_odds)
    return np.where((n_b > 0) & (n_c > 0) & (events > 0) & (rest > 0), gain, 0.0)


def slack(spread: Floats) -> Floats:
    """How much the saddlepoint may be off for each unit of log ratio, when `n_b * n_c / N` is `spread`."""
    return _SLACK / (1 + spread * spread)


def _chance(odds: Floats, ratio: Floats) -> Floats:
    weight = odds[:, None, :] * ratio
    chance: Floats = weight / (1 + weight)
    return chance


def _weighed(requests: Floats, values: Floats) -> Floats:
    total: Floats = np.einsum("nb,nbt->nt", requests, values)
    return total
