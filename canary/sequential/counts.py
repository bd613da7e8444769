"""The conditional likelihood of two-by-two counts, as a function of the odds ratio.

Given both sides' requests and the events of both together, the canary's part of the events is hypergeometric
whatever the event rate is, and Fisher's noncentral hypergeometric under an odds ratio. That likelihood has no
nuisance parameter, so ticks multiply even while rates drift and traffic shares change.
Lindon and Malek (2022), arXiv:2011.03567, use the same conditioning; the saddlepoint form is McCullagh and Nelder.

All functions work on arrays: one entry for each rate that is watched (an error rate, every latency edge).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Below this many requests on a side, or this much variance, the exact sum is used:
#: above, the closed form is off by at most 0.003 in the logarithm (simulation for odds ratios up to 40).
EXACT_BELOW_REQUESTS: Final = 150
EXACT_BELOW_VARIANCE: Final = 20.0


class Counts(NamedTuple):
    """Requests and events of both sides in one tick, each of shape `(n,)`."""

    requests_baseline: Floats
    events_baseline: Floats
    requests_canary: Floats
    events_canary: Floats

    @property
    def events(self) -> Floats:
        """Events of both sides together."""
        return self.events_baseline + self.events_canary

    @property
    def share(self) -> Floats:
        """The canary's share of the requests; one half where there are none."""
        total = self.requests_baseline + self.requests_canary
        return np.divide(self.requests_canary, total, out=np.full_like(total, 0.5), where=total > 0)

    @property
    def residual(self) -> Floats:
        """The canary's events above its share of all events."""
        return self.events_canary - self.events * self.share

    @property
    def variance(self) -> Floats:
        """Variance of the residual for independent requests (hypergeometric)."""
        total, share = self.requests_baseline + self.requests_canary, self.share
        spread = self.events * share * (1 - share)
        return np.divide(spread * (total - self.events), total - 1, out=np.zeros_like(total), where=total > 1)

    def where(self, chosen: NDArray[np.bool_]) -> "Counts":
        """Only the chosen entries."""
        return Counts(*(each[chosen] for each in self))


def log_likelihood(counts: Counts, log_odds: Floats) -> Floats:
    """Log likelihood ratio of each odds ratio against 1, of shape `(n, odds)`.

    One request each, one event, in the canary: the canary has it with probability w / (w + 1), so ln(2w / (w + 1)).

    >>> one = np.ones(1)
    >>> round(float(np.exp(log_likelihood(Counts(one, 0 * one, one, one), np.log([3.0])))[0, 0]), 6)
    1.5
    """
    result = np.zeros((len(counts.events), len(log_odds)))
    total = counts.requests_baseline + counts.requests_canary
    events = counts.events
    informative = (np.minimum(counts.requests_baseline, counts.requests_canary) > 0) & (events > 0) & (events < total)
    mean = np.divide(events, total, out=np.zeros_like(total), where=total > 0)
    small = np.minimum(counts.requests_baseline, counts.requests_canary) < EXACT_BELOW_REQUESTS
    exact = small | (total * mean * (1 - mean) < EXACT_BELOW_VARIANCE)
    for chosen, form in ((informative & exact, _exact), (informative & ~exact, _closed)):
        if chosen.any():
            result[chosen] = form(counts.where(chosen), log_odds)
    return result


def _exact(counts: Counts, log_odds: Floats) -> Floats:
    """By the sum over every possible split of the events."""
    n_c, n_b, events = counts.requests_canary, counts.requests_baseline, counts.events
    least, most = np.maximum(0, events - n_b), np.minimum(n_c, events)
    split = least[:, None] + np.arange(int((most - least).max()) + 1)
    step = split[:, :-1]
    is_possible = split <= most[:, None]
    up = (n_c[:, None] - step) * (events[:, None] - step)
    down = (step + 1) * (n_b[:, None] - events[:, None] + step + 1)
    log_ratio = np.log(np.where(is_possible[:, 1:], up, 1.0) / np.where(is_possible[:, 1:], down, 1.0))
    log_weight = np.concatenate([np.zeros((len(events), 1)), np.cumsum(log_ratio, axis=1)], axis=1)
    log_weight = np.where(is_possible, log_weight, -np.inf)
    log_weight -= log_sum_exp(log_weight, axis=1)[:, None]
    # Measured from the observed split, the exponents stay small where the weight is.
    gain = (split - counts.events_canary[:, None])[:, :, None] * log_odds
    return -log_sum_exp(log_weight[:, :, None] + gain, axis=1)


def _closed(counts: Counts, log_odds: Floats) -> Floats:
    """By the saddlepoint of the normaliser."""
    n_b, s_b, n_c, s_c = (each[:, None] for each in counts)
    odds, events = np.exp(log_odds), counts.events[:, None]
    b = n_c * odds + n_b - events * (odds - 1)
    p_b = 2 * events / (b + np.sqrt(b * b + 4 * n_b * (odds - 1) * events))
    p_c = odds * p_b / (1 - p_b + odds * p_b)
    p = events / (n_c + n_b)
    v0 = (n_c + n_b) * p * (1 - p)
    v1 = n_c * p_c * (1 - p_c) + n_b * p_b * (1 - p_b)
    fit_c = s_c * np.log(p_c / p) + (n_c - s_c) * np.log((1 - p_c) / (1 - p))
    fit_b = s_b * np.log(p_b / p) + (n_b - s_b) * np.log((1 - p_b) / (1 - p))
    fit: Floats = fit_c + fit_b - 0.5 * np.log(v0 / v1)
    return fit


def log_sum_exp(values: Floats, axis: int) -> Floats:
    """ln(sum(exp(values))) along an axis, without overflow."""
    top = values.max(axis=axis, keepdims=True)
    total: Floats = np.log(np.exp(values - top).sum(axis=axis)) + np.squeeze(top, axis=axis)
    return total


def log_mean_exp(values: Floats, axis: int) -> Floats:
    """ln(mean(exp(values))) along an axis, without overflow."""
    return log_sum_exp(values, axis) - float(np.log(values.shape[axis]))
