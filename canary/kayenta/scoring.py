"""Scores of groups and of the canary."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from canary.errors import CanaryError
from canary.kayenta.compat import Compat
from canary.kayenta.config import KayentaConfig, KayentaThresholds
from canary.kayenta.result import AnalysisResult, Classification, GroupScore, ScoreClass, SummaryScore

#: From this share of metrics without data on, the canary fails.
_MOST_NODATA_PERCENT: Final = 50.0
_COUNTED: Final = frozenset((Classification.PASS, Classification.HIGH, Classification.LOW, Classification.NODATA_FAIL))


def score_groups(results: Sequence[AnalysisResult], compat: Compat) -> tuple[GroupScore, ...]:
    """The score of each group of `results`, in the order in which they first appear.

    A group's score is the share of Pass among those of its metrics that count; an Error counts only when repaired.
    """
    counted = _COUNTED if compat is Compat.EXACT else _COUNTED | {Classification.ERROR}
    members: dict[str, Counter[Classification]] = {}
    for result in results:
        for group in result.groups:
            members.setdefault(group, Counter())[result.classification] += 1
    return tuple(_group(name, found, counted) for name, found in members.items())


def _group(name: str, found: Counter[Classification], counted: frozenset[Classification]) -> GroupScore:
    total = sum(found[classification] for classification in counted)
    return GroupScore(name, found[Classification.PASS] / total * 100 if total else 0.0, has_data=total > 0)


def score(
    results: Sequence[AnalysisResult],
    groups: Sequence[GroupScore],
    config: KayentaConfig,
    thresholds: KayentaThresholds,
    compat: Compat,
) -> SummaryScore:
    """The canary's score and its class.

    Args:
        results: those that are not muted.
        groups: their groups' scores.
        config: holds the weights.
        thresholds: of the request.
        compat: how groups without data, weights and equality with `marginal` are taken.

    Raises:
        CanaryError: when weights or thresholds cannot be used.
    """
    if reason := _failure(results):
        total = 0.0
    elif compat is Compat.EXACT:
        total = _rounded(_weighted(groups, config.classifier.group_weights or {}))
    else:
        total, reason = _normalized(groups, _checked(config))
    return SummaryScore(total, _class_of(total, thresholds, compat), reason)


def _failure(results: Sequence[AnalysisResult]) -> str:
    """Why the canary fails whatever its groups score; `""` when it does not."""
    for result in results:
        if result.is_critical and result.classification is not Classification.PASS:
            return f"Canary Failed: {result.reason}"
    nodata = sum(result.classification is Classification.NODATA for result in results)
    if results and nodata / len(results) * 100 >= _MOST_NODATA_PERCENT:
        return "Canary Failed: 50% or more metrics returned NODATA"
    return ""


def _weighted(groups: Sequence[GroupScore], weights: Mapping[str, float]) -> float:
    """Kayenta's sum: a group without data has 100, and weights are taken as they are."""
    share = _share(groups, weights)
    scores = ((group, group.score if group.has_data else 100.0) for group in groups)
    return sum(value * weights.get(group.name, share) / 100 for group, value in scores)


def _share(groups: Sequence[GroupScore], weights: Mapping[str, float]) -> float:
    """The weight of a group that is given none."""
    unweighted = sum(group.name not in weights for group in groups)
    return (100 - sum(weights.values())) / unweighted if unweighted else 0.0


def _normalized(groups: Sequence[GroupScore], weights: Mapping[str, float]) -> tuple[float, str]:
    """The weighted mean over groups with data, and why there is none, or `""`."""
    share = _share(groups, weights)
    scored = [(group.score, weights.get(group.name, share)) for group in groups if group.has_data]
    total = sum(weight for _, weight in scored)
    if not total > 0:
        return 0.0, "Canary Failed: no group with a weight has data"
    return _rounded(sum(value * weight for value, weight in scored) / total), ""


def _checked(config: KayentaConfig) -> Mapping[str, float]:
    """The groups' weights, if they make sense."""
    weights = config.classifier.group_weights or {}
    known = {group for metric in config.metrics for group in metric.groups}
    why = ""
    if unknown := sorted(set(weights) - known):
        why = f"no metric is in group {', '.join(map(repr, unknown))}; groups are {', '.join(sorted(known)) or 'none'}"
    elif not all(0 <= weight <= 100 for weight in weights.values()):
        why = f"each must be from 0 to 100, they are {dict(weights)}"
    elif (total := math.fsum(weights.values())) > 100 + 1e-9:
        why = f"they add up to {total:g}, more than 100"
    if why:
        raise CanaryError("the group weights of a Kayenta config cannot be used", why=why, mend="correct groupWeights")
    return weights


def _rounded(value: float) -> float:
    """`value` to two decimals, halves away from zero, as its shortest text says.

    >>> _rounded(66.665), _rounded(1.005)
    (66.67, 1.01)
    """
    if not math.isfinite(value):
        raise CanaryError("a Kayenta score cannot be rounded", why=f"it is {value}", mend="correct groupWeights")
    return float(Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _class_of(total: float, thresholds: KayentaThresholds, compat: Compat) -> ScoreClass:
    passing, marginal = thresholds.passing, thresholds.marginal
    if compat is Compat.REPAIRED and (passing is None or marginal is None):
        missing = "pass" if passing is None else "marginal"
        raise CanaryError(
            "a Kayenta score cannot be classified", why=f"threshold {missing!r} is missing", mend="give both thresholds"
        )
    passing, marginal = passing or 0.0, marginal or 0.0
    if total >= passing:
        return ScoreClass.PASS
    is_marginal = total >= marginal if compat is Compat.EXACT else total > marginal
    return ScoreClass.MARGINAL if is_marginal else ScoreClass.FAIL
