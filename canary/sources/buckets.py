"""From series of bucket counters to one cumulative histogram with disjoint buckets."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final

import numpy as np

from canary.samples import Histogram
from canary.sources.cumulate import Key, growth, key_of, known_points, value_at
from canary.sources.series import Floats, Series

#: The label of a classic bucket's upper edge.
EDGE_LABEL: Final = "le"

Counters = Mapping[float, tuple[Floats, Floats]]


class CumulativeHistogram:
    """One histogram that only grows, fed with classic buckets: cumulative counters with an upper edge as label `le`.

    All buckets of a label set are followed together: when the count of all falls, each began again from zero. The edges
    are those which the label sets share that are there first; where a later one lacks an edge, what lies between its
    own is counted with the slower requests.

    Args:
        begin_s: Unix time in seconds from which is counted.
        scale: what edges are multiplied with, such as 1000 from seconds to milliseconds.
    """

    def __init__(self, begin_s: float, *, scale: float = 1.0) -> None:
        self._begin_s, self._scale = begin_s, scale
        self._edges: tuple[float, ...] = ()
        self._counts = np.zeros(0)
        self._last: dict[Key, tuple[float, dict[float, float]]] = {}

    def add(self, series: Sequence[Series]) -> tuple[str, ...]:
        """Takes in what is new in the series, and gives what was wrong with some of them, in words."""
        groups: defaultdict[Key, dict[float, tuple[Floats, Floats]]] = defaultdict(dict)
        for each in series:
            groups[key_of(each, without=EDGE_LABEL)][_edge(each)] = known_points(each)
        whole = {key: counters for key, counters in groups.items() if math.inf in counters and math.nan not in counters}
        if not self._edges and whole:
            self._edges = self._shared(list(whole.values()))
            self._counts = np.zeros(len(self._edges) + 1)
        for key, counters in whole.items():
            self._add_group(key, counters)
        return tuple(f"buckets of {dict(key)} lack an edge, or the one of +Inf" for key in groups if key not in whole)

    def histogram(self) -> Histogram | None:
        """The histogram by now; None before any bucket was seen."""
        if not self._edges:
            return None
        return Histogram(tuple(round(count) for count in self._counts), tuple(e * self._scale for e in self._edges))

    def _add_group(self, key: Key, counters: Counters) -> None:
        times_s: Floats = reduce(np.intersect1d, [times for times, _ in counters.values()])
        if key not in self._last:
            first = {edge: value_at(times, values, self._begin_s) for edge, (times, values) in counters.items()}
            self._last[key] = (self._begin_s, first)
        last_s, before = self._last[key]
        fresh = times_s[times_s > last_s]
        if not fresh.size:
            return
        values = {
            edge: np.concatenate([[before.get(edge, 0.0)], each]) for edge, each in _values_at(counters, fresh).items()
        }
        self._counts += self._disjoint(_grown(values))
        self._last[key] = (float(fresh[-1]), {edge: float(each[-1]) for edge, each in values.items()})

    def _disjoint(self, grown: Mapping[float, float]) -> Floats:
        """Growth of each bucket, from the growth up to each edge."""
        own = sorted(grown)
        below = [max((edge for edge in own if edge <= wanted), default=None) for wanted in self._edges]
        up_to = np.array([0.0, *(grown[edge] if edge is not None else 0.0 for edge in below), grown[math.inf]])
        return np.diff(np.maximum.accumulate(up_to))

    def _shared(self, groups: Sequence[Counters]) -> tuple[float, ...]:
        """The finite edges that all groups have, rising: of those that were there at the begin, or of all."""
        old = [group for group in groups if (group[math.inf][0] <= self._begin_s).any()]
        edges = set.intersection(*({edge for edge in group if math.isfinite(edge)} for group in old or groups))
        return tuple(sorted(edges))


def _grown(values: Mapping[float, Floats]) -> dict[float, float]:
    """How much each counter grew; where the count of all falls, all of them began again."""
    has_fallen = np.diff(values[math.inf]) < 0
    total = float(growth(values[math.inf]).sum())
    steps = {edge: np.where(has_fallen, each[1:], np.maximum(np.diff(each), 0.0)) for edge, each in values.items()}
    return {edge: min(float(step.sum()), total) for edge, step in steps.items()}


def _values_at(counters: Counters, times_s: Floats) -> dict[float, Floats]:
    return {edge: values[np.searchsorted(times, times_s)] for edge, (times, values) in counters.items()}


def _edge(series: Series) -> float:
    try:
        return float(series.tags[EDGE_LABEL])
    except (KeyError, ValueError):
        return math.nan


def on_common_edges(one: Histogram, other: Histogram) -> tuple[Histogram, Histogram]:
    """Both histograms on the edges that both have, so that they can be compared; without any, both as they are."""
    common = tuple(edge for edge in one.edges if edge in set(other.edges))
    return (_coarser(one, common), _coarser(other, common)) if common else (one, other)


def _coarser(histogram: Histogram, edges: tuple[float, ...]) -> Histogram:
    place = np.searchsorted(edges, [*histogram.edges, math.inf])
    counts = np.bincount(place, weights=histogram.buckets, minlength=len(edges) + 1)
    return Histogram(tuple(round(count) for count in counts), edges)
