"""One number from what a metric showed over some time, as a query of a metric store would give it."""

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

from canary.samples import NO_DATA, EventCount, Gauge, Histogram, Lacking, Moments, Sample
from canary.threshold.config import Compared, Measure, Measured

#: What a measurement gave: a number, NaN where zero was divided by zero, or why there is none.
Value = float | Lacking


def quantile_of(histogram: Histogram, quantile: float) -> float:
    """The quantile of a histogram, an estimate: linear within its bucket, in the metric's unit; NaN when empty.

    Bucketed counts tell only in which bucket the quantile lies. As `histogram_quantile` of Prometheus (prometheus
    01381a801, promql/quantile.go), the first bucket begins at 0 and the last edge stands for all that is above it.

    >>> quantile_of(Histogram((50, 40, 10), (100.0, 200.0)), 0.7)
    150.0
    """
    total, edges = sum(histogram.buckets), histogram.edges
    if total == 0 or not edges:
        return math.nan
    rank = quantile * total
    reached = list(accumulate(histogram.buckets))
    bucket = next(index for index, count in enumerate(reached) if count >= rank)
    if bucket == len(edges):
        return edges[-1]
    if bucket == 0 and edges[0] <= 0:
        return edges[0]
    low, below = (edges[bucket - 1], reached[bucket - 1]) if bucket else (0.0, 0)
    return low + (edges[bucket] - low) * (rank - below) / histogram.buckets[bucket]


def value_of(sample: Sample, metric: Measured, seconds: float) -> Value:
    """The number that `metric` makes of a sample that grew for `seconds`."""
    match sample, metric.measure:
        case Lacking(), _:
            return sample
        case EventCount(events=events), Measure.PER_SECOND if seconds > 0:
            return events / seconds
        case EventCount(events=events, requests=int(requests)), measure if measure in _SHARES:
            return _SHARES[measure](_ratio(events, requests))
        case Histogram(), Measure.QUANTILE:
            return quantile_of(sample, metric.quantile)
        case Moments(count=count, total=total), Measure.MEAN:
            return _ratio(total, count)
        case Gauge(pods=pods), Measure.MEAN:
            return _ratio(sum(pods.values()), len(pods))
        case _:
            what = type(sample).__name__
            return Lacking("no such number", f"{metric.measure} cannot be made of what {metric.metric} is ({what})")


def compared(baseline: Value, canary: Value, metric: Measured) -> Value:
    """What is held against the bound: the canary's value, or its ratio to the baseline's."""
    if metric.compared is Compared.CANARY or isinstance(canary, Lacking):
        return canary
    return baseline if isinstance(baseline, Lacking) else _ratio(canary, baseline)


def without_requests(sample: Sample) -> bool:
    """Whether the sample is of a side that served nothing, so that shares and quantiles of it are not defined."""
    match sample:
        case EventCount(requests=requests):
            return requests == 0
        case Histogram(buckets=buckets):
            return sum(buckets) == 0
        case Moments(count=count):
            return count == 0
        case _:
            return False


def total_of(samples: Sequence[Sample]) -> Sample:
    """All growth together; of gauges the last, of nothing a `Lacking`."""
    if not samples:
        return Lacking(NO_DATA, "it has not been seen yet")
    last = samples[-1]
    match last:
        case EventCount():
            counts = [each for each in samples if isinstance(each, EventCount)]
            known = [each.requests for each in counts if each.requests is not None]
            return EventCount(sum(each.events for each in counts), sum(known) if len(known) == len(counts) else None)
        case Histogram(edges=edges):
            alike = [each.buckets for each in samples if isinstance(each, Histogram) and each.edges == edges]
            return Histogram(tuple(map(sum, zip(*alike, strict=True))), edges)
        case Moments():
            sums = [each for each in samples if isinstance(each, Moments)]
            total, squares = sum(each.total for each in sums), sum(each.squares for each in sums)
            return Moments(sum(each.count for each in sums), total, squares)
        case _:
            return last


def _ratio(above: float, below: float) -> float:
    """Division as Prometheus does it: NaN for zero by zero, else infinity for division by zero."""
    if below:
        return above / below
    return math.copysign(math.inf, above) if above else math.nan


_SHARES: dict[Measure, Callable[[float], float]] = {
    Measure.ERROR_SHARE: lambda share: share,
    Measure.SUCCESS_SHARE: lambda share: 1 - share,
    Measure.ERROR_PERCENT: lambda share: 100 * share,
    Measure.SUCCESS_PERCENT: lambda share: 100 * (1 - share),
}
