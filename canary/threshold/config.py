"""What the threshold judge is told: bounds of each metric, and how broken ones are counted."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canary.durations import Duration
from canary.looks import ERROR_RATE

_POSITIVE = timedelta(0)


class Measure(StrEnum):
    """How a metric's samples become one number."""

    ERROR_PERCENT = "error_percent"
    SUCCESS_PERCENT = "success_percent"
    ERROR_SHARE = "error_share"
    SUCCESS_SHARE = "success_share"
    PER_SECOND = "per_second"
    QUANTILE = "quantile"
    MEAN = "mean"


class Compared(StrEnum):
    """What a bound is held against: the canary's value, or how many times the baseline's it is."""

    CANARY = "canary"
    RATIO = "ratio"


class Compat(StrEnum):
    """Whether passing without data is kept as Argo Rollouts has it, or repaired."""

    EXACT = "exact"
    REPAIRED = "repaired"


class WithoutTraffic(StrEnum):
    """What a query gives for a side without requests: no series at all, or zero divided by zero."""

    EMPTY = "empty"
    NAN = "nan"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measured(_Settings):
    """A number that is taken from the looks again and again."""

    name: str = Field(min_length=1, max_length=200, description="What results call it; each name once.")
    metric: str = Field(default=ERROR_RATE, description="The metric of the looks, such as `error_rate` or `latency`.")
    measure: Measure = Field(default=Measure.ERROR_PERCENT, description="The number that is made of it.")
    quantile: float = Field(default=0.99, gt=0, lt=1, description="Which quantile, where `measure` is `quantile`.")
    compared: Compared = Field(
        default=Compared.CANARY, description="Hold against the bound: the canary's value, or its ratio to the baseline."
    )


class Condition(_Settings):
    """A condition on a number; all bounds that are given must hold."""

    below: float | None = Field(default=None, description="True below this.")
    at_most: float | None = Field(default=None, description="True at or below this.")
    above: float | None = Field(default=None, description="True above this.")
    at_least: float | None = Field(default=None, description="True at or above this.")
    when_nan: bool = Field(default=False, description="What it is of NaN; true is `isNaN(result) || ...`.")
    when_empty: bool | None = Field(
        default=None, description="What it is of an empty result; true is `len(result) == 0 || ...`, none an error."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(bound is None for bound in (self.below, self.at_most, self.above, self.at_least)):
            raise ValueError("needs a bound: below, at_most, above or at_least")
        return self


class ArgoMetric(Measured):
    """One metric as an Argo Rollouts AnalysisTemplate has it; limits and defaults are Argo's."""

    interval: Duration | None = Field(default=None, description="Time between two measurements; none: just one.")
    initial_delay: Duration = Field(default=_POSITIVE, description="Time before the first measurement.")
    window: Duration | None = Field(
        default=None, description="Time a measurement looks back, as `[5m]` in a query; `interval` where not given."
    )
    count: int = Field(default=0, ge=0, description="Measurements to take; 0 with an interval: until it is ended.")
    success: Condition | None = Field(default=None, description="When a measurement is successful.")
    failure: Condition | None = Field(default=None, description="When a measurement is failed.")
    failure_limit: int = Field(default=0, ge=-1, description="Failed measurements that are borne; -1: any number.")
    inconclusive_limit: int = Field(default=0, ge=0, description="Inconclusive measurements that are borne.")
    consecutive_error_limit: int = Field(default=4, ge=0, description="Errors in a row that are borne.")
    consecutive_success_limit: int = Field(default=0, ge=0, description="Successes in a row that suffice; 0: none do.")
    dry_run: bool = Field(default=False, description="Measured and told of, but without effect on the result.")

    @model_validator(mode="after")
    def _is_one_that_argo_takes(self) -> Self:
        """Refuses what `ValidateMetric` refuses (argo-rollouts 9f8d111d8, utils/analysis/factory.go)."""
        if self.consecutive_success_limit == 0 and self.failure_limit == -1:
            raise ValueError("failure_limit -1 needs a consecutive_success_limit, or nothing would ever decide")
        if self.count and self.count < max(self.failure_limit, 0) + self.consecutive_success_limit:
            raise ValueError("count must be at least failure_limit and consecutive_success_limit together")
        if self.count and self.count < self.inconclusive_limit:
            raise ValueError("count must be at least inconclusive_limit")
        if self.count > 1 and self.interval is None:
            raise ValueError("more than one measurement needs an interval")
        return self

    @property
    def effective_count(self) -> int | None:
        """Measurements to take; None for no end (`EffectiveCount`, pkg/apis/rollouts/v1alpha1/analysis_types.go)."""
        if self.count:
            return self.count
        return 1 if self.interval is None else None


class FlaggerMetric(Measured):
    """One metric check as a Flagger Canary has it."""

    minimum: float | None = Field(default=None, description="A lower value fails the check (`thresholdRange.min`).")
    maximum: float | None = Field(default=None, description="A higher value fails the check (`thresholdRange.max`).")
    window: Duration = Field(
        default=timedelta(minutes=1), description="Time a check looks back (the metric's `interval` in Flagger)."
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("needs a bound: minimum or maximum")
        return self


class ArgoRules(_Settings):
    """Judged as an Argo Rollouts AnalysisRun."""

    rules: Literal["argo"]
    compat: Compat = Field(
        default=Compat.REPAIRED, description="`repaired`: without any value nothing passes; `exact`: Argo's letter."
    )
    without_traffic: WithoutTraffic = Field(
        default=WithoutTraffic.EMPTY, description="What a side without requests gives: an empty result, or NaN."
    )
    metrics: tuple[ArgoMetric, ...] = Field(min_length=1, description="What is measured.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        _refuse_twice(self.metrics)
        return self


class FlaggerRules(_Settings):
    """Judged as a Flagger Canary: by weight steps, or by iterations where these are given."""

    rules: Literal["flagger"]
    interval: Duration = Field(
        default=timedelta(minutes=1), ge=timedelta(seconds=10), description="Time between two checks."
    )
    threshold: int = Field(default=1, ge=1, description="Failed checks that roll back; they are never forgotten.")
    max_weight: int = Field(default=100, ge=1, le=100, description="Weight in percent from which a pass promotes.")
    step_weight: int = Field(default=0, ge=0, le=100, description="Percent that each pass adds.")
    step_weights: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        default=(), description="The weights themselves, where steps differ; the last one is `max_weight` then."
    )
    iterations: int = Field(default=0, ge=0, description="Passes before the one that promotes (A/B testing).")
    metrics: tuple[FlaggerMetric, ...] = Field(min_length=1, description="What is checked, in this order.")

    @model_validator(mode="after")
    def _advances(self) -> Self:
        if sum(map(bool, (self.step_weight, self.step_weights, self.iterations))) != 1:
            raise ValueError("needs exactly one of step_weight, step_weights and iterations")
        if list(self.step_weights) != sorted(set(self.step_weights)):
            raise ValueError("step_weights must rise")
        _refuse_twice(self.metrics)
        return self


#: Settings of the threshold judge, told apart by `rules`.
ThresholdConfig = Annotated[ArgoRules | FlaggerRules, Field(discriminator="rules")]


def _refuse_twice(metrics: tuple[Measured, ...]) -> None:
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise ValueError("metrics have the same name twice")
