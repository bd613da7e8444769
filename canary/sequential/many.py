"""What many metrics say together. All functions are pure, and the order of metrics does not matter.

Metric m fails a canary alone when its evidence passes 1 / (alpha w_m), where the weights w_m of all metrics add up to
1. So E_m alpha w_m, its evidence over its limit, says how far each has come in a way that can be added up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from canary.config import MetricKind, Role
from canary.judgment import MetricResult, Verdict


@dataclass(frozen=True, slots=True)
class Combination:
    """What many metrics say together.

    Args:
        alarms: metrics of any role whose own evidence passed their own limit, the strongest first.
        culprits: the metrics that are worse in the canary; of such lists at most a share alpha is wrong on average.
        log_evidence: natural logarithm of the evidence that any guardrail is worse, over its limit.
        rolls_back: whether the canary is to be rolled back.
        holds: metrics that speak for harm but must not roll back alone: signals, and what is too weak.
        promotes: whether every guardrail is certified safe and none holds.
    """

    alarms: tuple[str, ...]
    culprits: tuple[str, ...]
    log_evidence: float
    rolls_back: bool
    holds: tuple[str, ...]
    promotes: bool


def combine(metrics: Sequence[MetricResult]) -> Combination:
    """What follows from all metrics: harm before safety."""
    alarms = sorted((each for each in metrics if _excess(each) >= 0), key=lambda each: (-_excess(each), each.name))
    log_evidence = log_evidence_of_any(metrics)
    rolls_back = log_evidence >= 0 or any(_may_roll_back(each) for each in alarms)
    holds = tuple(each.name for each in alarms if not _may_roll_back(each))
    return Combination(
        alarms=tuple(each.name for each in alarms),
        culprits=culprits(metrics),
        log_evidence=log_evidence,
        rolls_back=rolls_back,
        holds=holds,
        promotes=not rolls_back and not holds and is_certified(metrics),
    )


def log_evidence_of_any(metrics: Sequence[MetricResult]) -> float:
    """Natural logarithm of the evidence that any guardrail is worse, over its limit; -inf without any.

    The average of e-values, weighted by the metrics' weights, is an e-value however they depend on each other (Vovk and
    Wang 2021, arXiv:1912.06116). It passes its limit whenever one metric passes its own, and also when several come
    close. Gauges stay out: theirs are p-values in disguise or approximate, and they keep their own part of alpha.
    """
    excess = [_excess(each) for each in metrics if _may_roll_back(each) and each.kind != MetricKind.GAUGE]
    return float(np.logaddexp.reduce(sorted(excess))) if excess else -math.inf


def culprits(metrics: Sequence[MetricResult]) -> tuple[str, ...]:
    """The metrics to name as worse in the canary, the strongest first, by the weighted e-BH procedure.

    The k strongest are named for the largest k at which all of them have E w >= 1 / (alpha k); the expected share of
    wrong names is at most alpha however metrics depend on each other (Wang and Ramdas 2022, arXiv:2009.02824).
    """
    excess = {each.name: _excess(each, is_e_value=True) for each in metrics}
    ranked = sorted(excess, key=lambda name: (-excess[name], name))
    named = max((k for k, name in enumerate(ranked, start=1) if excess[name] >= -math.log(k) - 1e-12), default=0)
    return tuple(ranked[:named])


def is_certified(metrics: Sequence[MetricResult]) -> bool:
    """Whether every guardrail is certified safe at its own error rate, and there is one.

    The canary is unsafe if any guardrail is, so that all of them must reject: an intersection-union test, which needs
    no correction for their number (Berger 1982).
    """
    guardrails = [each for each in metrics if each.role == Role.GUARDRAIL]
    return bool(guardrails) and all(each.verdict is Verdict.PASS for each in guardrails)


def log_e_of_p(log_p: float) -> float:
    """Natural logarithm of an e-value from that of a p-value: (1 - p + p ln p) / (p (ln p)^2), Vovk and Wang's average.

    >>> round(math.exp(log_e_of_p(math.log(0.001))), 2)
    20.79
    """
    if log_p >= -1e-3:
        return -math.log(2)
    p = math.exp(log_p)
    return math.log1p(-p + p * log_p) - log_p - 2 * math.log(-log_p)


def _may_roll_back(metric: MetricResult) -> bool:
    return metric.role == Role.GUARDRAIL and not metric.is_weak


def _excess(metric: MetricResult, *, is_e_value: bool = False) -> float:
    """Logarithm of the evidence over its limit; of a gauge's as an e-value, if it has to be one."""
    is_p_value = is_e_value and metric.kind == MetricKind.GAUGE
    evidence = log_e_of_p(-metric.log_evidence_harm) if is_p_value else metric.log_evidence_harm
    return evidence - metric.log_limit_harm
