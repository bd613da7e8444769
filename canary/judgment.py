"""What a judge says: the verdict, why, and the evidence behind it."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from canary.errors import CanaryError

#: Raised when the JSON of a judgment changes in a way that older readers cannot follow.
VERSION: Final = 2


class Verdict(StrEnum):
    """What follows from the evidence so far."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric's part of a judgment.

    Args:
        name: the metric.
        kind: what its samples are.
        role: `guardrail` or `signal`.
        verdict: what this metric alone says.
        outcome: `ok`, or what the last look lacked of it, such as `no data`.
        sentence: the same for a reader, with numbers.
        effect: best estimate of the canary against the baseline, in `unit`; None without data.
        low: lower end of its confidence sequence (level 1 - beta); None without data.
        high: upper end, likewise.
        unit: unit of the three above, such as `odds ratio`.
        log_evidence_harm: natural logarithm of the e-value for harm; 0 under a judge that has none.
        log_limit_harm: the logarithm at which it fails the canary.
        log_evidence_safe: natural logarithm of the e-value for safety (the least over what is protected).
        log_limit_safe: the logarithm at which the metric is certified safe.
        dispersion: variance of the counts against independent requests, at least 1.
        baseline_value: the baseline's value: of counts the share with the event, of a histogram that over `threshold`.
        canary_value: the same in the canary.
        looks: looks taken in since the first.
        size_baseline: observations of the baseline, such as requests.
        size_canary: the same of the canary.
        threshold: for a histogram, the bucket edge that effect and values are about, in the metric's unit.
        is_weak: whether it is too weak to fail a canary alone.
        until_harm: about how many more observations of the side with fewer until harm of the margin's size would be
            seen; 0 when there are enough, None if unknown.
        until_safe: the same until a canary as good as its baseline is certified safe.
    """

    name: str
    kind: str
    role: str
    verdict: Verdict
    outcome: str
    sentence: str
    effect: float | None
    low: float | None
    high: float | None
    unit: str
    log_evidence_harm: float
    log_limit_harm: float
    log_evidence_safe: float
    log_limit_safe: float
    dispersion: float
    baseline_value: float | None
    canary_value: float | None
    looks: int = 0
    size_baseline: int = 0
    size_canary: int = 0
    threshold: float | None = None
    is_weak: bool = False
    until_harm: int | None = None
    until_safe: int | None = None


@dataclass(frozen=True, slots=True)
class Judgment:
    """What follows from all looks so far.

    Args:
        verdict: the answer.
        reason: why, in one sentence with numbers.
        decided_by: the metric that decided, `sample_ratio` for a wrong split of traffic, or `""`.
        looks: looks taken in, the first included.
        elapsed_s: seconds from the first look to the last.
        requests_baseline: requests the baseline answered since the first look.
        requests_canary: requests the canary answered since then.
        metrics: each metric's own result.
        more_requests: when undecided, about how many more requests a side needs; None if unknown.
        more_minutes: when undecided, about how many more minutes that takes; None if unknown.
        is_final: whether watching may stop: decided, or the deadline is reached.
        culprits: the metrics to name as worse in the canary, the strongest first.
    """

    verdict: Verdict
    reason: str
    decided_by: str
    looks: int
    elapsed_s: float
    requests_baseline: int
    requests_canary: int
    metrics: tuple[MetricResult, ...]
    more_requests: int | None
    more_minutes: float | None
    is_final: bool
    culprits: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The judgment as JSON text that `from_json` reads back as an equal one."""
        return json.dumps({"version": VERSION, **asdict(self)}, allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Judgment":
        """The judgment that `to_json` wrote.

        Raises:
            CanaryError: when the text is not such a judgment.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            version = fields.pop("version")
            if version != VERSION:
                raise ValueError(f"version {version!r}, and only {VERSION} is known")
            fields["metrics"] = tuple(
                MetricResult(**{**metric, "verdict": Verdict(metric["verdict"])}) for metric in fields["metrics"]
            )
            verdict, culprits = Verdict(fields["verdict"]), tuple(fields["culprits"])
            return cls(**{**fields, "verdict": verdict, "culprits": culprits})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CanaryError(
                "a stored judgment cannot be read", why=str(error), mend="judge its looks again"
            ) from error


#: What follows from no look at all.
UNSEEN: Final = Judgment(
    verdict=Verdict.INCONCLUSIVE,
    reason="The traffic could not be seen, so there is nothing to compare.",
    decided_by="",
    looks=0,
    elapsed_s=0.0,
    requests_baseline=0,
    requests_canary=0,
    metrics=(),
    more_requests=None,
    more_minutes=None,
    is_final=False,
)
