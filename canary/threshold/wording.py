"""Sentences of the threshold judge: the value, its bound, and the counts so far."""

import math

from canary.samples import Lacking
from canary.threshold.argo import ArgoCount
from canary.threshold.config import Compared, Condition, FlaggerMetric, Measure, Measured
from canary.threshold.flagger import Check, FlaggerCanary
from canary.threshold.values import Value

_UNITS = {Measure.ERROR_PERCENT: " %", Measure.SUCCESS_PERCENT: " %", Measure.PER_SECOND: " /s"}


def number(value: float, metric: Measured, unit: str = "") -> str:
    """A measured number with its unit.

    >>> number(2.345, Measured(name="errors"))
    '2.345 %'
    """
    if metric.compared is Compared.RATIO:
        return f"{value:.4g} times the baseline's"
    own = _UNITS.get(metric.measure, f" {unit}" if unit and metric.measure in (Measure.QUANTILE, Measure.MEAN) else "")
    return f"{value:.4g}{own}"


def bounds(condition: Condition) -> str:
    """A condition in words.

    >>> bounds(Condition(at_least=95, below=100))
    'below 100 and at least 95'
    """
    parts = [
        (condition.below, "below"),
        (condition.at_most, "at most"),
        (condition.above, "above"),
        (condition.at_least, "at least"),
    ]
    return " and ".join(f"{words} {bound:g}" for bound, words in parts if bound is not None)


def allowed(metric: FlaggerMetric) -> str:
    """The range of a Flagger check in words.

    >>> allowed(FlaggerMetric(name="a", minimum=99))
    'at least 99'
    """
    parts = [(metric.minimum, "at least"), (metric.maximum, "at most")]
    return " and ".join(f"{words} {bound:g}" for bound, words in parts if bound is not None)


def of_argo(count: ArgoCount, unit: str) -> str:
    """One metric of an analysis run, as a sentence."""
    metric, tally = count.metric, count.tally
    if count.value is None:
        return f"{metric.name} was not measured{': it ' + count.rule if count.rule else ' yet'}."
    conditions = [
        f"{word} {bounds(condition)}"
        for word, condition in (("successful", metric.success), ("failed", metric.failure))
        if condition is not None
    ]
    taken = f"{tally.count} of {metric.effective_count}" if metric.effective_count else f"{tally.count}"
    may = str(metric.failure_limit) if metric.failure_limit >= 0 else "any number"
    counts = f"{taken} measurements, {tally.failed} failed and {may} may"
    if tally.inconclusive or tally.error:
        counts += f", {tally.inconclusive} inconclusive, {tally.error} errors"
    bound = f" ({', '.join(conditions)})" if conditions else ""
    rule = f" ({count.rule})" if count.rule else ""
    dry = "dry run of " if metric.dry_run else ""
    value = _value(count.value, metric, unit)
    return f"{dry}{metric.name} {value}{bound}, the measurement is {count.last.lower()}; {counts}{rule}."


def of_flagger(check: Check, canary: FlaggerCanary, threshold: int, unit: str) -> str:
    """One metric of the last checks, as a sentence."""
    came = "the check failed" if check.flaw else "the check passed"
    value = _value(check.value, check.metric, unit)
    counts = f"{canary.failed_checks} failed checks of the {threshold} that roll back, {canary.passes} passed"
    return f"{check.metric.name} {value} ({allowed(check.metric)} passes), {came}; {counts}."


def _value(value: Value, metric: Measured, unit: str) -> str:
    if isinstance(value, Lacking):
        return f"gave no value, {value.why}"
    if math.isnan(value):
        return "is not a number, zero was divided by zero"
    estimate = " by linear interpolation in its bucket" if metric.measure is Measure.QUANTILE else ""
    return f"is {number(value, metric, unit)}{estimate}"
