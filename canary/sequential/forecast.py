"""How many more observations a metric needs, from what its evidence grows by with each one."""

import math
from typing import NamedTuple

from canary.config import MetricConfig, MetricKind


class Need(NamedTuple):
    """Observations that the side with fewer still needs at the present shares; None where nothing can be said.

    Args:
        until_harm: until harm of the margin's size would be seen.
        until_safe: until a canary that is as good as its baseline is certified safe.
    """

    until_harm: int | None
    until_safe: int | None


NOTHING_KNOWN = Need(None, None)


def need(
    metric: MetricConfig,
    sizes: tuple[int, int],
    rates: tuple[float, float],
    dispersion: float,
    missing: tuple[float, float],
) -> Need:
    """What a metric that compares odds ratios still needs, in expectation.

    Given an event, it is the canary's with probability s when the sides are alike, and s_w when its odds are w times as
    high: the evidence grows by the Kullback-Leibler divergence of the two for each event, over the dispersion.

    Args:
        metric: its margin, and the probability that is negligible.
        sizes: observations of baseline and canary so far.
        rates: share of events in baseline and canary.
        dispersion: variance against independent requests.
        missing: natural logarithms of evidence for harm and for safety that are missing to their limits.

    >>> from canary.looks import ERROR_RATE
    >>> metric = MetricConfig(name=ERROR_RATE, margin=4)
    >>> need(metric, (100, 100), (0.01, 0.01), 1.0, (0.0, math.log(20)))
    Need(until_harm=0, until_safe=672)
    """
    if metric.kind_in_use not in (MetricKind.COUNTS, MetricKind.HISTOGRAM) or not all(sizes):
        return NOTHING_KNOWN
    share, smaller = sizes[1] / sum(sizes), min(sizes) / sum(sizes)
    if not any(rates):
        # Requests without an event are evidence against the negligible probability (of which a tenth is likely).
        growth = 0.9 * metric.negligible * share / smaller
        return Need(None, _observations(missing[1], growth / dispersion))
    harmful = metric.margin * share / (metric.margin * share + 1 - share)
    events = rates[0] if rates[0] > 0 else rates[1]
    events_if_harmful = events * (1 - share + metric.margin * share)
    return Need(
        _observations(missing[0], events_if_harmful * _divergence(harmful, share) / (smaller * dispersion)),
        _observations(missing[1], events * _divergence(share, harmful) / (smaller * dispersion)),
    )


def _divergence(one: float, other: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    return one * math.log(one / other) + (1 - one) * math.log((1 - one) / (1 - other))


def _observations(log_missing: float, growth: float) -> int | None:
    if log_missing <= 0:
        return 0
    return math.ceil(log_missing / growth) if growth > 0 else None
