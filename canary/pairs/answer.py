"""A judgment as the result of a judge of Kayenta's.

PASS scores 100 and FAIL 0. INCONCLUSIVE scores between the thresholds, so that Kayenta goes on while there is time, and
does not pass in the end.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from canary.judgment import Judgment, MetricResult, Verdict
from canary.kayenta import (
    AnalysisResult,
    Classification,
    GroupScore,
    JudgeResult,
    KayentaThresholds,
    ScoreClass,
    SummaryScore,
)
from canary.kayenta.options import Direction
from canary.kayenta.samples import prepare
from canary.pairs.watched import Watched

#: The name that the judge gives itself in Kayenta's results.
JUDGE_NAME: Final = "GennakerSequentialJudge-v1.0"


def answer(watched: Sequence[Watched], judgment: Judgment, thresholds: KayentaThresholds) -> str:
    """The result in JSON: one of each pair, in their order, scores of the groups, and the score."""
    found = {result.name: result for result in judgment.metrics}
    results = tuple(_result(each, [found[metric.name] for metric in each.metrics]) for each in watched)
    groups = dict.fromkeys(group for result in results for group in result.groups)
    scores = tuple(_group(group, results) for group in groups)
    told = json.loads(JudgeResult(results, scores, _score(judgment, thresholds)).to_json())
    return json.dumps({**told, "judgeName": JUDGE_NAME})


def _result(watched: Watched, found: Iterable[MetricResult]) -> AnalysisResult:
    """What a pair was found to be; what is not decided is no data, with a reason that says what is missing."""
    classification, reason = Classification.PASS, "Muted, so not judged." if watched.options.is_muted else None
    for result in found:
        if result.verdict is Verdict.FAIL:
            is_rise = result.name.endswith(f":{Direction.INCREASE}")
            classification, reason = Classification.HIGH if is_rise else Classification.LOW, result.sentence
            break
        if result.verdict is not Verdict.PASS:
            classification, reason = Classification.NODATA, result.sentence
    pair = watched.pair
    with np.errstate(all="ignore"):  # statistics of infinities and of sums that overflow are NaN
        experiment, control = (prepare(each, watched.options).stats for each in (pair.experiment, pair.control))
    return AnalysisResult(
        name=pair.name,
        id=pair.id,
        tags=pair.tags,
        classification=classification,
        reason=reason,
        groups=watched.groups,
        experiment=experiment,
        control=control,
        ratio=experiment.mean / control.mean if control.mean and experiment.mean else float("nan"),
        is_critical=False,
        is_muted=watched.options.is_muted,
    )


def _group(group: str, results: Iterable[AnalysisResult]) -> GroupScore:
    """The part of a group's decided metrics that passed."""
    scored = [result for result in results if group in result.groups and not result.is_muted]
    decided = [result for result in scored if result.classification is not Classification.NODATA]
    passed = sum(result.classification is Classification.PASS for result in decided)
    return GroupScore(group, 100 * passed / len(decided) if decided else 0.0, bool(decided))


def _score(judgment: Judgment, thresholds: KayentaThresholds) -> SummaryScore:
    passing = 0.0 if thresholds.passing is None else thresholds.passing
    marginal = 0.0 if thresholds.marginal is None else thresholds.marginal
    match judgment.verdict:
        case Verdict.PASS:
            return SummaryScore(100.0, ScoreClass.PASS, judgment.reason)
        case Verdict.INCONCLUSIVE if marginal < passing:
            return SummaryScore((passing + marginal) / 2, ScoreClass.MARGINAL, judgment.reason)
        case _:
            return SummaryScore(0.0, ScoreClass.FAIL, judgment.reason)
