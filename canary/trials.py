"""Many canaries under the same traffic, judged side by side, to learn how a configuration behaves."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from canary.config import CanaryConfig, JudgeKind, MetricConfig, MetricKind, Role
from canary.errors import CanaryError
from canary.judgment import Verdict
from canary.looks import Look, Side
from canary.samples import NO_DATA, EventCount, Histogram, Lacking, Sample
from canary.sequential.error_rate import CountsPanel
from canary.sequential.estimates import Progress
from canary.sequential.latency import HistogramPanel
from canary.sequential.metrics import Limits, Panel, result_of
from canary.sequential.verdicts import decide
from canary.session import Session, start
from canary.simulation import BEGIN, EDGES_MS, Drawn, Floats, Load, Traffic
from canary.ticks import Pair, Tick

#: Told how many ticks are judged.
OnTick = Callable[[int], None]

#: What simulated traffic shows.
_PANELS: Final[Mapping[MetricKind, Callable[..., Panel]]] = {
    MetricKind.COUNTS: CountsPanel,
    MetricKind.HISTOGRAM: HistogramPanel,
}


class Served(NamedTuple):
    """One tick of all trials: its length in seconds, the canary's share of the traffic, what was served, and edges."""

    seconds: float
    share: float
    drawn: Drawn
    edges_ms: tuple[float, ...] = EDGES_MS


@dataclass(frozen=True, slots=True)
class Ends:
    """How trials ended.

    Args:
        minutes: from the first look to the verdict, of shape `(trials,)`; infinite where there was none.
        verdicts: each trial's verdict; INCONCLUSIVE where there was none.
    """

    minutes: Floats
    verdicts: tuple[Verdict, ...]

    def count(self, verdict: Verdict) -> int:
        """How many trials ended so."""
        return self.verdicts.count(verdict)

    def median_minutes(self, verdict: Verdict) -> float | None:
        """Minutes after which half of all trials had ended so; None where fewer did."""
        chosen = [each is verdict for each in self.verdicts]
        median = float(np.median(np.where(chosen, self.minutes, np.inf)))
        return median if math.isfinite(median) else None


def served(traffic: Traffic, config: CanaryConfig, trials: int, seed: int) -> Iterator[Served]:
    """Ticks of simulated traffic, one each interval of the configuration, until its deadline."""
    every_s, length_s = config.interval.total_seconds(), config.duration.total_seconds()
    load = Load(traffic, trials, length_s, seed)
    for number in range(ticks_of(config)):
        yield Served(every_s, traffic.share, load.tick(number * every_s, every_s))


def ticks_of(config: CanaryConfig) -> int:
    """How many ticks there are until the deadline."""
    return math.ceil(config.duration / config.interval)


def judged(config: CanaryConfig, ticks: Iterable[Served], trials: int, on_tick: OnTick = lambda done: None) -> Ends:
    """How each trial ends under a configuration: its first FAIL, PASS or ERROR until the deadline, as in a watch.

    Args:
        config: what to judge by. Metrics that simulated traffic does not show are left out, with their part of alpha.
        ticks: what was served, of `trials` canaries each.
        trials: how many canaries there are.
        on_tick: told after each tick.

    Raises:
        CanaryError: when no guardrail of the configuration is one that simulated traffic shows.
    """
    judge = _SideBySide(config, trials) if config.judge is JudgeKind.SEQUENTIAL else _OneByOne(config, trials)
    minutes, verdicts = np.full(trials, np.inf), [Verdict.INCONCLUSIVE] * trials
    still_open, elapsed_s = list(range(trials)), 0.0
    for done, tick in enumerate(ticks, start=1):
        elapsed_s += tick.seconds
        for trial, verdict in judge.add(tick, still_open).items():
            minutes[trial], verdicts[trial] = elapsed_s / 60, verdict
        still_open = [trial for trial in still_open if verdicts[trial] is Verdict.INCONCLUSIVE]
        on_tick(done)
        if not still_open or elapsed_s >= config.duration.total_seconds():
            break
    return Ends(minutes, tuple(verdicts))


def shown(config: CanaryConfig) -> tuple[MetricConfig, ...]:
    """The metrics that simulated traffic shows: counts, of its failing requests, and histograms, of its latencies."""
    return tuple(metric for metric in config.metrics if metric.kind_in_use in _PANELS)


class _SideBySide:
    """The sequential judge, each trial a metric of its panels, so that all are judged at once."""

    def __init__(self, config: CanaryConfig, trials: int) -> None:
        self._config, self._metrics, self._limits = config, _guarded(config), Limits.of(config)
        self._elapsed = timedelta(0)
        self._watched_s = 0.0
        self._requests = np.zeros((2, trials), np.int64)
        self._panels = {
            metric.name: _PANELS[metric.kind_in_use](_copies(metric, trials), config, is_stepped=False)
            for metric in self._metrics
        }

    def add(self, tick: Served, still_open: Sequence[int]) -> dict[int, Verdict]:
        """The verdicts that a tick brings, of the trials that are still open."""
        self._elapsed += timedelta(seconds=tick.seconds)
        if self._elapsed <= self._config.warm_up:
            return {}
        self._watched_s += tick.seconds
        self._requests += tick.drawn.requests
        for metric in self._metrics:
            self._panels[metric.name].add(_tick(tick, metric, self._requests.shape[1]))
        readings = {metric.name: self._panels[metric.name].readings() for metric in self._metrics}
        found: dict[int, Verdict] = {}
        for trial in still_open:
            results = [
                result_of(readings[metric.name][trial], metric, self._limits, looks=0) for metric in self._metrics
            ]
            progress = Progress(self._watched_s, *(int(count) for count in self._requests[:, trial]))
            verdict = decide(results, "", progress, self._config).verdict
            if verdict is not Verdict.INCONCLUSIVE:
                found[trial] = verdict
        return found


def _guarded(config: CanaryConfig) -> tuple[MetricConfig, ...]:
    metrics = shown(config)
    if not any(metric.role is Role.GUARDRAIL for metric in metrics):
        names = ", ".join(metric.name for metric in config.metrics)
        raise CanaryError(
            "no metric of these settings can be simulated",
            why=f"{names}: none is a guardrail of kind {' or '.join(_PANELS)}",
            mend="add error_rate or latency",
        )
    return metrics


def _copies(metric: MetricConfig, trials: int) -> tuple[MetricConfig, ...]:
    kind = metric.kind_in_use
    return tuple(metric.model_copy(update={"name": str(trial), "kind": kind}) for trial in range(trials))


def _tick(tick: Served, metric: MetricConfig, trials: int) -> Tick:
    """The tick as a panel of trials reads it; only its metrics are."""
    if metric.kind_in_use is MetricKind.HISTOGRAM and not tick.edges_ms:
        lacking = Lacking(NO_DATA, "the baseline does not show it")
        return Tick(tick.seconds, tick.share, False, 0, 0, {str(trial): lacking for trial in range(trials)})
    baseline, canary = (_samples(tick, side, metric) for side in (0, 1))
    pairs = {str(trial): Pair(*both) for trial, both in enumerate(zip(baseline, canary, strict=True))}
    return Tick(tick.seconds, tick.share, False, 0, 0, pairs)


def _samples(tick: Served, side: int, metric: MetricConfig) -> list[Sample]:
    if metric.kind_in_use is MetricKind.HISTOGRAM:
        return [Histogram(tuple(buckets), tick.edges_ms) for buckets in tick.drawn.latency[side].tolist()]
    drawn = tick.drawn
    counts = zip(drawn.errors[side].tolist(), drawn.requests[side].tolist(), strict=True)
    return [EventCount(errors, requests) for errors, requests in counts]


class _OneByOne:
    """Any judge, each trial a session of its own."""

    def __init__(self, config: CanaryConfig, trials: int) -> None:
        self._sessions: list[Session] = [start(config) for _ in range(trials)]
        self._at = BEGIN
        self._sums: Drawn | None = None

    def add(self, tick: Served, still_open: Sequence[int]) -> dict[int, Verdict]:
        """The verdicts that a tick brings, of the trials that are still open."""
        if self._sums is None:
            self._sums = Drawn(*(np.zeros_like(each) for each in tick.drawn))
            for trial, session in enumerate(self._sessions):
                session.add(_look(self._at, self._sums, trial, tick))
        self._at += timedelta(seconds=tick.seconds)
        self._sums = Drawn(*(before + grown for before, grown in zip(self._sums, tick.drawn, strict=True)))
        found: dict[int, Verdict] = {}
        for trial in still_open:
            verdict = self._sessions[trial].add(_look(self._at, self._sums, trial, tick)).verdict
            if verdict is not Verdict.INCONCLUSIVE:
                found[trial] = verdict
        return found


def _look(at: datetime, sums: Drawn, trial: int, tick: Served) -> Look:
    baseline, canary = (_side(sums, which, trial, tick.edges_ms) for which in (0, 1))
    return Look(at, baseline, canary, tick.share)


def _side(sums: Drawn, which: int, trial: int, edges_ms: tuple[float, ...]) -> Side:
    requests, errors, latency = (each[which, trial].tolist() for each in sums)
    return Side(requests, errors, tuple(latency) if edges_ms else (), edges_ms)
