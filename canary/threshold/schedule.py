"""When measurements are due, and what follows from them for a verdict."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from canary.judgment import Verdict
from canary.samples import Lacking
from canary.threshold import argo, flagger, wording
from canary.threshold.config import ArgoMetric, ArgoRules, FlaggerMetric, FlaggerRules
from canary.threshold.values import Value

#: A measurement that ended in an error is taken again after this, whatever the interval is
#: (`DefaultErrorRetryInterval`, argo-rollouts 9f8d111d8, analysis/analysis.go).
ERROR_RETRY_S: Final = 10.0

AnyMetric = ArgoMetric | FlaggerMetric
Measure = Callable[[AnyMetric], Value]


@dataclass(frozen=True, slots=True)
class Standing:
    """One metric by now: its verdict, the same for a reader, and the last value (None before any)."""

    metric: AnyMetric
    verdict: Verdict
    sentence: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All metrics by now.

    Args:
        verdict: what they come to.
        reason: why, in one sentence.
        decided_by: the metric that decided, or `""`.
        is_final: whether nothing is measured any more.
        standings: each metric's own.
    """

    verdict: Verdict
    reason: str
    decided_by: str
    is_final: bool
    standings: tuple[Standing, ...]


class Schedule(Protocol):
    """One system's rules, told the time.

    A measurement is taken at the look that is nearest to its time; `slack_s` is half the time between two looks.
    """

    def step(self, now_s: float, measure: Measure | None) -> None:
        """A look at `now_s`, with what gives the values; None while there is nothing to measure."""

    def begin_step(self, now_s: float) -> None:
        """A new step of a ramp begins."""

    def terminate(self) -> None:
        """The time is up."""

    def outcome(self) -> Outcome:
        """What it comes to by now."""


class ArgoSchedule:
    """An AnalysisRun; each step of a ramp is a run of its own, as inline analysis is.

    Args:
        rules: the metrics.
        units: units by metric of the looks, for sentences.
        slack_s: half the time between two looks.
    """

    def __init__(self, rules: ArgoRules, units: Mapping[str, str], slack_s: float) -> None:
        self._rules, self._units, self._slack_s = rules, units, slack_s
        self.begin_step(0.0)

    def begin_step(self, now_s: float) -> None:
        """A new run begins."""
        self._run = argo.ArgoRun(self._rules.metrics, self._rules.compat)
        self._due_s = {metric.name: now_s + metric.initial_delay.total_seconds() for metric in self._rules.metrics}

    def step(self, now_s: float, measure: Measure | None) -> None:
        """Takes every measurement that is due."""
        if measure is None:
            return
        due = [each for name, each in self._run.counts.items() if each.is_running and self._is_due(name, now_s)]
        self._run.take({each.metric.name: measure(each.metric) for each in due})
        for each in due:
            interval = each.metric.interval
            again_s = interval.total_seconds() if interval is not None else 0.0
            self._due_s[each.metric.name] = now_s + (ERROR_RETRY_S if each.last is argo.Phase.ERROR else again_s)

    def terminate(self) -> None:
        """Ends the run: what is undecided is Successful, as in Argo."""
        self._run.terminate()

    def outcome(self) -> Outcome:
        """Successful is PASS, Failed FAIL, Error ERROR, Inconclusive INCONCLUSIVE."""
        phase = self._run.phase
        standings = tuple(
            Standing(
                each.metric,
                _VERDICTS[each.phase],
                wording.of_argo(each, self._units.get(each.metric.metric, "")),
                each.value,
            )
            for each in self._run.counts.values()
        )
        serious = [one for one, each in zip(standings, self._run.counts.values(), strict=True) if _decides(each, phase)]
        telling = serious[0] if serious else standings[0]
        is_final = phase is not argo.Phase.RUNNING
        reason = telling.sentence if is_final else f"Not decided yet: {telling.sentence}"
        return Outcome(_VERDICTS[phase], reason, telling.metric.name if is_final else "", is_final, standings)

    def _is_due(self, name: str, now_s: float) -> bool:
        return now_s >= self._due_s[name] - self._slack_s


def _decides(count: argo.ArgoCount, phase: argo.Phase) -> bool:
    return count.phase is phase and not count.metric.dry_run


_VERDICTS: Final = {
    argo.Phase.RUNNING: Verdict.INCONCLUSIVE,
    argo.Phase.SUCCESSFUL: Verdict.PASS,
    argo.Phase.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    argo.Phase.ERROR: Verdict.ERROR,
    argo.Phase.FAILED: Verdict.FAIL,
}


class FlaggerSchedule:
    """A Canary's analysis. At a new step of a ramp the steps begin again; failed checks stay.

    Args:
        rules: checks, threshold and steps.
        units: units by metric of the looks, for sentences.
        slack_s: half the time between two looks.
    """

    def __init__(self, rules: FlaggerRules, units: Mapping[str, str], slack_s: float) -> None:
        self._rules, self._units, self._slack_s = rules, units, slack_s
        self._canary = flagger.FlaggerCanary(rules)
        self._due_s = 0.0

    def begin_step(self, now_s: float) -> None:
        """The steps begin again with the tick that follows."""
        failed = self._canary.failed_checks
        self._canary = flagger.FlaggerCanary(self._rules)
        self._canary.failed_checks = failed
        self._due_s = now_s

    def step(self, now_s: float, measure: Measure | None) -> None:
        """Ticks if it is time to; ticks that were missed are not made up for."""
        if now_s < self._due_s - self._slack_s:
            return
        every_s = self._rules.interval.total_seconds()
        self._due_s += every_s * (math.floor((now_s + self._slack_s - self._due_s) / every_s) + 1)
        self._canary.tick(measure if measure is not None else _nothing)

    def terminate(self) -> None:
        """Nothing: Flagger has no deadline, so what is undecided stays so."""

    def outcome(self) -> Outcome:
        """Promoting is PASS, Failed is FAIL."""
        canary, threshold = self._canary, self._rules.threshold
        verdict = _ENDS[canary.phase]
        standings = tuple(
            Standing(
                check.metric,
                Verdict.FAIL if check.flaw else Verdict.PASS,
                wording.of_flagger(check, canary, threshold, self._units.get(check.metric.metric, "")),
                check.value,
            )
            for check in canary.checks
        )
        is_final = canary.phase is not flagger.Phase.PROGRESSING
        if not standings:
            return Outcome(verdict, "No check has been made yet.", "", is_final, ())
        telling = standings[-1]
        reason = telling.sentence if is_final else f"Not decided yet: {telling.sentence}"
        return Outcome(verdict, reason, telling.metric.name if is_final else "", is_final, standings)


def _nothing(_: AnyMetric) -> Value:
    return Lacking("no data", "there was nothing to measure yet")


_ENDS: Final = {
    flagger.Phase.PROGRESSING: Verdict.INCONCLUSIVE,
    flagger.Phase.PROMOTING: Verdict.PASS,
    flagger.Phase.FAILED: Verdict.FAIL,
}
