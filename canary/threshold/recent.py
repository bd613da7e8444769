"""What metrics showed of late: the part of all ticks that a measurement looks back at."""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from canary.samples import NO_DATA, Lacking, Sample
from canary.threshold.config import ArgoMetric, FlaggerMetric, Measured, WithoutTraffic
from canary.threshold.values import Value, compared, total_of, value_of, without_requests
from canary.ticks import Pair, Tick

_WAITS: Final = Lacking(NO_DATA, "it has not been seen yet")


def window_of(metric: ArgoMetric | FlaggerMetric) -> timedelta | None:
    """How far a measurement of a metric looks back; None for all that there is."""
    if metric.window is None and isinstance(metric, ArgoMetric):
        return metric.interval
    return metric.window


class Recent:
    """Ticks of late, as a metric store would still answer for them.

    Args:
        metrics: what will be measured; ticks older than the longest look back are forgotten.
        without_traffic: what a side without requests gives where a share, a mean or a quantile is asked for.
    """

    def __init__(self, metrics: Sequence[ArgoMetric | FlaggerMetric], without_traffic: WithoutTraffic) -> None:
        self._without_traffic = without_traffic
        windows = [window_of(metric) for metric in metrics]
        self._longest_s = max((each.total_seconds() for each in windows if each is not None), default=0.0)
        self._keeps_all = None in windows
        self._ticks: deque[tuple[float, Tick]] = deque()

    def __len__(self) -> int:
        return len(self._ticks)

    def add(self, at_s: float, tick: Tick) -> None:
        """Takes in the tick that ended `at_s` seconds after the first look."""
        self._ticks.append((at_s, tick))
        while not self._keeps_all and self._ticks[0][0] <= at_s - self._longest_s and len(self._ticks) > 1:
            self._ticks.popleft()

    def measure(self, metric: ArgoMetric | FlaggerMetric) -> tuple[Value, Value, Value]:
        """What is held against the bound now, and of which values it was made: the baseline's and the canary's."""
        ticks = self._within(window_of(metric))
        shown = [tick.metrics.get(metric.metric, _WAITS) for tick in ticks]
        last, pairs = shown[-1] if shown else _WAITS, [each for each in shown if isinstance(each, Pair)]
        if isinstance(last, Lacking) and (last.outcome != NO_DATA or not pairs):
            return last, last, last
        seconds = sum(tick.seconds for tick in ticks)
        baseline = self._value([pair.baseline for pair in pairs], metric, seconds, "baseline")
        canary = self._value([pair.canary for pair in pairs], metric, seconds, "canary")
        return compared(baseline, canary, metric), baseline, canary

    def _within(self, window: timedelta | None) -> list[Tick]:
        """The ticks that ended within the window, the last one in any case."""
        if not self._ticks:
            return []
        if window is None:
            return [tick for _, tick in self._ticks]
        begin_s = self._ticks[-1][0] - window.total_seconds()
        return [tick for at_s, tick in self._ticks if at_s > begin_s] or [self._ticks[-1][1]]

    def _value(self, samples: Sequence[Sample], metric: Measured, seconds: float, side: str) -> Value:
        total = total_of(samples)
        if self._without_traffic is WithoutTraffic.EMPTY and without_requests(total):
            return Lacking(NO_DATA, f"the {side} had no requests")
        return value_of(total, metric, seconds)
