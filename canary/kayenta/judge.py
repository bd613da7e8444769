"""The judge: a request in, an answer out."""

from collections.abc import Mapping, Sequence
from functools import partial
from zlib import crc32

import numpy as np

from canary.errors import CanaryError
from canary.kayenta.classify import find
from canary.kayenta.compat import Compat
from canary.kayenta.config import KayentaMetric
from canary.kayenta.groups import Floats
from canary.kayenta.request import KayentaRequest, MetricSetPair
from canary.kayenta.result import AnalysisResult, JudgeResult
from canary.kayenta.samples import prepare
from canary.kayenta.scoring import score, score_groups


def judge(request: KayentaRequest, *, compat: Compat = Compat.EXACT, seed: int = 0) -> JudgeResult:
    """What NetflixACAJudge-v1.0 answers to `request`; asking twice gives the same answer.

    Args:
        request: the question.
        compat: whether Kayenta's defects are kept or repaired.
        seed: what the noise of `Compat.EXACT` is drawn from, for each pair by itself; non-negative.

    Raises:
        CanaryError: when Kayenta, too, would fail the whole analysis, or weights or thresholds are not usable.
    """
    metrics = {metric.name: metric for metric in reversed(request.config.metrics)}
    asked = [(pair, _config_of(pair, metrics)) for pair in request.pairs]
    if compat is Compat.EXACT:
        _refuse_flaws(asked)
    with np.errstate(all="ignore"):  # overflow and infinities have documented outcomes
        results = tuple(_result(pair, metric, compat, seed) for pair, metric in asked)
    scored = [result for result in results if not result.is_muted]
    groups = score_groups(scored, compat)
    return JudgeResult(results, groups, score(scored, groups, request.config, request.thresholds, compat))


def judge_json(text: str | bytes, *, compat: Compat = Compat.EXACT, seed: int = 0) -> str:
    """The answer to a request in JSON, as one line of JSON.

    Args:
        text: one request.
        compat: whether Kayenta's defects are kept or repaired.
        seed: what the noise of `Compat.EXACT` is drawn from; non-negative.

    Raises:
        CanaryError: when the text is no such request, or as `judge` raises.
    """
    return judge(KayentaRequest.from_json(text), compat=compat, seed=seed).to_json()


def _config_of(pair: MetricSetPair, metrics: Mapping[str | None, KayentaMetric]) -> KayentaMetric:
    if pair.name not in metrics:
        known = ", ".join(str(name) for name in metrics) or "none"
        raise CanaryError(
            f"metric set pair {pair.name!r} has no metric in the config",
            why=f"metrics are {known}",
            mend="add it there",
        )
    return metrics[pair.name]


def _refuse_flaws(asked: Sequence[tuple[MetricSetPair, KayentaMetric]]) -> None:
    for pair, metric in asked:
        if flaw := metric.options[Compat.EXACT].flaw:
            raise CanaryError(
                f"the options of metric {pair.name!r} cannot be used",
                why=flaw,
                mend="correct them, or use compat repaired",
            )


def _result(pair: MetricSetPair, metric: KayentaMetric, compat: Compat, seed: int) -> AnalysisResult:
    options = metric.options[compat]
    experiment = prepare(_series(pair.experiment, pair.experiment_nulls, compat), options)
    control = prepare(_series(pair.control, pair.control_nulls, compat), options)
    finding = find(pair.name, experiment, control, options, compat, partial(_noise, pair, seed))
    return AnalysisResult(
        name=pair.name,
        id=pair.id,
        tags=pair.tags,
        classification=finding.classification,
        reason=finding.reason,
        groups=tuple(metric.groups),
        experiment=experiment.stats,
        control=control.stats,
        ratio=finding.ratio,
        is_critical=finding.is_critical,
        is_muted=options.is_muted,
        interval=finding.interval,
    )


def _series(values: Floats, nulls: tuple[int, ...], compat: Compat) -> Floats:
    """The series; Kayenta takes null for 0."""
    if not nulls or compat is Compat.REPAIRED:
        return values
    values = values.copy()
    values[list(nulls)] = 0.0
    return values


def _noise(pair: MetricSetPair, seed: int) -> np.random.Generator:
    """The pair's own generator, so that other pairs and their order do not matter."""
    return np.random.default_rng([seed, crc32(repr((pair.name, pair.id, sorted((pair.tags or {}).items()))).encode())])
