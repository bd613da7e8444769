"""How much longer an undecided canary needs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from canary.config import CanaryConfig
from canary.judgment import MetricResult


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current step has come.

    Args:
        elapsed_s: seconds since it began.
        requests_baseline: requests of the baseline since then.
        requests_canary: requests of the canary since then.
    """

    elapsed_s: float
    requests_baseline: int
    requests_canary: int

    @property
    def requests(self) -> int:
        """Requests of the side that had fewer."""
        return min(self.requests_baseline, self.requests_canary)


def seconds_needed(progress: Progress, metrics: Sequence[MetricResult], config: CanaryConfig) -> float | None:
    """About how long until a verdict if evidence and traffic go on as so far; None when they do not say.

    Evidence that leads nowhere now may still turn, so this is an extrapolation and no promise.
    """
    if progress.elapsed_s <= 0 or progress.requests == 0:
        return None
    waits = [_wait(each.log_evidence_harm, each.log_limit_harm, progress.elapsed_s) for each in metrics]
    safe = max(_wait(each.log_evidence_safe, each.log_limit_safe, progress.elapsed_s) for each in metrics)
    missing = max(0, config.min_requests - progress.requests)
    least = (config.min_duration.total_seconds() - progress.elapsed_s, missing * progress.elapsed_s / progress.requests)
    wait = min(min(waits), max(safe, *least))
    return wait if math.isfinite(wait) else None


def _wait(log_evidence: float, log_limit: float, elapsed_s: float) -> float:
    if log_evidence >= log_limit:
        return 0.0
    return (log_limit - log_evidence) * elapsed_s / log_evidence if log_evidence > 0 else math.inf
