"""How Argo Rollouts counts measurements: an AnalysisRun as a state machine on numbers.

Read in argo-rollouts 9f8d111d8: `EvaluateResult` of utils/evaluate/evaluate.go (one measurement), `runMeasurements`,
`assessMetricStatus`, `assessMetricFailureInconclusiveOrError` and `assessRunStatus` of analysis/analysis.go (counting),
`IsWorse` and `IsTerminating` of utils/analysis/helpers.go (the run).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from canary.samples import NO_DATA, Lacking
from canary.threshold.config import ArgoMetric, Compat, Condition
from canary.threshold.values import Value


class Phase(StrEnum):
    """Argo's word for a measurement, a metric or a run; from the best to the worst once completed."""

    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    FAILED = "Failed"


_WORSE: Final = tuple(Phase)


@dataclass(frozen=True, slots=True)
class Tally:
    """Measurements of one metric so far, by how they came out."""

    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0

    @property
    def count(self) -> int:
        """Measurements that count towards `count`; an error is taken again instead."""
        return self.successful + self.failed + self.inconclusive

    def plus(self, phase: Phase) -> "Tally":
        """With one more measurement."""
        field = phase.value.lower()
        return replace(
            self,
            **{field: getattr(self, field) + 1},
            consecutive_error=self.consecutive_error + 1 if phase is Phase.ERROR else 0,
            consecutive_success=self.consecutive_success + 1 if phase is Phase.SUCCESSFUL else 0,
        )


def holds(condition: Condition, value: Value) -> bool | None:
    """Whether a condition is true of a measurement; None where it cannot be evaluated.

    Every comparison with NaN is false, so a condition is, too, unless it asks for NaN itself.

    >>> holds(Condition(below=1), 0.5), holds(Condition(below=1), math.nan), holds(Condition(below=1, when_nan=True), 2)
    (True, False, False)
    """
    if isinstance(value, Lacking):
        return condition.when_empty if value.outcome == NO_DATA else None
    if math.isnan(value):
        return condition.when_nan
    bounds = (
        condition.below is None or value < condition.below,
        condition.at_most is None or value <= condition.at_most,
        condition.above is None or value > condition.above,
        condition.at_least is None or value >= condition.at_least,
    )
    return all(bounds)


def measured(value: Value, metric: ArgoMetric) -> Phase:
    """How one measurement comes out. A failure condition wins; where neither holds it is inconclusive.

    With one condition only, the other is its opposite; with none, all that has no error is successful.
    """
    if isinstance(value, Lacking) and value.outcome != NO_DATA:
        return Phase.ERROR
    conditions = [condition for condition in (metric.success, metric.failure) if condition is not None]
    truths = [holds(condition, value) for condition in conditions]
    match truths:
        case []:
            return Phase.SUCCESSFUL
        case [*_] if None in truths:
            return Phase.ERROR
        case [is_met]:
            return Phase.SUCCESSFUL if is_met is (metric.success is not None) else Phase.FAILED
        case [_, True]:
            return Phase.FAILED
        case [is_met, _]:
            return Phase.SUCCESSFUL if is_met else Phase.INCONCLUSIVE
    raise AssertionError(truths)


def assessed(tally: Tally, metric: ArgoMetric) -> tuple[Phase, str]:
    """What a metric is after its last measurement, and the rule that made it so; `Running` while undecided.

    Of the limits that are passed at once, the last one of failed, inconclusive and error counts.
    """
    found = (Phase.RUNNING, "")
    if 0 <= metric.failure_limit < tally.failed:
        found = Phase.FAILED, f"failed {tally.failed} > failure limit {metric.failure_limit}"
    if tally.inconclusive > metric.inconclusive_limit:
        found = (
            Phase.INCONCLUSIVE,
            f"inconclusive {tally.inconclusive} > inconclusive limit {metric.inconclusive_limit}",
        )
    if tally.consecutive_error > metric.consecutive_error_limit:
        limit = metric.consecutive_error_limit
        found = Phase.ERROR, f"errors in a row {tally.consecutive_error} > consecutive error limit {limit}"
    return found if found[0] is not Phase.RUNNING else _ended_well(tally, metric)


def _ended_well(tally: Tally, metric: ArgoMetric) -> tuple[Phase, str]:
    wanted, count = metric.consecutive_success_limit, metric.effective_count
    if 0 < wanted <= tally.consecutive_success:
        return Phase.SUCCESSFUL, f"{tally.consecutive_success} successes in a row, consecutive success limit {wanted}"
    if count is None or tally.count < count:
        return Phase.RUNNING, ""
    if not wanted:
        return Phase.SUCCESSFUL, f"all {count} measurements were taken and no limit was passed"
    reason = f"{count} measurements were taken without {wanted} successes in a row"
    return (Phase.FAILED if metric.failure_limit < 0 else Phase.INCONCLUSIVE), reason


def is_no_number(value: Value) -> bool:
    """Whether a measurement gave NaN, or nothing."""
    return isinstance(value, Lacking) or math.isnan(value)


class ArgoCount:
    """One metric of a run, fed measurement by measurement. What it came to stays.

    Args:
        metric: its conditions and limits.
        compat: `repaired`: what is no number is successful only where the success condition asks for that.
    """

    def __init__(self, metric: ArgoMetric, compat: Compat = Compat.EXACT) -> None:
        self.metric, self._compat = metric, compat
        self.tally, self.phase, self.rule = Tally(), Phase.RUNNING, ""
        self.value: Value | None = None
        self.last = Phase.RUNNING
        self.has_value = False

    @property
    def is_running(self) -> bool:
        """Whether more measurements are to be taken."""
        return self.phase is Phase.RUNNING

    def take(self, value: Value) -> Phase:
        """Takes in a measurement; what the metric is now."""
        if not self.is_running:
            return self.phase
        self.value, self.last = value, self._measured(value)
        self.has_value = self.has_value or not is_no_number(value)
        self.tally = self.tally.plus(self.last)
        self.phase, self.rule = assessed(self.tally, self.metric)
        return self.phase

    def terminate(self) -> Phase:
        """Ends it early: what is undecided is Successful; repaired, it is Inconclusive if there was never a value."""
        if self.is_running:
            was_blind = self._compat is Compat.REPAIRED and not self.has_value
            self.phase = Phase.INCONCLUSIVE if was_blind else Phase.SUCCESSFUL
            self.rule = "ended without any value" if was_blind else "ended before anything was decided"
        return self.phase

    def _measured(self, value: Value) -> Phase:
        phase = measured(value, self.metric)
        if self._compat is Compat.EXACT or phase is not Phase.SUCCESSFUL or not is_no_number(value):
            return phase
        return phase if self.metric.success is not None else Phase.INCONCLUSIVE


class ArgoRun:
    """All metrics of a run. The first that ends badly ends all; the worst result is the run's.

    Dry-run metrics count for nothing but are waited for, as in Argo.
    """

    def __init__(self, metrics: Sequence[ArgoMetric], compat: Compat = Compat.EXACT) -> None:
        self.counts = {metric.name: ArgoCount(metric, compat) for metric in metrics}

    @property
    def phase(self) -> Phase:
        """What the run is."""
        if any(count.is_running for count in self.counts.values()):
            return Phase.RUNNING
        serious = [count.phase for count in self.counts.values() if not count.metric.dry_run]
        return max(serious, key=_WORSE.index, default=Phase.SUCCESSFUL)

    def take(self, values: Mapping[str, Value]) -> Phase:
        """Takes in the measurements of one moment, by metric; what the run is now."""
        for name, value in values.items():
            self.counts[name].take(value)
        if any(_is_bad(count) for count in self.counts.values()):
            return self.terminate()
        return self.phase

    def terminate(self) -> Phase:
        """Ends the run."""
        for count in self.counts.values():
            count.terminate()
        return self.phase


def _is_bad(count: ArgoCount) -> bool:
    return not count.metric.dry_run and count.phase in (Phase.FAILED, Phase.ERROR, Phase.INCONCLUSIVE)
