"""From a metric's evidence to its result."""

import math
from dataclasses import dataclass
from typing import Protocol

from canary import wording
from canary.config import CanaryConfig, MetricConfig
from canary.judgment import MetricResult, Verdict
from canary.sequential.intervals import Interval
from canary.ticks import Tick


class MetricWatch(Protocol):
    """One metric, watched tick by tick."""

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""

    def result(self) -> MetricResult:
        """What the metric says by now."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's evidence and what it is about.

    Args:
        subject: what is compared, such as `Error rate`.
        comparison: both sides' values in words; `""` while one side has no data.
        baseline: share of the baseline's requests with the event; None without requests.
        canary: the same in the canary.
        interval: the odds ratio of the two.
        log_harm: natural logarithm of the evidence for harm.
        log_safe: natural logarithm of the evidence for safety.
        dispersion: variance against independent requests.
        threshold_ms: for latency, the bucket edge it is about.
    """

    subject: str
    comparison: str
    baseline: float | None
    canary: float | None
    interval: Interval
    log_harm: float
    log_safe: float
    dispersion: float
    threshold_ms: float | None = None


def result_of(reading: Reading, metric: MetricConfig, config: CanaryConfig) -> MetricResult:
    """The result of a metric: harm before safety, and neither before either limit is passed."""
    log_limit_harm, log_limit_safe = -math.log(config.alpha_of(metric)), -math.log(config.beta)
    if reading.log_harm >= log_limit_harm:
        verdict = Verdict.FAIL
    elif reading.log_safe >= log_limit_safe:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.INCONCLUSIVE
    return MetricResult(
        name=metric.name,
        verdict=verdict,
        sentence=_sentence(reading, verdict, metric, log_limit_harm, log_limit_safe),
        effect=reading.interval.effect,
        low=reading.interval.low,
        high=reading.interval.high,
        unit="odds ratio",
        log_evidence_harm=reading.log_harm,
        log_limit_harm=log_limit_harm,
        log_evidence_safe=reading.log_safe,
        log_limit_safe=log_limit_safe,
        dispersion=reading.dispersion,
        baseline_value=reading.baseline,
        canary_value=reading.canary,
        threshold_ms=reading.threshold_ms,
    )


def _sentence(reading: Reading, verdict: Verdict, metric: MetricConfig, log_harm_at: float, log_safe_at: float) -> str:
    if not reading.comparison:
        return f"{reading.subject} cannot be compared yet: one side has no data."
    odds = wording.odds(reading.interval.low, reading.interval.high)
    harm, safe = wording.evidence(reading.log_harm), wording.evidence(reading.log_safe)
    harm_limit, safe_limit = wording.evidence(log_harm_at), wording.evidence(log_safe_at)
    match verdict:
        case Verdict.FAIL:
            return f"{reading.comparison} ({odds}); evidence {harm} passed the limit of {harm_limit}."
        case Verdict.PASS:
            bounds = f"odds ratio below {metric.margin:g}"
            if metric.negligible:
                bounds += f" or a share below {wording.percent(metric.negligible)}"
            return f"{reading.comparison}: certified safe ({bounds}); evidence {safe} passed the limit of {safe_limit}."
        case _:
            return (
                f"{reading.comparison} ({odds}); evidence for harm is {harm} of the {harm_limit} that fail it, "
                f"for safety {safe} of the {safe_limit} that pass it."
            )
