"""One canary under the threshold judge: fixed bounds on what the looks show, counted as another system counts."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from canary.config import CanaryConfig
from canary.errors import CanaryError
from canary.faults import fault_of
from canary.judgment import Judgment, MetricResult, Verdict
from canary.looks import LATENCY, Look
from canary.samples import Lacking
from canary.threshold.config import ArgoRules, FlaggerRules, Measure, WithoutTraffic
from canary.threshold.recent import Recent
from canary.threshold.schedule import AnyMetric, ArgoSchedule, FlaggerSchedule, Outcome, Schedule, Standing
from canary.threshold.values import Value
from canary.ticks import Tick, Ticker

_FOR_GOOD: Final = frozenset({Verdict.FAIL, Verdict.ERROR})
_PER_HUNDRED: Final = {Measure.ERROR_PERCENT: 0.01, Measure.SUCCESS_PERCENT: 0.01}


class ThresholdSession:
    """One canary under the threshold judge, fed look by look.

    It has no evidence, and so no error rates: what it says is right as often as its bounds and limits are. Of the
    general settings it follows `duration`, `warm_up` and `interval`, the time between two looks. A look that cannot be
    used is a measurement that ended in an error, as a failed query is.
    """

    def __init__(self, config: CanaryConfig) -> None:
        rules = config.threshold
        if rules is None:
            raise CanaryError(
                "the threshold judge has no bounds", why="`threshold` is not given", mend="add `threshold:` with rules"
            )
        self._config = config
        self._schedule = _schedule(rules, config)
        without = rules.without_traffic if isinstance(rules, ArgoRules) else WithoutTraffic.NAN
        self._recent = Recent(rules.metrics, without)
        self._ticker = Ticker(list(dict.fromkeys(metric.metric for metric in rules.metrics)))
        self._values: dict[str, tuple[Value, Value]] = {}
        self._began: datetime | None = None
        self._now_s = 0.0
        self._step_began_s = 0.0
        self._last: Look | None = None
        self._judgment: Judgment | None = None
        self._looks = 0
        self._requests = [0, 0]

    def add(self, look: Look) -> Judgment:
        """The judgment with `look` taken in; giving the last look again changes nothing."""
        if self._judgment is not None and (look == self._last or self._judgment.verdict in _FOR_GOOD):
            return self._judgment
        fault = fault_of(look) or self._fault_after_last(look)
        self._looks += 1
        self._tell_time(look)
        if fault:
            broken = Lacking("unusable look", f"a look at the traffic is not usable: {fault}")
            self._schedule.step(self._now_s, lambda _: broken)
        else:
            tick, self._last = self._ticker.add(look), look
            if tick is not None:
                self._take(tick)
            self._measure()
        if self._is_past():
            self._schedule.terminate()
        self._judgment = self._judged(self._schedule.outcome())
        return self._judgment

    def _tell_time(self, look: Look) -> None:
        """Sets the clock by a look, unless its own is broken; it never goes back."""
        if not isinstance(look.at, datetime) or look.at.utcoffset() != timedelta(0):
            return
        self._began = self._began or look.at
        self._now_s = max(self._now_s, (look.at - self._began).total_seconds())

    def _take(self, tick: Tick) -> None:
        self._requests[0] += tick.requests_baseline
        self._requests[1] += tick.requests_canary
        self._recent.add(self._now_s, tick)
        if tick.opens_step:
            self._step_began_s = self._now_s
            self._schedule.begin_step(self._now_s)

    def _measure(self) -> None:
        if self._now_s > 0 and self._now_s <= self._config.warm_up.total_seconds():
            return
        self._schedule.step(self._now_s, self._value_of if len(self._recent) else None)

    def _value_of(self, metric: AnyMetric) -> Value:
        held, baseline, canary = self._recent.measure(metric)
        self._values[metric.name] = baseline, canary
        return held

    def _is_past(self) -> bool:
        return self._now_s - self._step_began_s >= self._config.duration.total_seconds()

    def _fault_after_last(self, look: Look) -> str:
        if self._last is None or look.at > self._last.at:
            return ""
        return f"it is from {look.at:%H:%M:%S}, not after the last one"

    def _judged(self, outcome: Outcome) -> Judgment:
        return Judgment(
            verdict=outcome.verdict,
            reason=outcome.reason,
            decided_by=outcome.decided_by,
            looks=self._looks,
            elapsed_s=self._now_s,
            requests_baseline=self._requests[0],
            requests_canary=self._requests[1],
            metrics=tuple(map(self._result, outcome.standings)),
            more_requests=None,
            more_minutes=None,
            is_final=outcome.is_final or self._is_past(),
        )

    def _result(self, standing: Standing) -> MetricResult:
        metric = standing.metric
        values = self._values.get(metric.name, (math.nan, math.nan))
        baseline, canary = (_finite(each, _PER_HUNDRED.get(metric.measure, 1.0)) for each in values)
        return MetricResult(
            name=metric.name,
            kind=metric.measure,
            role="signal" if getattr(metric, "dry_run", False) else "guardrail",
            verdict=standing.verdict,
            outcome=standing.value.outcome if isinstance(standing.value, Lacking) else "ok",
            sentence=standing.sentence,
            effect=canary / baseline if baseline and canary is not None else None,
            low=None,
            high=None,
            unit="ratio",
            log_evidence_harm=0.0,
            log_limit_harm=0.0,
            log_evidence_safe=0.0,
            log_limit_safe=0.0,
            dispersion=1.0,
            baseline_value=baseline,
            canary_value=canary,
            looks=max(self._looks - 1, 0),
            size_baseline=self._requests[0],
            size_canary=self._requests[1],
        )


def _schedule(rules: ArgoRules | FlaggerRules, config: CanaryConfig) -> Schedule:
    slack_s = config.interval.total_seconds() / 2
    if isinstance(rules, ArgoRules):
        return ArgoSchedule(rules, _units(config), slack_s)
    return FlaggerSchedule(rules, _units(config), slack_s)


def _units(config: CanaryConfig) -> Mapping[str, str]:
    return {LATENCY: "ms", **{metric.name: metric.unit for metric in config.metrics if metric.unit}}


def _finite(value: Value, factor: float) -> float | None:
    return value * factor if not isinstance(value, Lacking) and math.isfinite(value) else None
