"""Kayenta's judge, NetflixACAJudge-v1.0: its config unchanged, its answer to the letter, or its defects repaired."""

from canary.kayenta.compat import Compat
from canary.kayenta.config import KayentaConfig, KayentaThresholds
from canary.kayenta.judge import judge, judge_json
from canary.kayenta.pairing import TaggedSeries, pair_by_tags
from canary.kayenta.request import KayentaRequest, MetricSetPair
from canary.kayenta.result import AnalysisResult, Classification, GroupScore, JudgeResult, ScoreClass, SummaryScore

__all__ = [
    "AnalysisResult",
    "Classification",
    "Compat",
    "GroupScore",
    "JudgeResult",
    "KayentaConfig",
    "KayentaRequest",
    "KayentaThresholds",
    "MetricSetPair",
    "ScoreClass",
    "SummaryScore",
    "TaggedSeries",
    "judge",
    "judge_json",
    "pair_by_tags",
]
