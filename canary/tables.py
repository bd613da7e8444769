"""A judgment's numbers as a report's tables write them, the worst first."""

import math
from dataclasses import dataclass
from typing import Final

from canary import wording
from canary.config import CanaryConfig, JudgeKind, MetricKind
from canary.figures.style import short
from canary.judgment import Judgment, MetricResult, Verdict
from canary.looks import LATENCY
from canary.threshold.config import Measure

#: What is not known.
NOTHING: Final = "–"
_WORST_FIRST: Final = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
_PERCENTS: Final = frozenset(
    (Measure.ERROR_PERCENT, Measure.SUCCESS_PERCENT, Measure.ERROR_SHARE, Measure.SUCCESS_SHARE, MetricKind.COUNTS)
)
_RATES: Final = frozenset((MetricKind.EVENTS, Measure.PER_SECOND))


@dataclass(frozen=True, slots=True)
class Row:
    """One metric in words; `–` stands for what is not known."""

    name: str
    about: str
    verdict: str
    baseline: str
    canary: str
    effect: str
    interval: str
    unit: str
    harm: str
    safe: str
    sizes: str
    looks: str
    dispersion: str
    sentence: str
    is_culprit: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """What one metric still needs."""

    name: str
    harm: str
    safe: str


def worst_first(judgment: Judgment) -> list[MetricResult]:
    """All metrics: the one that decided and other culprits, then by verdict and evidence."""
    order = {name: place for place, name in enumerate((judgment.decided_by, *judgment.culprits))}

    def badness(metric: MetricResult) -> tuple[float, int, float, str]:
        harmless = metric.log_limit_harm - metric.log_evidence_harm
        safe = metric.log_evidence_safe - metric.log_limit_safe
        is_safe = metric.verdict is Verdict.PASS
        place = math.inf if is_safe else order.get(metric.name, math.inf)
        return place, _WORST_FIRST.index(metric.verdict), safe if is_safe else harmless, metric.name

    return sorted(judgment.metrics, key=badness)


def metric_of(result: MetricResult, config: CanaryConfig) -> str:
    """The metric of the looks that a result is about; results of some judges have names of their own."""
    if config.judge is JudgeKind.THRESHOLD and config.threshold is not None:
        return next((each.metric for each in config.threshold.metrics if each.name == result.name), result.name)
    # The judge `kayenta` judges quantiles of a histogram one by one, and appends which.
    owners = [each.name for each in config.metrics if result.name in (each.name, f"{each.name} {_last(result.name)}")]
    return owners[0] if owners else result.name


def row(result: MetricResult, config: CanaryConfig, judgment: Judgment) -> Row:
    """One metric as the table shows it."""
    has_limits = result.log_limit_harm > 0
    return Row(
        name=result.name,
        about=_about(result, config),
        verdict=result.verdict,
        baseline=_value(result.baseline_value, result, config),
        canary=_value(result.canary_value, result, config),
        effect=NOTHING if result.effect is None else _figures(result.effect),
        interval=_interval(result),
        unit=result.unit if result.effect is not None else "",
        harm=_against(result.log_evidence_harm, result.log_limit_harm) if has_limits else NOTHING,
        safe=_against(result.log_evidence_safe, result.log_limit_safe) if has_limits else NOTHING,
        sizes=f"{result.size_baseline:,} / {result.size_canary:,}",
        looks=f"{result.looks:,}",
        dispersion=_figures(result.dispersion) if has_limits else NOTHING,
        sentence=result.sentence,
        is_culprit=result.name in judgment.culprits,
    )


def missing(result: MetricResult) -> Missing:
    """What one metric still needs before it would decide."""
    return Missing(result.name, _more(result.until_harm), _more(result.until_safe))


def has_evidence(judgment: Judgment) -> bool:
    """Whether the judge has evidence with limits; those of other systems have none."""
    return any(metric.log_limit_harm > 0 for metric in judgment.metrics)


def _last(name: str) -> str:
    return name.rpartition(" ")[2]


def _about(result: MetricResult, config: CanaryConfig) -> str:
    metric = metric_of(result, config)
    said = [result.role] if result.role != "guardrail" else []
    if result.threshold is not None:
        said.append(f"over {_with_unit(result.threshold, _unit(metric, config))}")
    if result.outcome != "ok":
        said.append(result.outcome)
    if result.is_weak:
        said.append("too weak to fail alone")
    return ", ".join(said)


def _value(value: float | None, result: MetricResult, config: CanaryConfig) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    if result.kind in _PERCENTS or result.threshold is not None:
        # Kayenta's counts are shares as well; a histogram's value beside an edge is the share above it.
        return wording.percent(value)
    if result.kind in _RATES:
        return f"{value:.4g} /s"
    return _with_unit(value, _unit(metric_of(result, config), config))


def _unit(metric: str, config: CanaryConfig) -> str:
    units = {each.name: each.unit for each in config.metrics}
    return units.get(metric, "") or ("ms" if metric == LATENCY else "")


def _with_unit(value: float, unit: str) -> str:
    return f"{short(value)} {unit}".rstrip()


def _interval(result: MetricResult) -> str:
    if result.low is None and result.high is None:
        return NOTHING
    low = "−∞" if result.low is None else _figures(result.low)
    return f"{low} … {'∞' if result.high is None else _figures(result.high)}"


def _figures(value: float) -> str:
    return short(float(f"{value:.3g}"))


def _against(log_value: float, log_limit: float) -> str:
    return f"{wording.evidence(log_value)} / {wording.evidence(log_limit)}"


def _more(requests: int | None) -> str:
    if requests is None:
        return "not known"
    return "enough" if requests == 0 else f"about {requests:,}"
