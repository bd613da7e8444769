"""What happened between two looks, metric by metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from canary.looks import ERROR_RATE, LATENCY, Look
from canary.samples import MALFORMED, NO_DATA, EventCount, Gauge, Histogram, Lacking, Moments, Sample, checked

#: No service answers as much between two looks (a million requests a second for eleven days), and
#: beyond it sums of logarithms, in doubles, lose the digits that decide.
LARGEST_GROWTH: Final = 10**12


@dataclass(frozen=True, slots=True)
class Pair:
    """One metric of both sides: its growth since both were last seen; a gauge as it is now."""

    baseline: Sample
    canary: Sample


@dataclass(frozen=True, slots=True)
class Tick:
    """Both sides between two looks.

    Args:
        seconds: its length.
        share: share of the pair's traffic set to the canary.
        opens_step: whether it is the first tick of a ramp step; the weights changed somewhere within it.
        requests_baseline: requests the control answered.
        requests_canary: requests the canary answered.
        metrics: what each metric shows, or why it shows nothing.
    """

    seconds: float
    share: float
    opens_step: bool
    requests_baseline: int
    requests_canary: int
    metrics: Mapping[str, Pair | Lacking]


#: A metric not seen yet, and the requests of both sides then.
_NEVER: Final[tuple[Pair | None, tuple[int, int]]] = (None, (0, 0))


class Ticker:
    """Makes ticks of looks, each of them without fault.

    A metric that one side lacks for a while loses nothing: its next pair reaches back to where both were last seen.

    Args:
        metrics: names of the metrics to compare.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = metrics
        self._last: Look | None = None
        self._seen: dict[str, tuple[Pair | None, tuple[int, int]]] = {}

    def add(self, look: Look) -> Tick | None:
        """The tick that `look` ends; None for the first look."""
        last, self._last = self._last, look
        metrics = {name: self._pair(name, look) for name in self._metrics}
        if last is None:
            return None
        return Tick(
            seconds=(look.at - last.at).total_seconds(),
            share=float(look.canary_share),
            opens_step=look.step != last.step,
            requests_baseline=_grown(last.baseline.requests, look.baseline.requests),
            requests_canary=_grown(last.canary.requests, look.canary.requests),
            metrics=metrics,
        )

    def _pair(self, name: str, look: Look) -> Pair | Lacking:
        seen, requests = self._seen.get(name, _NEVER)
        now = _pair_of(look.baseline.sample(name), look.canary.sample(name), _edges_of(seen))
        if isinstance(now, Lacking):
            return now
        grown = self._grown(name, seen, requests, now, look)
        if not isinstance(grown, Lacking) or seen is None:
            self._seen[name] = now, (look.baseline.requests, look.canary.requests)
        return grown

    def _grown(self, name: str, seen: Pair | None, requests: tuple[int, int], now: Pair, look: Look) -> Pair | Lacking:
        """What was added since both sides were last seen; after a leap that look counts as never seen."""
        if isinstance(now.baseline, Gauge):
            return now
        if seen is None:
            return Lacking(NO_DATA, "it is seen for the first time")
        is_own = name in (ERROR_RATE, LATENCY) and name not in look.canary.samples
        grown = Pair(
            _growth(seen.baseline, now.baseline, from_zero=is_own and look.baseline.requests < requests[0]),
            _growth(seen.canary, now.canary, from_zero=is_own and look.canary.requests < requests[1]),
        )
        return _without_leaps(grown)


def ticks_of(looks: Sequence[Look], metrics: Sequence[str]) -> list[Tick]:
    """The ticks between looks without fault, one fewer than there are looks."""
    ticker = Ticker(metrics)
    return [tick for tick in map(ticker.add, looks) if tick is not None]


def _grown(before: int, after: int) -> int:
    return int(after - before if after >= before else after)


def _edges_of(seen: Pair | None) -> tuple[float, ...] | None:
    return seen.baseline.edges if seen is not None and isinstance(seen.baseline, Histogram) else None


def _pair_of(baseline: Sample | None, canary: Sample | None, edges: tuple[float, ...] | None) -> Pair | Lacking:
    """Both sides' samples if they can be compared, histograms on the edges that both have."""
    usable = []
    for side, sample in (("baseline", baseline), ("canary", canary)):
        if sample is None:
            return Lacking(NO_DATA, f"the {side} does not show it")
        if isinstance(sample := checked(_of_pods_that_show(sample)), Lacking):
            return Lacking(sample.outcome, f"the {side}'s {sample.why}")
        usable.append(sample)
    one, other = usable
    if type(one) is not type(other):
        return Lacking("different kinds", "the two sides show it as different things")
    if isinstance(one, Histogram) and isinstance(other, Histogram):
        return _on_common_edges(one, other, edges)
    return Pair(one, other)


def _of_pods_that_show(sample: Sample) -> Sample:
    """A gauge without the pods that show no number now; one NaN says nothing of the others."""
    if not isinstance(sample, Gauge):
        return sample
    shown = {pod: value for pod, value in sample.pods.items() if not _is_nan(value)}
    return Gauge(shown) if shown else Lacking(NO_DATA, "gauge shows no number for any pod")


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _on_common_edges(one: Histogram, other: Histogram, edges: tuple[float, ...] | None) -> Pair | Lacking:
    if one.edges == other.edges and edges in (None, one.edges):
        return Pair(one, other)
    common = edges if edges is not None else tuple(edge for edge in one.edges if edge in set(other.edges))
    if not common or not set(common) <= set(one.edges) & set(other.edges):
        what = "its buckets have other edges than before" if edges else "the buckets of the two sides share no edge"
        return Lacking("different buckets", what)
    return Pair(_coarser(one, common), _coarser(other, common))


def _coarser(histogram: Histogram, edges: tuple[float, ...]) -> Histogram:
    ends = [0, *(histogram.edges.index(edge) + 1 for edge in edges), len(histogram.buckets)]
    return Histogram(tuple(sum(histogram.buckets[low:high]) for low, high in pairwise(ends)), edges)


def _without_leaps(grown: Pair) -> Pair | Lacking:
    """What was added between two looks, unless it is more than anything serves in that time."""
    for side, sample in (("baseline", grown.baseline), ("canary", grown.canary)):
        match sample:
            case EventCount(events, requests):
                most = max(events, requests or 0)
            case Histogram(buckets):
                most = sum(buckets)
            case _:
                most = 0
        if most > LARGEST_GROWTH:
            return Lacking(MALFORMED, f"the {side}'s counter leaped by {most:.1e} between two looks")
    return grown


def _growth(before: Sample, after: Sample, *, from_zero: bool) -> Sample:
    """What was added; a counter that went down began again from zero."""
    match before, after:
        case EventCount(), EventCount():
            return _growth_of_events(before, after, from_zero=from_zero)
        case Histogram(), Histogram():
            from_zero = from_zero or any(new < old for old, new in zip(before.buckets, after.buckets, strict=True))
            if from_zero:
                return after
            grown = tuple(int(new - old) for old, new in zip(before.buckets, after.buckets, strict=True))
            return Histogram(grown, after.edges)
        case Moments(), Moments():
            if after.count < before.count or after.squares < before.squares:
                return after
            squares = after.squares - before.squares
            return Moments(after.count - before.count, after.total - before.total, squares)
        case _:
            return after


def _growth_of_events(before: EventCount, after: EventCount, *, from_zero: bool) -> EventCount:
    if after.requests is None or before.requests is None:
        return EventCount(_grown(before.events, after.events), None)
    if from_zero or after.events < before.events or after.requests < before.requests:
        return after
    events = int(after.events - before.events)
    # A source may have counted an error a moment before its request.
    return EventCount(events, max(int(after.requests - before.requests), events))
