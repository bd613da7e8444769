"""The contract of metrics under the sequential judge: all of one kind are watched together, in a panel."""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from canary import wording
from canary.config import CanaryConfig, MetricConfig
from canary.judgment import MetricResult, Verdict
from canary.samples import Lacking
from canary.sequential.forecast import Need, need
from canary.sequential.intervals import Interval
from canary.ticks import Tick


class Panel(Protocol):
    """Metrics of one kind, watched together tick by tick.

    A panel is made by `Panel(metrics, config, is_stepped=...)`: its metrics in their order, the whole configuration,
    and whether a ramp is watched. It reads `tick.metrics[name]` of each of its metrics: a `Pair` of samples of its
    kind, or a `Lacking`, in which case that metric's evidence stays as it is and the others go on.
    """

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick: safety starts anew, a fresh part of harm begins."""

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""

    def readings(self) -> tuple["Reading", ...]:
        """What each metric says by now, in the order of the metrics."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's evidence and what it is about.

    Args:
        subject: what is compared, such as `Error rate`.
        comparison: both sides' values in words; `""` while one side has no data.
        baseline: the baseline's value in the metric's unit; None without data.
        canary: the same of the canary.
        interval: the effect of the canary against the baseline, with its confidence sequence.
        log_harm: natural logarithm of the evidence for harm.
        log_safe: natural logarithm of the evidence for safety.
        dispersion: variance against independent requests.
        sizes: observations of baseline and canary so far.
        unit: what the effect is, such as `odds ratio`.
        threshold: for a histogram, the bucket edge it is about.
        safe_means: what certified safe means, in words.
        lacking: why the last look showed nothing of it, if it did not.
        is_weak: whether it is too weak to roll back alone, such as a gauge of one pod.
    """

    subject: str
    comparison: str
    baseline: float | None
    canary: float | None
    interval: Interval
    log_harm: float
    log_safe: float
    dispersion: float
    sizes: tuple[int, int] = (0, 0)
    unit: str = "odds ratio"
    threshold: float | None = None
    safe_means: str = ""
    lacking: Lacking | None = None
    is_weak: bool = False


class Limits(NamedTuple):
    """What evidence has to pass; worked out once, as it is for all metrics together.

    Args:
        alpha_of_weight: what a metric of weight 1 may spend of alpha.
        log_safe: natural logarithm of the limit of the evidence for safety.
    """

    alpha_of_weight: float
    log_safe: float

    @classmethod
    def of(cls, config: CanaryConfig) -> "Limits":
        """The limits under a configuration."""
        return cls(config.alpha / sum(metric.weight for metric in config.metrics), -math.log(config.beta))

    def log_harm(self, metric: MetricConfig) -> float:
        """Natural logarithm of the limit of a metric's evidence for harm."""
        return -math.log(self.alpha_of_weight * metric.weight)


def result_of(reading: Reading, metric: MetricConfig, limits: Limits, looks: int) -> MetricResult:
    """The result of a metric: harm before safety, and neither before either limit is passed."""
    log_limit_harm, log_limit_safe = limits.log_harm(metric), limits.log_safe
    if reading.log_harm >= log_limit_harm:
        verdict = Verdict.FAIL
    elif reading.lacking is not None and reading.lacking.outcome not in _MAY_COME:
        verdict = Verdict.ERROR
    elif reading.lacking is None and reading.log_safe >= log_limit_safe:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.INCONCLUSIVE
    rates = (reading.baseline or 0.0, reading.canary or 0.0)
    missing = (log_limit_harm - max(reading.log_harm, 0.0), log_limit_safe - max(reading.log_safe, 0.0))
    more = need(metric, reading.sizes, rates, reading.dispersion, missing)
    return MetricResult(
        name=metric.name,
        kind=metric.kind_in_use,
        role=metric.role,
        verdict=verdict,
        outcome=reading.lacking.outcome if reading.lacking is not None else "ok",
        sentence=_sentence(reading, verdict, metric, (log_limit_harm, log_limit_safe), more),
        effect=reading.interval.effect,
        low=reading.interval.low,
        high=reading.interval.high,
        unit=reading.unit,
        log_evidence_harm=reading.log_harm,
        log_limit_harm=log_limit_harm,
        log_evidence_safe=reading.log_safe,
        log_limit_safe=log_limit_safe,
        dispersion=reading.dispersion,
        baseline_value=reading.baseline,
        canary_value=reading.canary,
        looks=looks,
        size_baseline=reading.sizes[0],
        size_canary=reading.sizes[1],
        threshold=reading.threshold,
        is_weak=reading.is_weak,
        until_harm=more.until_harm,
        until_safe=more.until_safe,
    )


#: Lacks that end by waiting; any other has to be mended.
_MAY_COME = frozenset({"no data", "late", "no match", "unreachable", "autocorrelated"})


def _sentence(reading: Reading, verdict: Verdict, metric: MetricConfig, limits: tuple[float, float], more: Need) -> str:
    if reading.lacking is not None and verdict is not Verdict.FAIL:
        return f"{reading.subject} cannot be compared ({reading.lacking.outcome}): {reading.lacking.why}."
    if not reading.comparison:
        return f"{reading.subject} cannot be compared yet: one side has no data."
    effect = wording.between(reading.unit, reading.interval.low, reading.interval.high)
    harm, safe = wording.evidence(reading.log_harm), wording.evidence(reading.log_safe)
    harm_limit, safe_limit = map(wording.evidence, limits)
    match verdict:
        case Verdict.FAIL:
            return f"{reading.comparison} ({effect}); evidence {harm} passed the limit of {harm_limit}."
        case Verdict.PASS:
            bounds = reading.safe_means or safe_by_odds(metric)
            return f"{reading.comparison}: certified safe ({bounds}); evidence {safe} passed the limit of {safe_limit}."
        case _:
            return (
                f"{reading.comparison} ({effect}); evidence for harm is {harm} of the {harm_limit} that fail it, "
                f"for safety {safe} of the {safe_limit} that pass it.{_needed(metric, more)}"
            )


def _needed(metric: MetricConfig, more: Need) -> str:
    """How much more is needed, in words; `""` where it is not known."""
    if more.until_safe is None:
        return ""
    certified = f"about {more.until_safe:,} more requests a side until safety can be certified"
    if more.until_harm is None:
        return f" It takes {certified}."
    seen = f"about {more.until_harm:,} until harm of odds ratio {metric.margin:g} would be seen"
    return f" It takes {certified}, {seen}."


def safe_by_odds(metric: MetricConfig) -> str:
    """What certified safe means where odds ratios are compared."""
    bounds = f"odds ratio below {metric.margin:g}"
    return f"{bounds} or a share below {wording.percent(metric.negligible)}" if metric.negligible else bounds
