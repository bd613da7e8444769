"""From the metrics' results to one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from canary.config import CanaryConfig
from canary.durations import format_duration
from canary.judgment import MetricResult, Verdict
from canary.sequential.estimates import Progress


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, why, and the metric that decided (`""` when none did)."""

    verdict: Verdict
    reason: str
    decided_by: str


def decide(metrics: Sequence[MetricResult], share_fault: str, progress: Progress, config: CanaryConfig) -> Decision:
    """The verdict on one moment: harm first, then a wrong split of traffic, then safety, which needs every metric."""
    failed = [metric for metric in metrics if metric.verdict is Verdict.FAIL]
    if failed:
        worst = max(failed, key=lambda metric: metric.log_evidence_harm - metric.log_limit_harm)
        return Decision(Verdict.FAIL, worst.sentence, worst.name)
    if share_fault:
        return Decision(Verdict.ERROR, share_fault, "")
    if missing := _missing(progress, config):
        return Decision(Verdict.INCONCLUSIVE, missing, "")
    weakest = min(metrics, key=lambda metric: metric.log_evidence_safe - metric.log_limit_safe)
    if all(metric.verdict is Verdict.PASS for metric in metrics):
        return Decision(Verdict.PASS, weakest.sentence, weakest.name)
    is_past = progress.elapsed_s >= config.duration.total_seconds()
    state = f"Not decided by the deadline of {format_duration(config.duration)}" if is_past else "Not decided yet"
    return Decision(Verdict.INCONCLUSIVE, f"{state}: {weakest.sentence}", "")


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
