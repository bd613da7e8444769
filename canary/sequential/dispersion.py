"""How much more counts vary than independent requests would, as something that is learnt while one looks.

Errors come in clusters (retry storms, sticky clients), so that counts vary by a factor, the dispersion, more than
independent requests. It is a nuisance parameter and treated as one: every tick says something about the dispersion
and the odds ratio together, and evidence is the ratio of two likelihoods from which the dispersion is averaged out
(`canary/sequential/evidence.py`). The quasi-likelihood of a standardised square x under dispersion d is
exp(-x / 2d) / sqrt(d) (McCullagh and Nelder, Generalized Linear Models, chapter 9; Efron 1986, double exponential
families). Two things tell the dispersion, both whatever the odds ratio is:

- the split of events between the sides: Cochran's Q, how much the residuals of blocks of ticks differ around their
  common odds ratio. It is blind to drift, and to incidents that hit both sides.
- the events of both sides together over time: each block against those before it, forgotten by and by. It varies also
  by what both sides have in common, so it only says how large the dispersion can be at most, and a single leap
  (an incident begins or ends) says next to nothing.

What makes the sides differ for longer than a tick shows less than it matters: with a side's error rate off by 15 % for
a minute at a time and looks every 15 s, some 3 % of canaries fail at alpha = 1 % at 3,000 requests a minute. Looks as
far apart as what lasts, or a known dispersion, mend it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.sequential.counts import Counts, Floats, log_sum_exp

#: Dispersions that are thought possible where none is known.
LEVELS: Final[Floats] = np.exp2(np.arange(10.0))
#: A block of ticks is closed once it holds this much variance, a single event at an even split. Larger blocks find
#: rare errors later (0.1 -> 1 % at 10 requests/s: 2.4 times the oracle's delay with 1.0, 1.5 times with 0.2).
_BLOCK_VARIANCE: Final = 0.2
#: How much of the past a block of both sides is compared with: each block weighs this much less than the next.
_MEMORY: Final = 0.8
_FORGETTING: Final = np.array([[_MEMORY], [_MEMORY], [_MEMORY**2]])
#: Chance that a block is hit by an incident, and how much more it varies then. T6 has one that multiplies errors by 8.
_LEAP: Final = 0.1
_LEAP_SPREAD: Final = 30.0
#: How much more both sides together may vary than their split does, in steps of `LEVELS`: each a half as likely.
_COMMON: Final[Floats] = np.log(0.5 ** np.arange(4) / (0.5 ** np.arange(4)).sum())
_LARGEST_SQUARE: Final = 1e4
_SPREADS: Final[Floats] = np.exp2(np.arange(len(LEVELS) + len(_COMMON) - 1.0))
_LEAPS: Final[Floats] = _LEAP_SPREAD * _SPREADS
_CALM_WEIGHTS: Final[Floats] = (1 - _LEAP) / np.sqrt(_SPREADS)
_LEAP_WEIGHTS: Final[Floats] = _LEAP / np.sqrt(_LEAPS)


class Dispersion:
    """What ticks say about the dispersion of each of `size` rates."""

    def __init__(self, size: int) -> None:
        self._totals = np.zeros((4, size))
        self._open = np.zeros((4, size))
        self._blocks = np.zeros((4, size))
        self._steps = np.zeros((2, size))
        self._past = np.zeros((3, size))
        self._both = np.zeros((size, len(_SPREADS)))

    def begin_step(self) -> None:
        """Lets what comes have another odds ratio than what was."""
        self._steps += self._heterogeneity()
        self._blocks[:] = 0.0
        self._open[:] = 0.0

    def add(self, counts: Counts) -> None:
        """Takes in one tick of all rates."""
        self._totals += counts
        self._open += _moments(counts)
        is_closed = self._open[1] >= _BLOCK_VARIANCE
        if is_closed.any():
            # A slice spares copies; nearly always all blocks close together.
            self._close(slice(None) if is_closed.all() else np.flatnonzero(is_closed))

    def log_likelihood(self) -> Floats:
        """Logarithm of how likely all ticks are under each of `LEVELS`, up to a constant, of shape `(size, levels)`."""
        freedom, squares = self._steps + self._heterogeneity()
        split = -0.5 * (freedom[:, None] * np.log(LEVELS) + squares[:, None] / LEVELS)
        together = np.stack([self._both[:, shift : shift + len(LEVELS)] for shift in range(len(_COMMON))], axis=2)
        density: Floats = split + log_sum_exp(together + _COMMON, axis=2)
        return density

    def _close(self, closed: slice | NDArray[np.intp]) -> None:
        residual, variance, events, requests = self._open[:, closed]
        self._blocks[:, closed] += (residual**2 / variance, residual, variance, np.ones_like(variance))
        self._compare(closed, events, requests)
        self._open[:, closed] = 0.0

    def _heterogeneity(self) -> Floats:
        """Degrees of freedom and Cochran's Q of the split since the step began, of shape `(2, size)`.

        Where nearly all events are on one side, the split varies hardly at all and says as little: the degrees of
        freedom shrink by the variance at the odds ratio seen over that at an odds ratio of 1.
        """
        squares, residual, variance, count = self._blocks
        common = np.divide(residual**2, variance, out=np.zeros_like(variance), where=variance > 0)
        told: Floats = np.stack([np.maximum(count - 1, 0.0) * self._told(), np.maximum(squares - common, 0.0)])
        return told

    def _told(self) -> Floats:
        n_b, s_b, n_c, s_c = self._totals
        both_sides = (s_b > 0) & (s_c > 0) & (s_b < n_b) & (s_c < n_c)
        s_b, s_c, n_b, n_c = (
            np.where(both_sides, each, half) for each, half in ((s_b, 1), (s_c, 1), (n_b, 2), (n_c, 2))
        )
        seen = 1 / (1 / s_b + 1 / s_c + 1 / (n_b - s_b) + 1 / (n_c - s_c))
        events, total = s_b + s_c, n_b + n_c
        alike = events * (1 - events / total) * n_b * n_c / total**2
        return np.where(both_sides, np.minimum(seen / alike, 1.0), 0.0)

    def _compare(self, closed: slice | NDArray[np.intp], events: Floats, requests: Floats) -> None:
        """Takes in how far a block of both sides together is from those before it."""
        past_events, past_requests, past_weight = self._past[:, closed]
        rate = (events + past_events) / (requests + past_requests)
        # Before there is a past, nothing is told.
        past = np.maximum(past_requests, 1.0)
        spread = rate * (1 - rate) * (1 / requests + past_weight / past**2)
        told = (past_requests > 0) & (spread > 0)
        square = (events / requests - past_events / past) ** 2 / np.where(told, spread, 1.0)
        self._both[closed] += told[:, None] * _log_leaping(square)
        self._past[:, closed] = self._past[:, closed] * _FORGETTING + (events, requests, requests)


def _moments(counts: Counts) -> Floats:
    """Residual and its variance, events and requests of one tick, of shape `(4, n)`."""
    events, requests = counts.events, counts.requests
    total = np.maximum(requests, 1.0)
    share = counts.requests_canary / total
    variance = events * share * (1 - share) * (requests - events) / np.maximum(requests - 1, 1.0)
    return np.array((counts.events_canary - events * share, variance, events, requests))


def _log_leaping(square: Floats) -> Floats:
    """Log density of a standardised square, now and then of an incident, of shape `(n, levels)`."""
    # A leap that large says no more than that it is one.
    halves = 0.5 * np.minimum(square, _LARGEST_SQUARE)[:, None]
    density: Floats = np.log(_CALM_WEIGHTS * np.exp(-halves / _SPREADS) + _LEAP_WEIGHTS * np.exp(-halves / _LEAPS))
    return density
