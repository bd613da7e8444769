"""How well a share is known from a number of trials."""

import math

import numpy as np


def interval(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share (Clopper and Pearson 1934).

    Args:
        hits: how many trials had the event.
        trials: how many there were.
        level: chance of holding the true share, at least.

    No hit in 100 trials: the upper end is the share at which that has a chance of 2.5 %, 1 - 0.025 ** (1 / 100).

    >>> tuple(round(end, 4) for end in interval(0, 100))
    (0.0, 0.0362)
    """
    miss = (1 - level) / 2
    low = 0.0 if hits == 0 else _share_where(trials, hits, miss, is_upper=False)
    high = 1.0 if hits == trials else _share_where(trials, hits, miss, is_upper=True)
    return low, high


def _share_where(trials: int, hits: int, chance: float, *, is_upper: bool) -> float:
    """The share at which so few hits (or so many) have that chance; by halving, as the chance is monotone in it."""
    counts = np.arange(hits + 1) if is_upper else np.arange(hits, trials + 1)
    log_ways = math.lgamma(trials + 1) - np.array(
        [math.lgamma(count + 1) + math.lgamma(trials - count + 1) for count in counts]
    )
    low, high = 0.0, 1.0
    for _ in range(50):  # to the precision of a double
        share = (low + high) / 2
        tail = float(np.exp(log_ways + counts * math.log(share) + (trials - counts) * math.log1p(-share)).sum())
        is_below = tail > chance if is_upper else tail < chance
        low, high = (share, high) if is_below else (low, share)
    return (low + high) / 2
