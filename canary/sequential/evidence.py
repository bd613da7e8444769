"""Evidence that a rate is higher in the canary, and evidence that it is not.

Evidence is an e-value: a number that has mean at most 1 as long as the null hypothesis holds, at any time one looks.
By Ville's inequality it ever passes 1/alpha with chance at most alpha, so it may be looked at all the time.
"""

from typing import Final

import numpy as np

from canary.config import MetricConfig
from canary.sequential.counts import Counts, Floats, log_likelihood, log_mean_exp, log_sum_exp
from canary.sequential.dispersion import Dispersion
from canary.sequential.steps import log_over_steps

#: Odds ratios that harm may have, relative to the tolerance (benchmark of sequential canary tests, 2.2).
HARM_ODDS: Final = np.array([1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 2.7, 4, 7, 15, 40])
#: Odds ratios that a safe canary may have; the square root of the margin joins them (ibid., 2.8).
SAFE_ODDS: Final = (0.6, 0.8, 0.9, 1.0)
#: Parts of the wealth that are staked on the canary's share of a tick's events. The boldest doubles in a tick in which
#: only the canary has events, and is for looks every second: it finds 12 % failing requests in 15 s.
STAKES: Final = np.array([0.2, 0.5, 0.95])
STAKE_WEIGHTS: Final = np.array([0.25, 0.25, 0.5])
#: Event probabilities that a safe canary may have, relative to the negligible one.
SAFE_PARTS: Final = np.array([0.1, 0.3, 0.6])


class RateEvidence:
    """Evidence on `size` event rates, fed tick by tick.

    Harm is the average of two e-values. One multiplies conditional likelihoods, mixed over odds ratios and tempered by
    the dispersion: sharp, and approximate where errors come in clusters. The other bets on the canary's share of each
    tick's events, which has the same mean however they cluster within the tick: exact, and fast where looks are many.
    Where the dispersion is known the first alone is sharper.

    Safety rejects "odds ratio of the margin or more, and a probability of `negligible` or more": the average of an
    e-value against the first and one against the second is one against both together.

    Args:
        size: number of rates.
        metric: tolerance, margin, negligible probability and known dispersion.
        is_stepped: whether a ramp is watched, whose steps each restart a part of the harm evidence.
    """

    def __init__(self, size: int, metric: MetricConfig, *, is_stepped: bool = False) -> None:
        safe = (*SAFE_ODDS, metric.margin**0.5)
        self._log_odds = np.log([metric.tolerance, *(metric.tolerance * HARM_ODDS), metric.margin, *safe])
        self._metric = metric
        self._is_stepped = is_stepped
        self._dispersion = Dispersion(size)
        self._likelihood = np.zeros((size, len(self._log_odds)))
        self._wealth = np.zeros((size, len(STAKES)))
        self._low = np.zeros((size, len(SAFE_PARTS)))
        self._starts = [(self._likelihood.copy(), self._wealth.copy())]
        self._safe_start = (self._likelihood.copy(), self._low.copy())

    def begin_step(self) -> None:
        """Starts a fresh part of the harm evidence, and the safety evidence anew: load may bring out new harm."""
        self._starts.append((self._likelihood.copy(), self._wealth.copy()))
        self.restart_safety()

    def restart_safety(self) -> None:
        """Forgets the safety evidence so far."""
        self._safe_start = (self._likelihood.copy(), self._low.copy())

    def add(self, counts: Counts) -> None:
        """Takes in one tick of all rates."""
        self._dispersion.add(counts.residual, counts.variance)
        self._likelihood += log_likelihood(counts, self._log_odds)
        self._wealth += _winnings(counts, self._metric.tolerance)
        if self._metric.negligible > 0:
            self._low += _lowness(counts, self._metric.negligible)

    def dispersion(self) -> Floats:
        """The dispersion in use, at least 1, of shape `(size,)`."""
        return self._known() if self._metric.dispersion is not None else self._dispersion.likely()

    def log_harm(self) -> Floats:
        """Natural logarithm of the evidence for harm, of shape `(size,)`."""
        dispersion = self._known() if self._metric.dispersion is not None else self._dispersion.cautious()
        parts = [self._harm_since(start, dispersion) for start in self._starts]
        return log_over_steps(parts, is_stepped=self._is_stepped)

    def log_safe(self) -> Floats:
        """Natural logarithm of the evidence for safety since the step began, of shape `(size,)`."""
        dispersion = self.dispersion()[:, None]
        first = 1 + len(HARM_ODDS)
        grown = (self._likelihood - self._safe_start[0])[:, first:]
        below_margin = log_mean_exp((grown[:, 1:] - grown[:, :1]) / dispersion, axis=1)
        if self._metric.negligible == 0:
            return below_margin
        negligible = log_mean_exp((self._low - self._safe_start[1]) / dispersion, axis=1)
        return _log_average(below_margin, negligible)

    def _known(self) -> Floats:
        return np.full(len(self._likelihood), self._metric.dispersion, dtype=float)

    def _harm_since(self, start: tuple[Floats, Floats], dispersion: Floats) -> Floats:
        grown = (self._likelihood - start[0])[:, : 1 + len(HARM_ODDS)]
        tempered = log_mean_exp((grown[:, 1:] - grown[:, :1]) / dispersion[:, None], axis=1)
        if self._metric.dispersion is not None:
            return tempered
        return _log_average(tempered, log_sum_exp(self._wealth - start[1] + np.log(STAKE_WEIGHTS), axis=1))


def _log_average(one: Floats, other: Floats) -> Floats:
    return log_mean_exp(np.stack([one, other]), axis=0)


def _winnings(counts: Counts, tolerance: float) -> Floats:
    """Log growth of each stake on the canary's share of the events, of shape `(n, stakes)`."""
    weight = counts.share * tolerance
    fair = weight / (weight + 1 - counts.share)
    is_open = (counts.events > 0) & (counts.share > 0) & (counts.share < 1)
    part = np.divide(counts.events_canary, counts.events * fair, out=np.ones_like(fair), where=is_open)
    growth: Floats = np.log1p(STAKES * (part - 1)[:, None])
    return growth


def _lowness(counts: Counts, negligible: float) -> Floats:
    """Log likelihood ratio of smaller probabilities in the canary against `negligible`, of shape `(n, parts)`."""
    smaller = negligible * SAFE_PARTS
    events = counts.events_canary[:, None]
    rest = counts.requests_canary[:, None] - events
    gain: Floats = events * np.log(SAFE_PARTS) + rest * np.log((1 - smaller) / (1 - negligible))
    return gain
