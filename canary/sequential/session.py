"""One canary under the sequential judge: tests that stay right however often they are looked at."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from canary.config import CanaryConfig, MetricConfig, MetricKind
from canary.faults import fault_of
from canary.judgment import Judgment, MetricResult, Verdict
from canary.looks import Look
from canary.sequential.error_rate import CountsPanel
from canary.sequential.estimates import Progress, seconds_needed
from canary.sequential.events import EventPanel
from canary.sequential.gauges import GaugePanel
from canary.sequential.latency import HistogramPanel
from canary.sequential.means import MeanPanel
from canary.sequential.metrics import Limits, Panel, Reading, result_of
from canary.sequential.share import ShareWatch
from canary.sequential.verdicts import Decision, decide
from canary.ticks import Tick, Ticker

_PANELS: Final[Mapping[MetricKind, Callable[..., Panel]]] = {
    MetricKind.COUNTS: CountsPanel,
    MetricKind.EVENTS: EventPanel,
    MetricKind.HISTOGRAM: HistogramPanel,
    MetricKind.MEAN: MeanPanel,
    MetricKind.GAUGE: GaugePanel,
}
_FOR_GOOD: Final = frozenset({Verdict.FAIL, Verdict.ERROR})


class SequentialSession:
    """One canary under the sequential judge, fed look by look.

    FAIL and ERROR are for good. After a PASS, or past the deadline, more looks are still taken in, so that a ramp goes
    on being watched. Clock, minimum requests and safety evidence count from the beginning of the current step.
    """

    def __init__(self, config: CanaryConfig) -> None:
        self._config = config
        self._limits = Limits.of(config)
        self._panels: dict[MetricKind, Panel] = {}
        self._ticker = Ticker([metric.name for metric in config.metrics])
        self._share = ShareWatch()
        self._first: Look | None = None
        self._last: Look | None = None
        self._judgment: Judgment | None = None
        self._looks = 0
        self._requests = [0, 0]
        self._step = Progress(0.0, 0, 0)

    def add(self, look: Look) -> Judgment:
        """The judgment with `look` taken in; giving the last look again changes nothing."""
        if self._judgment is not None and (look == self._last or self._judgment.verdict in _FOR_GOOD):
            return self._judgment
        if fault := fault_of(look) or self._fault_after_last(look):
            known = self._judgment.metrics if self._judgment is not None else ()
            decision = Decision(Verdict.ERROR, f"A look at the traffic is not usable: {fault}.", "")
            self._looks += 1
            self._judgment = self._judged(decision, known)
            return self._judgment
        tick = self._ticker.add(look)
        if self._first is None:
            self._begin(look)
        elif tick is not None and look.at - self._first.at > self._config.warm_up:
            self._take(tick)
        self._last = look
        self._looks += 1
        self._judgment = self._judge()
        return self._judgment

    def _begin(self, look: Look) -> None:
        self._first = look
        for kind in dict.fromkeys(metric.kind_in_use for metric in self._config.metrics):
            self._panels[kind] = _PANELS[kind](self._of(kind), self._config, is_stepped=look.step != "")

    def _of(self, kind: MetricKind) -> tuple[MetricConfig, ...]:
        return tuple(metric for metric in self._config.metrics if metric.kind_in_use is kind)

    def _take(self, tick: Tick) -> None:
        if tick.opens_step:
            self._step = Progress(0.0, 0, 0)
            for panel in self._panels.values():
                panel.begin_step()
        self._requests[0] += tick.requests_baseline
        self._requests[1] += tick.requests_canary
        step = self._step
        self._step = Progress(
            step.elapsed_s + tick.seconds,
            step.requests_baseline + tick.requests_baseline,
            step.requests_canary + tick.requests_canary,
        )
        self._share.add(tick)
        for panel in self._panels.values():
            panel.add(tick)

    def _fault_after_last(self, look: Look) -> str:
        if self._last is None or look.at > self._last.at:
            return ""
        return f"it is from {look.at:%H:%M:%S}, not after the last one"

    def _judge(self) -> Judgment:
        readings: dict[str, Reading] = {}
        for kind, panel in self._panels.items():
            readings |= zip((metric.name for metric in self._of(kind)), panel.readings(), strict=True)
        results = tuple(
            result_of(readings[metric.name], metric, self._limits, self._looks - 1) for metric in self._config.metrics
        )
        return self._judged(decide(results, self._share.fault(), self._step, self._config), results)

    def _judged(self, decision: Decision, metrics: Sequence[MetricResult]) -> Judgment:
        is_open = decision.verdict is Verdict.INCONCLUSIVE
        seconds = seconds_needed(self._step, metrics, self._config) if is_open else None
        is_past = self._step.elapsed_s >= self._config.duration.total_seconds()
        per_second = self._step.requests / self._step.elapsed_s if self._step.elapsed_s > 0 else 0.0
        elapsed = self._last.at - self._first.at if self._first is not None and self._last is not None else None
        return Judgment(
            verdict=decision.verdict,
            reason=decision.reason,
            decided_by=decision.decided_by,
            looks=self._looks,
            elapsed_s=elapsed.total_seconds() if elapsed is not None else 0.0,
            requests_baseline=self._requests[0],
            requests_canary=self._requests[1],
            metrics=tuple(metrics),
            more_requests=round(seconds * per_second) if seconds is not None else None,
            more_minutes=seconds / 60 if seconds is not None else None,
            is_final=not is_open or is_past,
            culprits=decision.culprits,
        )
