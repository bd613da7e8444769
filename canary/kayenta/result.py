"""The judge's answer, in Kayenta's own JSON shape."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from canary.kayenta.interval import Interval
from canary.kayenta.samples import Stats

#: The name that Kayenta's judge gives itself.
JUDGE_NAME: Final = "NetflixACAJudge-v1.0"


class Classification(StrEnum):
    """What one metric is found to be."""

    PASS = "Pass"
    HIGH = "High"
    LOW = "Low"
    NODATA = "Nodata"
    NODATA_FAIL = "NodataFailMetric"
    ERROR = "Error"


class ScoreClass(StrEnum):
    """What the whole canary is found to be."""

    PASS = "Pass"
    MARGINAL = "Marginal"
    FAIL = "Fail"


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What one metric set pair was found to be.

    Args:
        name: the metric.
        id: the pair's own name, if it has one.
        tags: the pair's tags, if it has any.
        classification: the finding.
        reason: why, if there is more to say.
        groups: the groups in which it counts.
        experiment: the canary's statistics, after NaN and outliers were handled.
        control: the baseline's, likewise.
        ratio: the canary's mean over the baseline's (NaN: undefined); None on Error.
        is_critical: whether this alone fails the canary.
        is_muted: whether it is left out of scoring.
        interval: the shift that was found, in the metric's unit; None where none was looked for. Not in the JSON.
    """

    name: str
    id: str | None
    tags: dict[str, Any] | None
    classification: Classification
    reason: str | None
    groups: tuple[str, ...]
    experiment: Stats
    control: Stats
    ratio: float | None
    is_critical: bool
    is_muted: bool
    interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON values, with what is absent left out."""
        fields = {
            "name": self.name,
            "id": self.id,
            "tags": self.tags,
            "classification": self.classification.value,
            "classificationReason": self.reason,
            "groups": list(self.groups),
            "experimentMetadata": {"stats": _stats(self.experiment)},
            "controlMetadata": {"stats": _stats(self.control)},
            "resultMetadata": None if self.ratio is None else {"ratio": _number(self.ratio)},
            "critical": self.is_critical,
            "muted": self.is_muted,
        }
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class GroupScore:
    """A group's score in percent; `has_data` is False where no metric of it counted."""

    name: str
    score: float
    has_data: bool = True

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON values."""
        return {"name": self.name, "score": _number(self.score), "classification": "", "classificationReason": ""}


@dataclass(frozen=True, slots=True)
class SummaryScore:
    """The canary's score, its class by the thresholds, and why, where no scores were added up."""

    score: float
    classification: ScoreClass
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The score as plain JSON values."""
        return {
            "score": _number(self.score),
            "classification": self.classification.value,
            "classificationReason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """What the judge answers: results in the order of the pairs, scores of groups, and the score."""

    results: tuple[AnalysisResult, ...]
    group_scores: tuple[GroupScore, ...]
    score: SummaryScore

    def to_json(self) -> str:
        """The answer as one line of JSON, in Kayenta's shape."""
        fields = {
            "judgeName": JUDGE_NAME,
            "results": [result.to_json() for result in self.results],
            "groupScores": [group.to_json() for group in self.group_scores],
            "score": self.score.to_json(),
        }
        return msgspec.json.encode(fields).decode()


def _stats(stats: Stats) -> dict[str, Any]:
    return {
        "count": stats.count,
        "mean": _number(stats.mean),
        "min": _number(stats.min),
        "max": _number(stats.max),
        "std": _number(stats.std),
    }


def _number(value: float) -> float | str:
    """The number as Kayenta writes it: text where JSON has no number for it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
