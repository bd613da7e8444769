"""How Flagger counts checks: the analysis of a Canary as a state machine on numbers.

Read in flagger 15bd6ad5: `advanceCanary`, `nextStepWeight`, `runCanary` and `runAB` of pkg/controller/scheduler.go
(counting), `runBuiltinMetricChecks` and `runMetricChecks` of pkg/controller/scheduler_metrics.go (one check),
`RunQuery` of pkg/metrics/providers/prometheus.go (NaN is no value).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from canary.samples import Lacking
from canary.threshold.config import FlaggerMetric, FlaggerRules
from canary.threshold.values import Value


class Phase(StrEnum):
    """Where a canary is; promoting is the end of its analysis."""

    PROGRESSING = "Progressing"
    PROMOTING = "Promoting"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One metric of one tick: its value, and why it failed (`""` if it passed)."""

    metric: FlaggerMetric
    value: Value
    flaw: str


def checked(value: Value, metric: FlaggerMetric) -> Check:
    """One metric held against its range. A bound itself passes; no data, NaN and errors fail."""
    if isinstance(value, Lacking):
        return Check(metric, value, value.why)
    if math.isnan(value):
        return Check(metric, value, "no value was found")
    if metric.minimum is not None and value < metric.minimum:
        return Check(metric, value, f"{value:.4g} < {metric.minimum:g}")
    if metric.maximum is not None and value > metric.maximum:
        return Check(metric, value, f"{value:.4g} > {metric.maximum:g}")
    return Check(metric, value, "")


def weights_of(rules: FlaggerRules) -> tuple[int, ...]:
    """The canary's weights in percent, step by step; the last may be above `max_weight` if steps do not divide it.

    >>> checks = [FlaggerMetric(name="success", minimum=99)]
    >>> weights_of(FlaggerRules(rules="flagger", step_weight=20, max_weight=50, metrics=checks))
    (20, 40, 60)
    """
    if rules.iterations:
        return (100,) * rules.iterations
    if rules.step_weights:
        return rules.step_weights
    steps = math.ceil(rules.max_weight / rules.step_weight)
    return tuple(min(100, rules.step_weight * step) for step in range(1, steps + 1))


class FlaggerCanary:
    """One canary, fed tick by tick.

    The first tick checks nothing: there is no traffic yet. Each later one checks the metrics in order; the first that
    fails makes a failed check, and no weight is added. Failed checks are never forgotten, and the threshold is looked
    at before the checks: the roll-back comes one tick after the failed check that reached it.
    """

    def __init__(self, rules: FlaggerRules) -> None:
        self._rules, self._weights = rules, weights_of(rules)
        self.phase = Phase.PROGRESSING
        self.failed_checks = 0
        self.passes = 0
        self.steps = 0
        self.checks: tuple[Check, ...] = ()

    @property
    def weight(self) -> int:
        """The canary's weight in percent that Flagger would set now."""
        if self.phase is not Phase.PROGRESSING or not self.steps:
            return 0
        return self._weights[self.steps - 1]

    def tick(self, measure: Callable[[FlaggerMetric], Value]) -> Phase:
        """One tick, in which `measure` gives the metrics' values; where the canary is now."""
        if self.phase is not Phase.PROGRESSING:
            return self.phase
        if self.failed_checks >= self._rules.threshold:
            self.phase = Phase.FAILED
        elif self.steps and not self._passes(measure):
            self.failed_checks += 1
        elif self.steps < len(self._weights):
            self.steps += 1
        else:
            self.phase = Phase.PROMOTING
        return self.phase

    def _passes(self, measure: Callable[[FlaggerMetric], Value]) -> bool:
        checks: list[Check] = []
        for metric in self._rules.metrics:
            checks.append(checked(measure(metric), metric))
            if checks[-1].flaw:
                break
        self.checks = tuple(checks)
        is_passed = not checks[-1].flaw
        self.passes += is_passed
        return is_passed
