"""From the metrics' results to one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from canary.config import CanaryConfig, Role
from canary.durations import format_duration
from canary.judgment import MetricResult, Verdict
from canary.sequential.estimates import Progress
from canary.sequential.many import Combination, combine

#: What decides where the canary got another share of traffic than was set.
SAMPLE_RATIO: Final = "sample_ratio"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, why, the metric that decided (`""` when none did), and the metrics to name as worse."""

    verdict: Verdict
    reason: str
    decided_by: str
    culprits: tuple[str, ...] = ()


def decide(metrics: Sequence[MetricResult], share_fault: str, progress: Progress, config: CanaryConfig) -> Decision:
    """The verdict on one moment.

    Harm in a guardrail first, then a wrong split of traffic, then harm that only holds (a signal's, or of a metric too
    weak to fail a canary alone), then safety, which needs every guardrail: an intersection-union test, each at beta.
    """
    together = combine(metrics)
    if together.rolls_back:
        return _failed(metrics, together)
    if share_fault:
        return Decision(Verdict.ERROR, share_fault, SAMPLE_RATIO)
    if missing := _missing(progress, config):
        return Decision(Verdict.INCONCLUSIVE, missing, "")
    if together.holds:
        held = next(metric for metric in metrics if metric.name == together.holds[0])
        why = "is only a signal" if held.role == Role.SIGNAL else "is too weak to fail a canary alone"
        return Decision(Verdict.INCONCLUSIVE, f"Held: {held.sentence} {held.name} {why}.", "", together.culprits)
    guardrails = [metric for metric in metrics if metric.role == Role.GUARDRAIL]
    weakest = min(guardrails, key=_distance_to_safety)
    if together.promotes:
        return Decision(Verdict.PASS, weakest.sentence, weakest.name)
    is_past = progress.elapsed_s >= config.duration.total_seconds()
    state = f"Not decided by the deadline of {format_duration(config.duration)}" if is_past else "Not decided yet"
    return Decision(Verdict.INCONCLUSIVE, f"{state}: {weakest.sentence}", "")


def _failed(metrics: Sequence[MetricResult], together: Combination) -> Decision:
    """The worst guardrail decides: the one furthest past its limit, or nearest to it where only all together pass."""
    may_decide = [metric for metric in metrics if metric.role == Role.GUARDRAIL and not metric.is_weak]
    worst = max(may_decide, key=lambda metric: metric.log_evidence_harm - metric.log_limit_harm)
    others = [name for name in together.culprits if name != worst.name]
    also = f" Also worse: {', '.join(others)}." if others else ""
    alone = "" if worst.verdict is Verdict.FAIL else " The evidence of all metrics together passed its limit."
    return Decision(Verdict.FAIL, worst.sentence + alone + also, worst.name, together.culprits or (worst.name,))


def _distance_to_safety(metric: MetricResult) -> tuple[bool, float]:
    """Orders metrics: those that cannot be judged come first, then the least evidence for safety."""
    return metric.verdict is not Verdict.ERROR, metric.log_evidence_safe - metric.log_limit_safe


def _missing(progress: Progress, config: CanaryConfig) -> str:
    """What has to be there before any PASS and is not yet, as a sentence."""
    for side, requests in (("baseline", progress.requests_baseline), ("canary", progress.requests_canary)):
        if requests == 0:
            return f"The {side} has had no requests yet, so there is nothing to compare."
        if requests < config.min_requests:
            return f"The {side} has had {requests:,} requests, and {config.min_requests:,} are needed before a PASS."
    if progress.elapsed_s < config.min_duration.total_seconds():
        return (
            f"No harm seen after {progress.elapsed_s:.0f} s; "
            f"a PASS is given after {format_duration(config.min_duration)} at the earliest."
        )
    return ""
