"""How long requests take, or how large anything is, from bucketed histograms."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.looks import LATENCY
from canary.samples import Histogram, Lacking
from canary.sequential.intervals import Interval
from canary.sequential.metrics import Reading
from canary.sequential.protected import ProtectedEdges
from canary.sequential.shifts import ShiftEvidence, above
from canary.sequential.tilts import Floats
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


class _Shown(NamedTuple):
    """The edge that a reading is about, and its place among the protected ones (None where it has none)."""

    edge: int
    column: int | None


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
        log_harm, log_edges = self._shifts.log_harm(), self._shifts.log_edges()
        log_safe = self._protected.log_safe(self._shifts.log_weights, self._shifts.levels)
        dispersion, sizes = self._shifts.dispersion(), self._totals.sum(axis=2)
        readings = []
        for row, metric in enumerate(self._metrics):
            is_harm = bool(log_harm[row] >= -np.log(config.alpha_of(metric)))
            shown = self._shown(row, log_edges[row], log_safe[row], is_harm=is_harm)
            scatter = float(dispersion[row, shown.edge])
            above_edge = self._totals[:, row, shown.edge + 1 :].sum(axis=1)
            baseline, canary = (float(s / n) if n else None for s, n in zip(above_edge, sizes[:, row], strict=True))
            edge = float(self._edges[shown.edge])
            readings.append(
                Reading(
                    subject=_subject(metric),
                    comparison=_comparison(metric, baseline, canary, edge),
                    baseline=baseline,
                    canary=canary,
                    interval=self._interval(row, shown.column, scatter, config.beta),
                    log_harm=float(log_harm[row]),
                    log_safe=float(log_safe[row].min()) if self._protected.is_picked[row] else 0.0,
                    dispersion=scatter,
                    sizes=(int(sizes[0, row]), int(sizes[1, row])),
                    threshold=edge,
                    lacking=lacking.get(metric.name),
                )
            )
        return readings

    def _shown(self, row: int, log_edges: Floats, log_safe: Floats, *, is_harm: bool) -> _Shown:
        if not self._protected.is_picked[row]:
            return _Shown(int(np.argmax(log_edges)), None)
        picked = self._protected.edges[row]
        column = int(np.argmax(log_edges[picked]) if is_harm else np.argmin(log_safe))
        return _Shown(int(picked[column]), column)

    def _interval(self, row: int, column: int | None, dispersion: float, miss: float) -> Interval:
        if column is None:
            return _UNKNOWN
        effect, low, high = self._protected.interval(row, column, dispersion, miss)
        if not self._is_reversed or effect is None or low is None:
            return Interval(effect, low, high)
        return Interval(1 / effect, 1 / high if high is not None else 0.0, 1 / low if low > 0 else None)


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
