"""One canary under Kayenta's judge, fed look by look."""

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import starmap
from typing import Any, Final

import numpy as np

from canary.config import CanaryConfig, KayentaSettings, MetricConfig, MetricKind
from canary.durations import format_duration
from canary.faults import fault_of
from canary.judgment import Judgment, MetricResult, Verdict
from canary.kayenta.compat import Compat
from canary.kayenta.config import KayentaConfig, KayentaThresholds
from canary.kayenta.judge import judge
from canary.kayenta.request import KayentaRequest, MetricSetPair
from canary.kayenta.result import AnalysisResult, Classification, JudgeResult
from canary.looks import Look
from canary.samples import Sample
from canary.threshold.config import Measure, Measured
from canary.threshold.values import total_of, value_of
from canary.ticks import Pair, Tick, Ticker

#: What a metric's samples are made into for one point of its series.
_MEASURES: Final = {
    MetricKind.COUNTS: Measure.ERROR_SHARE,
    MetricKind.EVENTS: Measure.PER_SECOND,
    MetricKind.MEAN: Measure.MEAN,
    MetricKind.GAUGE: Measure.MEAN,
}
_FAILED: Final = frozenset({Classification.HIGH, Classification.LOW, Classification.NODATA_FAIL})
_JUDGED: Final = frozenset({Classification.PASS, Classification.HIGH, Classification.LOW})


class KayentaSession:
    """One canary under Kayenta's judge.

    Looks become series with a point each `step`: shares of counts, means, and of a histogram each protected quantile
    (an estimate, linear within its bucket) as a pair of its own, told apart by the tag `quantile`. As Kayenta's stage
    does, each analysis takes all points so far; a score of `marginal` or less fails at once, and the last must reach
    `pass`. One rule is not Kayenta's: where no metric had data, nothing passes.

    Raises:
        CanaryError: from `add`, when Kayenta would fail the whole analysis, such as for an option of a wrong type.
    """

    def __init__(self, config: CanaryConfig) -> None:
        self._config, self._settings = config, config.kayenta or KayentaSettings()
        self._kayenta = KayentaConfig.model_validate(self._settings.config or _made_of(config.metrics))
        self._ticker = Ticker([metric.name for metric in config.metrics])
        self._series = _Series(config.metrics, self._settings.step)
        self._first: Look | None = None
        self._last: Look | None = None
        self._judgment: Judgment | None = None
        self._looks, self._requests = 0, [0, 0]
        self._elapsed, self._analysed = timedelta(0), 0

    def add(self, look: Look) -> Judgment:
        """The judgment with `look` taken in; giving the last look again changes nothing."""
        if self._judgment is not None and (look == self._last or self._judgment.verdict in _FOR_GOOD):
            return self._judgment
        self._looks += 1
        if fault := fault_of(look) or self._fault_after_last(look):
            reason = f"A look at the traffic is not usable: {fault}."
            self._judgment = self._judged(Verdict.ERROR, reason, (), is_final=True)
            return self._judgment
        tick = self._ticker.add(look)
        self._first, self._last = self._first or look, look
        if tick is not None and look.at - self._first.at > self._config.warm_up:
            self._take(tick)
        self._judgment = self._judge()
        return self._judgment

    def _take(self, tick: Tick) -> None:
        if tick.opens_step:
            self._series = _Series(self._config.metrics, self._settings.step)
            self._elapsed, self._analysed = timedelta(0), 0
        self._requests[0] += tick.requests_baseline
        self._requests[1] += tick.requests_canary
        self._series.add(tick)
        self._elapsed += timedelta(seconds=tick.seconds)

    def _fault_after_last(self, look: Look) -> str:
        if self._last is None or look.at > self._last.at:
            return ""
        return f"it is from {look.at:%H:%M:%S}, not after the last one"

    def _judge(self) -> Judgment:
        duration = self._config.duration
        interval = min(self._settings.analysis_interval or duration, duration)
        is_last = self._elapsed >= duration
        due = self._elapsed // interval
        if due <= self._analysed and not (is_last and self._analysed == 0):
            if self._judgment is not None and self._analysed:
                return self._judged(
                    self._judgment.verdict, self._judgment.reason, self._judgment.metrics, is_final=is_last
                )
            reason = f"Kayenta's judge compares once {format_duration(interval)} of points are there."
            return self._judged(Verdict.INCONCLUSIVE, reason, (), is_final=False)
        self._analysed = due
        return self._analysis(is_last=is_last)

    def _analysis(self, *, is_last: bool) -> Judgment:
        names = {metric.name for metric in self._kayenta.metrics}
        pairs = tuple(pair for pair in self._series.pairs() if pair.name in names)
        limits = self._settings.thresholds
        thresholds = KayentaThresholds.model_validate({"pass": limits.passing, "marginal": limits.marginal})
        result = judge(KayentaRequest(self._kayenta, thresholds, pairs), compat=Compat(self._settings.compat))
        metrics = tuple(self._result(each) for each in result.results)
        score = f"Kayenta's score is {result.score.score:g}, of {limits.passing:g} to pass"
        why = result.score.reason or "; ".join(each.reason for each in result.results if each.reason)
        reason = f"{score}{f' ({why})' if why else ''}."
        has_data = any(starmap(_has_data, zip(result.results, pairs, strict=True)))
        verdict = _verdict(result, limits.marginal, is_last=is_last) if has_data else Verdict.INCONCLUSIVE
        return self._judged(verdict, reason if has_data else _NO_DATA, metrics, is_final=is_last)

    def _result(self, found: AnalysisResult) -> MetricResult:
        kinds = {metric.name: metric.kind_in_use for metric in self._config.metrics}
        quantile = (found.tags or {}).get("quantile")
        ratio = found.ratio if found.ratio is not None and math.isfinite(found.ratio) else None
        sentence = found.reason or f"{found.name} was classified as {found.classification}"
        return MetricResult(
            name=f"{found.name} p{100 * float(quantile):g}" if quantile else found.name,
            kind=kinds[found.name],
            role="signal" if found.is_muted else "guardrail",
            verdict=_verdict_of(found),
            outcome="no data" if found.classification in _LACKING else "ok",
            sentence=f"{sentence}.",
            effect=ratio,
            low=None,
            high=None,
            unit="ratio of means",
            log_evidence_harm=0.0,
            log_limit_harm=0.0,
            log_evidence_safe=0.0,
            log_limit_safe=0.0,
            dispersion=1.0,
            baseline_value=_mean(found.control.count, found.control.mean),
            canary_value=_mean(found.experiment.count, found.experiment.mean),
            looks=self._looks - 1,
            size_baseline=found.control.count,
            size_canary=found.experiment.count,
        )

    def _judged(self, verdict: Verdict, reason: str, metrics: tuple[MetricResult, ...], *, is_final: bool) -> Judgment:
        failed = next((each.name for each in metrics if each.verdict is Verdict.FAIL), "")
        elapsed = self._last.at - self._first.at if self._first is not None and self._last is not None else timedelta(0)
        return Judgment(
            verdict=verdict,
            reason=reason,
            decided_by=failed if verdict is Verdict.FAIL else "",
            looks=self._looks,
            elapsed_s=elapsed.total_seconds(),
            requests_baseline=self._requests[0],
            requests_canary=self._requests[1],
            metrics=metrics,
            more_requests=None,
            more_minutes=None,
            is_final=is_final or verdict in _FOR_GOOD,
        )


_FOR_GOOD: Final = frozenset({Verdict.FAIL, Verdict.ERROR})
_NO_DATA: Final = "No metric had data on both sides, so there is nothing to compare."
_LACKING: Final = frozenset({Classification.NODATA, Classification.NODATA_FAIL})


class _Series:
    """A point each step and metric, of both sides."""

    def __init__(self, metrics: tuple[MetricConfig, ...], step: timedelta) -> None:
        self._metrics, self._step_s = metrics, step.total_seconds()
        self._elapsed_s = 0.0
        self._points: dict[str, dict[int, list[Pair]]] = {metric.name: {} for metric in metrics}

    def add(self, tick: Tick) -> None:
        """Takes in one tick; it belongs to the point in which it begins."""
        point = int(self._elapsed_s / self._step_s + 1e-9)
        self._elapsed_s += tick.seconds
        for name, pair in tick.metrics.items():
            if isinstance(pair, Pair):
                self._points[name].setdefault(point, []).append(pair)

    def pairs(self) -> Iterator[MetricSetPair]:
        """Both sides' series of each metric, NaN where a point has no value."""
        for metric in self._metrics:
            for measured, tags in _measured(metric):
                control, experiment = (self._values(measured, is_canary) for is_canary in (False, True))
                yield MetricSetPair(metric.name, control, experiment, id=None, tags=tags)

    def _values(self, measured: Measured, is_canary: bool) -> Any:
        count = math.ceil(self._elapsed_s / self._step_s - 1e-9)
        values = np.full(count, math.nan)
        for point, pairs in self._points[measured.metric].items():
            samples: list[Sample] = [pair.canary if is_canary else pair.baseline for pair in pairs]
            value = value_of(total_of(samples), measured, self._step_s)
            if isinstance(value, float) and point < count:
                values[point] = value
        return values


def _measured(metric: MetricConfig) -> Iterator[tuple[Measured, dict[str, str]]]:
    if metric.kind_in_use is not MetricKind.HISTOGRAM:
        yield Measured(name=metric.name, metric=metric.name, measure=_MEASURES[metric.kind_in_use]), {}
        return
    for quantile in metric.protect:
        measured = Measured(name=metric.name, metric=metric.name, measure=Measure.QUANTILE, quantile=quantile)
        yield measured, {"quantile": f"{quantile:g}"}


def _made_of(metrics: tuple[MetricConfig, ...]) -> Mapping[str, Any]:
    """A canary config of the metrics: each in a group of its own, weights alike, failed by harm's direction."""
    return {
        "metrics": [
            {
                "name": metric.name,
                "groups": [metric.name],
                "analysisConfigurations": {"canary": {"direction": metric.direction.value}},
            }
            for metric in metrics
        ],
        "classifier": {"groupWeights": {}},
    }


def _verdict(result: JudgeResult, marginal: float, *, is_last: bool) -> Verdict:
    if result.score.score <= marginal:
        return Verdict.FAIL
    if not is_last:
        return Verdict.INCONCLUSIVE
    return Verdict.PASS if result.score.classification == "Pass" else Verdict.FAIL


def _has_data(found: AnalysisResult, pair: MetricSetPair) -> bool:
    """Whether both sides had points, before NaN was replaced by anything, and were compared and count."""
    is_seen = bool(np.isfinite(pair.control).any() and np.isfinite(pair.experiment).any())
    return is_seen and found.classification in _JUDGED and not found.is_muted


def _verdict_of(found: AnalysisResult) -> Verdict:
    if found.classification is Classification.PASS:
        return Verdict.PASS
    if found.classification in _FAILED:
        return Verdict.FAIL
    return Verdict.ERROR if found.classification is Classification.ERROR else Verdict.INCONCLUSIVE


def _mean(count: int, mean: float) -> float | None:
    return mean if count and math.isfinite(mean) else None
