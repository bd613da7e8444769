"""What a canary is judged by: the judge, its error rates, its clock and its metrics."""

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from canary.durations import Duration
from canary.errors import CanaryError
from canary.looks import ERROR_RATE, LATENCY
from canary.threshold.config import ThresholdConfig

Profiles = Mapping[str, Mapping[str, Any]]


class JudgeKind(StrEnum):
    """The judges there are."""

    SEQUENTIAL = "sequential"
    KAYENTA = "kayenta"
    THRESHOLD = "threshold"


class MetricKind(StrEnum):
    """What a metric's samples are, and so how it is compared."""

    COUNTS = "counts"
    EVENTS = "events"
    HISTOGRAM = "histogram"
    MEAN = "mean"
    GAUGE = "gauge"


class Role(StrEnum):
    """What a metric's harm does: a guardrail's rolls back, a signal's only holds."""

    GUARDRAIL = "guardrail"
    SIGNAL = "signal"


class Direction(StrEnum):
    """Which way is harm."""

    INCREASE = "increase"
    DECREASE = "decrease"


#: The kinds of the metrics that every router shows.
KNOWN_METRICS: Final = {ERROR_RATE: MetricKind.COUNTS, LATENCY: MetricKind.HISTOGRAM}


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricConfig(_Settings):
    """How one metric is judged. Counts and histograms compare odds ratios, means and gauges ratios of means."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_.:/-]*$", max_length=200, description="What is compared, such as `error_rate`."
    )
    kind: MetricKind | None = Field(
        default=None, description="What its samples are; known for `error_rate` (counts) and `latency` (histogram)."
    )
    role: Role = Field(default=Role.GUARDRAIL, description="A guardrail's harm rolls back, a signal's only holds.")
    direction: Direction = Field(default=Direction.INCREASE, description="Which way is harm.")
    unit: str = Field(default="", max_length=40, description="Unit of its values, such as `ms` or `bytes`.")
    source: str = Field(default="", description="Source of the environment that has it. Default: the region's router.")
    query: Mapping[str, Any] = Field(default_factory=dict, description="What to ask that source; see docs/sources.md.")
    weight: float = Field(default=1.0, gt=0, le=1000, description="This metric's part of alpha, against the others'.")
    tolerance: float = Field(default=1.0, ge=1, le=100, description="Only an odds ratio above this counts as harm.")
    margin: float = Field(default=1.5, gt=1, le=1000, description="Certified safe means an odds ratio below this ...")
    negligible: float = Field(default=0.001, ge=0, lt=1, description="... or a probability in the canary below this.")
    protect: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(0.5, 0.9, 0.99), min_length=1, description="Latency quantiles that must be certified for a PASS."
    )
    dispersion: float | None = Field(
        default=None, ge=1, le=1000, description="Variance against independent requests, if known; else estimated."
    )

    @model_validator(mode="after")
    def _margin_above_tolerance(self) -> Self:
        if self.margin <= self.tolerance:
            raise ValueError(f"margin {self.margin:g} must be above tolerance {self.tolerance:g}")
        return self

    @model_validator(mode="after")
    def _kind_is_known(self) -> Self:
        if self.kind is None and self.name not in KNOWN_METRICS:
            kinds = f"a metric of its own needs a kind: {', '.join(MetricKind)}"
            if close := get_close_matches(self.name, KNOWN_METRICS, n=1):
                raise ValueError(f"unknown value {self.name!r}; did you mean {close[0]!r}? ({kinds})")
            raise ValueError(f"{self.name!r} is none of {', '.join(KNOWN_METRICS)}, and {kinds}")
        return self

    @model_validator(mode="after")
    def _asks_a_source(self) -> Self:
        if bool(self.source) != bool(self.query):
            raise ValueError(f"{self.name!r} has a source without a query, or a query without a source")
        return self

    @property
    def kind_in_use(self) -> MetricKind:
        """Its kind, which the known metrics need not say."""
        return self.kind if self.kind is not None else KNOWN_METRICS[self.name]


def _as_metric(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class ScoreThresholds(_Settings):
    """Scores, in points of 100, that a canary has to reach."""

    passing: float = Field(default=95, alias="pass", description="The last score must reach this.")
    marginal: float = Field(default=75, description="A score of this or less fails at once.")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class KayentaSettings(_Settings):
    """How the judge `kayenta` is asked: with a canary config of Kayenta's own, or with one made of the metrics."""

    config: Mapping[str, Any] = Field(
        default_factory=dict,
        description="A Kayenta canary config, unchanged; its metrics are found by their names. "
        "Default: the metrics, all of one weight, each failed by a rise.",
    )
    thresholds: ScoreThresholds = Field(default=ScoreThresholds(), description="Scores: `pass` and `marginal`.")
    step: Duration = Field(default=timedelta(minutes=1), description="Time of one point of a series.")
    analysis_interval: Duration | None = Field(
        default=None, description="Time between two analyses, each over all points so far. Default: one, at the end."
    )
    compat: Literal["exact", "repaired"] = Field(
        default="exact", description="Whether Kayenta's defects are kept; docs/kayenta.md lists them."
    )

    @field_validator("config")
    @classmethod
    def _is_kayentas(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if value:
            # NumPy comes with it, which a configuration for another judge need not load.
            from canary.kayenta.config import KayentaConfig

            KayentaConfig.model_validate(value)
        return value

    @field_validator("step", "analysis_interval")
    @classmethod
    def _positive(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta(0):
            raise ValueError("must be longer than nothing")
        return value


class CanaryConfig(_Settings):
    """Everything a judge is told beforehand; with the looks it fixes the judgment bit for bit."""

    profile: str = Field(default="", description="The threshold profile these settings came from.")
    judge: JudgeKind = Field(default=JudgeKind.SEQUENTIAL, description="The judge to ask.")
    alpha: float = Field(default=0.01, ge=1e-9, lt=0.5, description="Chance of failing a canary that is no worse.")
    beta: float = Field(default=0.05, ge=1e-9, lt=0.5, description="Chance of passing a canary that is not safe.")
    interval: Duration = Field(default=timedelta(seconds=15), description="Time between two looks.")
    warm_up: Duration = Field(default=timedelta(0), description="What the first looks within this see is left out.")
    min_duration: Duration = Field(default=timedelta(minutes=1), description="No PASS before this.")
    duration: Duration = Field(default=timedelta(minutes=30), description="Undecided by then is INCONCLUSIVE.")
    min_requests: int = Field(default=100, ge=0, description="No PASS with fewer requests on either side.")
    metrics: tuple[Annotated[MetricConfig, BeforeValidator(_as_metric)], ...] = Field(
        default=(MetricConfig(name=ERROR_RATE), MetricConfig(name=LATENCY)),
        min_length=1,
        description="What is compared: names of metrics, or mappings with a name and settings.",
    )

    kayenta: KayentaSettings | None = Field(default=None, description="Settings of the judge `kayenta`.")
    threshold: ThresholdConfig | None = Field(
        default=None, description="Bounds and counting rules of the judge `threshold`; see docs/threshold-judge.md."
    )

    @field_validator("interval", "duration")
    @classmethod
    def _positive(cls, value: timedelta) -> timedelta:
        if value <= timedelta(0):
            raise ValueError("must be longer than nothing")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.min_duration > self.duration:
            raise ValueError("min_duration must not be longer than duration")
        if self.judge is JudgeKind.THRESHOLD and self.threshold is None:
            raise ValueError("the judge threshold needs `threshold`: its bounds and rules")
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise ValueError("metrics name the same metric twice")
        if all(metric.role is Role.SIGNAL for metric in self.metrics):
            raise ValueError("metrics are signals only, so nothing could ever pass or fail")
        return self

    def alpha_of(self, metric: MetricConfig) -> float:
        """The part of alpha that `metric` may spend (its weight among all)."""
        return self.alpha * metric.weight / sum(each.weight for each in self.metrics)

    @classmethod
    def from_profile(cls, name: str, profiles: Profiles, overrides: Mapping[str, Any] | None = None) -> Self:
        """The settings of a threshold profile, with those it `extends` underneath.

        Args:
            name: the profile.
            profiles: every profile's own settings by name.
            overrides: settings laid on top, such as a pipeline's own.

        Raises:
            CanaryError: when a profile is unknown, extends itself, or does not validate.
        """
        settings = _resolved(name, profiles, ())
        settings = _laid_over(settings, overrides or {})
        try:
            return cls.model_validate({**settings, "profile": name})
        except ValidationError as error:
            flaws = [f"{'.'.join(map(str, flaw['loc'])) or 'profile'}: {flaw['msg']}" for flaw in error.errors()]
            what = f"canary profile {name!r} is not valid"
            raise CanaryError(what, why="; ".join(flaws), mend="correct the profile") from error


def _resolved(name: str, profiles: Profiles, above: tuple[str, ...]) -> dict[str, Any]:
    if name in above:
        raise CanaryError(
            f"canary profile {name!r} extends itself", why=" -> ".join((*above, name)), mend="remove one `extends`"
        )
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise CanaryError(f"no canary profile {name!r}", why=f"known are {known}", mend="use one of these or add it")
    own = dict(profiles[name])
    parent = own.pop("extends", None)
    return own if parent is None else _laid_over(_resolved(str(parent), profiles, (*above, name)), own)


def _laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on `under`; a metric keeps what the same metric below says and it does not."""
    merged = {**under, **over}
    if isinstance(under.get("metrics"), list | tuple) and isinstance(over.get("metrics"), list | tuple):
        below = {str(metric.get("name")): metric for metric in map(_fields, under["metrics"])}
        merged["metrics"] = [
            {**below.get(str(_fields(metric).get("name")), {}), **_fields(metric)} or metric
            for metric in over["metrics"]
        ]
    return merged


def _fields(metric: object) -> Mapping[str, Any]:
    fields = _as_metric(metric)
    return fields if isinstance(fields, Mapping) else {}
