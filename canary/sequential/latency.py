"""How long requests take, or how large anything is, from bucketed histograms."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.looks import LATENCY
from canary.samples import Histogram, Lacking
from canary.sequential.intervals import Interval
from canary.sequential.metrics import Reading
from canary.sequential.protected import Integers, Intervals, ProtectedEdges
from canary.sequential.shifts import ShiftEvidence, above
from canary.sequential.tilts import Chosen, Floats
from canary.ticks import Pair, Tick
from canary.wording import percent


class HistogramPanel:
    """Watches the share of requests above every bucket edge, and the whole distribution by ranks.

    Metrics of the same edges and settings are stacked, so that thousands are a few array operations.
    """

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metrics, self._config, self._is_stepped = metrics, config, is_stepped
        self._stacks: list[_Stack] = []
        self._places: dict[str, tuple[_Stack, int]] = {}
        self._lacking: dict[str, Lacking] = {}

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        for stack in self._stacks:
            stack.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        pairs: dict[str, tuple[Histogram, Histogram]] = {}
        for metric in self._metrics:
            pair = _histograms(tick.metrics[metric.name])
            if isinstance(pair, Lacking):
                self._lacking[metric.name] = pair
            else:
                self._lacking.pop(metric.name, None)
                pairs[metric.name] = pair
        self._stack_new([metric for metric in self._metrics if metric.name in pairs], pairs)
        for stack in self._stacks:
            stack.add(pairs)

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        told = {id(stack): stack.readings(self._config, self._lacking) for stack in self._stacks}
        readings = []
        for metric in self._metrics:
            if metric.name in self._places:
                stack, row = self._places[metric.name]
                readings.append(told[id(stack)][row])
            else:
                unseen = self._lacking.get(metric.name)
                readings.append(Reading(_subject(metric), "", None, None, _UNKNOWN, 0.0, 0.0, 1.0, lacking=unseen))
        return tuple(readings)

    def _stack_new(self, metrics: Sequence[MetricConfig], pairs: dict[str, tuple[Histogram, Histogram]]) -> None:
        stacks: dict[tuple[object, ...], list[MetricConfig]] = {}
        for metric in metrics:
            if metric.name not in self._places:
                stacks.setdefault((pairs[metric.name][0].edges, *_settings(metric)), []).append(metric)
        for members in stacks.values():
            edges = pairs[members[0].name][0].edges
            stack = _Stack(members, edges, is_stepped=self._is_stepped)
            self._stacks.append(stack)
            self._places |= {metric.name: (stack, row) for row, metric in enumerate(members)}


def _settings(metric: MetricConfig) -> tuple[object, ...]:
    """What metrics must have in common to be stacked."""
    return metric.tolerance, metric.margin, metric.negligible, metric.protect, metric.dispersion, metric.direction


def _histograms(pair: Pair | Lacking) -> tuple[Histogram, Histogram] | Lacking:
    if isinstance(pair, Lacking):
        return pair
    if isinstance(pair.baseline, Histogram) and isinstance(pair.canary, Histogram):
        return pair.baseline, pair.canary
    return Lacking("wrong kind", "its source does not give a histogram")


_UNKNOWN = Interval(None, None, None)


class _Stack:
    """Metrics of the same edges and settings."""

    def __init__(self, metrics: Sequence[MetricConfig], edges: tuple[float, ...], *, is_stepped: bool) -> None:
        self._metrics, self._edges = metrics, edges
        first, size = metrics[0], len(metrics)
        self._is_reversed = first.direction is Direction.DECREASE
        self._shifts = ShiftEvidence(size, edges, first.tolerance, first.dispersion, is_stepped=is_stepped)
        self._protected = ProtectedEdges(size, len(edges), first)
        self._totals = np.zeros((2, size, len(edges) + 1))

    def begin_step(self) -> None:
        self._shifts.begin_step()
        self._protected.begin_step()

    def add(self, pairs: dict[str, tuple[Histogram, Histogram]]) -> None:
        nothing = (0,) * (len(self._edges) + 1)
        rows = [pairs.get(metric.name) for metric in self._metrics]
        baseline = np.array([pair[0].buckets if pair else nothing for pair in rows], dtype=float)
        canary = np.array([pair[1].buckets if pair else nothing for pair in rows], dtype=float)
        self.take(baseline, canary)

    def take(self, baseline: Floats, canary: Floats) -> None:
        # Where less is harm, the sides change places: then the baseline's requests must not be above the canary's.
        one, other = (canary, baseline) if self._is_reversed else (baseline, canary)
        self._shifts.add(one, other)
        self._protected.add(*above(one), *above(other))
        self._totals += (baseline, canary)
        self._protected.pick(self._totals[0])

    def readings(self, config: CanaryConfig, lacking: dict[str, Lacking]) -> list[Reading]:
        log_harm = self._shifts.log_harm()
        log_safe = self._protected.log_safe(self._shifts.log_weights(), self._shifts.levels)
        first, weights = self._metrics[0], np.array([metric.weight for metric in self._metrics])
        limits = -np.log(config.alpha_of(first) / first.weight * weights)
        shown, columns = self._shown(log_safe, log_harm >= limits)
        rows = np.arange(len(shown))
        dispersion = self._shifts.dispersion()[rows, shown]
        intervals = self._intervals(columns, dispersion, config.beta)
        over = self._totals[:, rows, ::-1].cumsum(axis=2)[:, rows, len(self._edges) - 1 - shown]
        safe = np.where(self._protected.is_picked, log_safe.min(axis=1), 0.0)
        sizes = self._totals.sum(axis=2)
        told = zip(log_harm, safe, dispersion, sizes.T, over.T, shown, strict=True)
        return [
            _reading(metric, self._edges[edge], interval, values, lacking.get(metric.name))
            for metric, interval, (*values, edge) in zip(self._metrics, intervals, told, strict=True)
        ]

    def _shown(self, log_safe: Floats, is_harm: Chosen) -> tuple[Integers, Integers]:
        """The edge that each reading is about, and its column among the protected ones."""
        picked, strongest = self._protected.edges, self._shifts.strongest()
        harmed = np.take_along_axis(strongest, picked, axis=1).argmax(axis=1)
        columns = np.where(is_harm, harmed, log_safe.argmin(axis=1))
        shown = picked[np.arange(len(picked)), columns]
        return np.where(self._protected.is_picked, shown, strongest.argmax(axis=1)), columns

    def _intervals(self, columns: Integers, dispersion: Floats, miss: float) -> list[Interval]:
        ends = self._protected.intervals(columns, dispersion, miss)
        if self._is_reversed:
            with np.errstate(divide="ignore"):
                ends = Intervals(1 / ends.effect, 1 / ends.high, 1 / ends.low)
        known = np.isfinite(ends.effect)
        return [
            Interval(float(effect), float(low), float(high) if np.isfinite(high) else None) if is_known else _UNKNOWN
            for effect, low, high, is_known in zip(*ends, known, strict=True)
        ]


def _reading(
    metric: MetricConfig, edge: float, interval: Interval, values: Sequence[Any], lacking: Lacking | None
) -> Reading:
    log_harm, log_safe, dispersion, sizes, over = values
    baseline, canary = (float(s / n) if n else None for s, n in zip(over, sizes, strict=True))
    return Reading(
        subject=_subject(metric),
        comparison=_comparison(metric, baseline, canary, edge),
        baseline=baseline,
        canary=canary,
        interval=interval,
        log_harm=float(log_harm),
        log_safe=float(log_safe),
        dispersion=float(dispersion),
        sizes=(int(sizes[0]), int(sizes[1])),
        threshold=float(edge),
        lacking=lacking,
    )


def _subject(metric: MetricConfig) -> str:
    return "Latency" if metric.name == LATENCY else metric.name


def _comparison(metric: MetricConfig, baseline: float | None, canary: float | None, edge: float) -> str:
    if baseline is None or canary is None:
        return ""
    if metric.name == LATENCY:
        shown = f"{percent(canary)} of the canary's requests take over {edge:g} {metric.unit or 'ms'}"
    else:
        over = f"{edge:g} {metric.unit}".rstrip()
        shown = f"{metric.name} of {percent(canary)} of the canary's requests is over {over}"
    return f"{shown} against {percent(baseline)} in the baseline"
