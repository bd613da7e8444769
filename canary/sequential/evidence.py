"""Evidence that a rate is higher in the canary, and evidence that it is not.

Evidence is an e-value: a number that has mean at most 1 as long as the null hypothesis holds, at any time one looks.
By Ville's inequality it ever passes 1/alpha with chance at most alpha, so it may be looked at all the time.

It is the ratio of how likely the ticks are under harm (or safety) and under the null hypothesis, both averaged over
odds ratios and over dispersions (`canary/sequential/dispersion.py`). The null hypothesis has the most likely of its
odds ratios, which is at its edge or, if that is among them, at the peak. With L the conditional log likelihood and P
its peak, ticks under odds ratio w and dispersion d are as likely as exp((L(w) - P) / d) / sqrt(d) times what they say
about d. Above the line counts what is likely; below it, what is feared. Dispersion 1 counts in full below, so the part
of the evidence that bets on independent requests (0.9 of it) is an e-value by theorem when they are. The rest is one as
far as squares of residuals are as from normal counts, and where dispersion d weighs c(d) below, as far as that goes,
its mean is at most 1 / c(d). How often harm is seen where there is none is measured, in tests/bench/canary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from canary.config import MetricConfig
from canary.sequential import odds
from canary.sequential.counts import Counts, Floats, log_likelihood, log_sum_exp
from canary.sequential.dispersion import LEVELS, Dispersion
from canary.sequential.intervals import Interval, confidence_sequence
from canary.sequential.steps import log_over_steps
from canary.sequential.tempering import LIKELY, Tempering

#: Odds ratios that harm may have, relative to the tolerance (benchmark of sequential canary tests, 2.2, and 200 for
#: outages), and how likely each is thought to be: harm of 1.5 to 10 times is found 3 % sooner than with even weights.
HARM_ODDS: Final = np.array([1.02, 1.05, 1.1, 1.2, 1.35, 1.6, 2, 2.7, 4, 7, 15, 40, 200])
_HARM_WEIGHTS: Final = np.array([0.03, 0.04, 0.06, 0.1, 0.13, 0.14, 0.15, 0.12, 0.1, 0.07, 0.04, 0.012, 0.008])
#: Odds ratios that a safe canary may have; the square root of the margin joins them (ibid., 2.8).
SAFE_ODDS: Final = (0.6, 0.8, 0.9, 1.0)
#: Event probabilities that a safe canary may have, relative to the negligible one.
SAFE_PARTS: Final = np.array([0.01, 0.1, 0.3, 0.6])
_EVEN_SAFE: Final = np.full(len(SAFE_ODDS) + 1, 1 / (len(SAFE_ODDS) + 1))
_EVEN_PARTS: Final = np.full(len(SAFE_PARTS), 1 / len(SAFE_PARTS))
#: How much each of `LEVELS` is feared: its weight under the null hypothesis. Set by simulation so that clusters of mean
#: size 2 and 5 (dispersion 3 and 9) stay within alpha, and within beta, at every rate of T5 (tests/bench/canary).
#: Dispersions above 8 are feared less: were they feared as much, one tick could never prove anything.
_FEARED_FOR_HARM: Final = np.array([1, 0.3, 0.3, 0.23, 0.008, 0.0025, 6e-4, 1.5e-4, 4e-5, 1e-5])
_FEARED_FOR_SAFETY: Final = np.array([1, 0.3, 0.3, 0.3, 0.03, 0.0075, 2e-3, 5e-4, 1e-4, 3e-5])


class RateEvidence:
    """Evidence on `size` event rates, fed tick by tick.

    Safety rejects "odds ratio of the margin or more, and a probability of `negligible` or more": the average of an
    e-value against the first and one against the second is one against both together.

    Args:
        size: number of rates.
        metrics: tolerance, margin, negligible probability and known dispersion; of all rates, or of each.
        is_stepped: whether a ramp is watched, whose steps each restart a part of the harm evidence.
    """

    def __init__(self, size: int, metrics: MetricConfig | Sequence[MetricConfig], *, is_stepped: bool = False) -> None:
        each = [metrics] * size if isinstance(metrics, MetricConfig) else list(metrics)
        self._readers = _readers(each)
        self._log_tolerance = np.log([metric.tolerance for metric in each])
        self._log_margin = np.log([metric.margin for metric in each])
        self._negligible = np.array([metric.negligible for metric in each])
        self._known = np.array([metric.dispersion or 0.0 for metric in each])
        self._is_stepped = is_stepped
        self._dispersion = Dispersion(size)
        self._likelihood = np.zeros((size, len(odds.LOG_KNOTS)))
        self._canary = np.zeros((2, size))
        self._starts = [self._likelihood.copy()]
        self._safe_start = (self._likelihood.copy(), self._canary.copy())

    def begin_step(self) -> None:
        """Starts a fresh part of the harm evidence, and the safety evidence anew: load may bring out new harm."""
        self._starts.append(self._likelihood.copy())
        self._dispersion.begin_step()
        self.restart_safety()

    def restart_safety(self) -> None:
        """Forgets the safety evidence so far."""
        self._safe_start = (self._likelihood.copy(), self._canary.copy())

    def add(self, counts: Counts) -> None:
        """Takes in one tick of all rates."""
        self._dispersion.add(counts)
        self._likelihood += log_likelihood(counts, odds.LOG_KNOTS)
        self._canary += (counts.requests_canary, counts.events_canary)

    def dispersion(self) -> Floats:
        """The dispersion to be expected by all that was seen, at least 1, of shape `(size,)`."""
        belief = self._dispersion.log_likelihood() + np.log(LIKELY)
        belief -= log_sum_exp(belief, axis=1)[:, None]
        return np.where(self._known > 0, self._known, np.exp(np.exp(belief) @ np.log(LEVELS)))

    def log_harm(self) -> Floats:
        """Natural logarithm of the evidence for harm, of shape `(size,)`."""
        tempering = self._tempering(_FEARED_FOR_HARM)
        parts = [self._harm_since(start, tempering) for start in self._starts]
        return log_over_steps(parts, is_stepped=self._is_stepped)

    def log_safe(self) -> Floats:
        """Natural logarithm of the evidence for safety since the step began, of shape `(size,)`."""
        tempering = self._tempering(_FEARED_FOR_SAFETY)
        grown = self._likelihood - self._safe_start[0]
        at_margin, safe = self._read(grown, "safe")
        place, peak = odds.peaks(odds.refined(grown))
        harmful = np.where(place < self._log_margin, at_margin, peak)
        below_margin = tempering.log_evidence(safe, _EVEN_SAFE, harmful, peak)
        low, frequent, peak = _lowness(self._canary - self._safe_start[1], self._negligible)
        negligible = tempering.log_evidence(low, _EVEN_PARTS, frequent, peak)
        either = np.logaddexp(below_margin, negligible) - np.log(2)
        return np.where(self._negligible > 0, either, below_margin)

    def intervals(self, miss: float) -> list[Interval]:
        """Each odds ratio's interval, which ever misses the truth with chance `miss` at most."""
        return confidence_sequence(self._likelihood, self._tempering(_FEARED_FOR_HARM), miss)

    def _tempering(self, feared: Floats) -> Tempering:
        return Tempering.of(self._known, self._dispersion.log_likelihood(), feared)

    def _harm_since(self, start: Floats, tempering: Tempering) -> Floats:
        grown = self._likelihood - start
        at_tolerance, harm = self._read(grown, "harm")
        place, peak = odds.peaks(odds.refined(grown))
        harmless = np.where(place > self._log_tolerance, at_tolerance, peak)
        return tempering.log_evidence(harm, _HARM_WEIGHTS, harmless, peak)

    def _read(self, likelihood: Floats, which: Literal["harm", "safe"]) -> tuple[Floats, Floats]:
        """The likelihoods at the edge of the null hypothesis, and at the alternatives to it."""
        points = np.concatenate([likelihood[reader.rows] @ getattr(reader, which) for reader in self._readers])
        if len(self._readers) > 1:
            points[np.concatenate([reader.rows for reader in self._readers])] = points.copy()
        return points[:, 0], points[:, 1:]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the likelihoods of the rates in `rows`, which have the same tolerance and margin, where they matter."""

    rows: NDArray[np.intp]
    harm: Floats
    safe: Floats


def _readers(metrics: Sequence[MetricConfig]) -> list[_Reader]:
    rows: dict[tuple[float, float], list[int]] = {}
    for row, metric in enumerate(metrics):
        rows.setdefault((metric.tolerance, metric.margin), []).append(row)
    return [
        _Reader(
            rows=np.array(chosen),
            harm=odds.at(np.log([tolerance, *(tolerance * HARM_ODDS)])).T,
            safe=odds.at(np.log([margin, *SAFE_ODDS, margin**0.5])).T,
        )
        for (tolerance, margin), chosen in rows.items()
    ]


def _lowness(canary: Floats, negligible: Floats) -> tuple[Floats, Floats, Floats]:
    """Log likelihood ratios of event probabilities of the canary against `negligible`.

    Those of smaller ones, `SAFE_PARTS` of it, of shape `(n, parts)`; the highest of any that is not smaller, and the
    highest of all, of shape `(n,)`.
    """
    requests, events = canary
    # Where no probability is negligible the result is not used, and any other does.
    limit = np.where(negligible > 0, negligible, 0.5)
    smaller = limit[:, None] * SAFE_PARTS
    rest = requests - events
    gain: Floats = events[:, None] * np.log(SAFE_PARTS) + rest[:, None] * np.log((1 - smaller) / (1 - limit[:, None]))
    seen = np.divide(events, requests, out=limit.copy(), where=requests > 0)
    peak = events * np.log(np.where(events > 0, seen, 1.0) / np.where(events > 0, limit, 1.0))
    peak += rest * np.log(np.where(rest > 0, 1 - seen, 1.0) / np.where(rest > 0, 1 - limit, 1.0))
    return gain, np.where(seen < limit, 0.0, peak), peak
