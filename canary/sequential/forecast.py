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
    high: the evidence grows by the Kullback-Leibler divergence of the two for each event, over the dispersion. A canary
    with fewer events than are negligible is certified by that alone, if sooner.

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
    harmful = metric.margin * share / (metric.margin * share + 1 - share)
    events = rates[0] if rates[0] > 0 else rates[1]
    events_if_harmful = events * (1 - share + metric.margin * share)
    below_margin = events * _divergence(share, harmful)
    below_negligible = share * _divergence(rates[1], metric.negligible) if rates[1] < metric.negligible else 0.0
    return Need(
        _observations(missing[0], events_if_harmful * _divergence(harmful, share) / (smaller * dispersion)),
        _observations(missing[1], max(below_margin, below_negligible) / (smaller * dispersion)),
    )


def _divergence(one: float, other: float) -> float:
    """Kullback-Leibler divergence of two coins, in nats."""
    heads = one * math.log(one / other) if one > 0 else 0.0
    return heads + (1 - one) * math.log((1 - one) / (1 - other)) if one < 1 else heads


def _observations(log_missing: float, growth: float) -> int | None:
    if log_missing <= 0:
        return 0
    return math.ceil(log_missing / growth) if growth > 0 else None
