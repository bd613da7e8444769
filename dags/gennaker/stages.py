"""The stages of a pipeline: one class a type, and what each can be told.

In a file a stage is `- type: {settings}`. A resolved stage has every setting filled in: what
the file leaves out comes from the environment and from the stages before it.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from canary.config import CanaryConfig
from gennaker.fields import Count, Duration, Frozen, MaybeName, Name, Percent, Text, unfit
from operators.choices import OnInconclusive, OnRegionFailure
from operators.strategies import Strategy


class OnFailure(StrEnum):
    """What a failed stage means for the stages after it."""

    STOP = "stop"
    CONTINUE = "continue"


class StageBase(Frozen):
    """What every stage can be told."""

    name: Name = Field(
        default="", description="Unique name of the stage in the pipeline. Default: its type.", validate_default=False
    )
    needs: tuple[Name, ...] = Field(
        default=(), description="Names of the stages that end before this one begins. Default: the stage before it."
    )
    when: str = Field(
        default="",
        description="Condition, a Jinja expression over params, artifacts, run and stages; "
        "the stage is skipped when it does not hold. Default: always runs.",
    )
    retries: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=10,
        description="Times that failed tests are run again. Operations are safe to repeat, and one that breaks off "
        "is always tried three times more, or this often if that is more.",
    )
    timeout: Duration = Field(default=timedelta(hours=2), description="Longest time a task of the stage may take.")
    on_failure: OnFailure = Field(
        default=OnFailure.STOP, description="Whether the pipeline stops or goes on when the stage fails."
    )


class BakeImage(StageBase):
    """Makes an immutable image of an artifact, once, named by its digest."""

    type: Literal["bake-image"] = "bake-image"
    artifact: Name = Field(default="", description="Artifact to bake. Default: the only one of the pipeline.")
    settings: Mapping[str, str] = Field(
        default_factory=dict,
        description="What else decides the image. Any further key of the stage, such as os or jdk, is one of these.",
    )


class Deploy(StageBase):
    """Puts the image into an environment: a new server group takes over from the old one."""

    type: Literal["deploy"] = "deploy"
    environment: Name = Field(description="Environment to deploy to.")
    regions: tuple[Name, ...] = Field(
        default=(), min_length=1, description="Regions to deploy to. Default: all of the environment."
    )
    strategy: Strategy = Field(
        default=Strategy.BLUE_GREEN, description="How the new server group takes over from the old one."
    )
    capacity: Count = Field(default=0, description="Instances in each region. Default: as the environment says.")
    health_timeout: Duration = Field(
        default=timedelta(minutes=5), description="Longest wait for the new server group to become healthy."
    )
    window: MaybeName = Field(default="", description="Execution window that must be open. Default: any time.")


class HttpCheck(Frozen):
    """A request to the deployed service and the answer it must give."""

    path: Annotated[str, Field(pattern="^/")] = Field(default="/", description="Path, beginning with '/'.")
    status: int = Field(default=200, strict=True, ge=100, le=599, description="HTTP status that must come back.")
    contains: str = Field(default="", description="Text that the body must contain.")


class IntegrationTests(StageBase):
    """Tests the deployed service by a command or by an HTTP request; exactly one of the two."""

    type: Literal["integration-tests"] = "integration-tests"
    command: Text | None = Field(
        default=None, description="Command that exits 0 when all is well; it runs in the artifact's directory."
    )
    http: HttpCheck | None = Field(default=None, description="HTTP request that must get the expected answer.")
    environment: Name = Field(
        default="", description="Environment to test in. Default: that of the last deploy before the stage."
    )
    timeout: Duration = Field(default=timedelta(minutes=10), description="Longest time the tests may take.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.command is None) == (self.http is None):
            raise unfit("exactly one of command and http")
        return self


#: What a canary says itself of the profile's clock.
_CLOCK: Final = {"duration", "interval"}
_DEFAULT_CANARY: Final = CanaryConfig()


class Judged(StageBase):
    """What both stages that judge new against old can be told.

    `canary` is what the profile, the metrics and the clock come to once the pipeline is resolved.
    """

    environment: Name = Field(description="Environment to act in.")
    metrics: tuple[Text | Mapping[str, Any], ...] = Field(
        default=(),
        description="Metrics to judge by: names, or mappings with a name and settings of their own. "
        "Default: those of the profile.",
    )
    profile: Text = Field(
        default="standard", description="Threshold profile: name for its champion, or name@version. Default: standard."
    )
    capacity: Count = Field(default=0, description="Instances of each new server group. Default: see the stage.")
    on_inconclusive: OnInconclusive = Field(
        default=OnInconclusive.ROLLBACK, description="What is done when the evidence is too little to judge."
    )
    approvers: tuple[Text, ...] = Field(default=(), description="Users who are asked with 'on_inconclusive: ask'.")
    window: MaybeName = Field(default="", description="Execution window that must be open. Default: any time.")
    health_timeout: Duration = Field(
        default=timedelta(minutes=5), description="Longest wait for a new server group to become healthy."
    )
    canary: CanaryConfig = _DEFAULT_CANARY

    @model_validator(mode="after")
    def _someone_to_ask(self) -> Self:
        if self.on_inconclusive is OnInconclusive.ASK and not self.approvers:
            raise unfit("approvers, as 'on_inconclusive: ask' needs someone to ask")
        return self

    @property
    def overrides(self) -> dict[str, Any]:
        """What the stage says itself about how it is judged, as JSON, to be laid over its profile."""
        return self.model_dump(mode="json", include={"metrics"}) if self.metrics else {}


class AutomatedCanary(Judged):
    """Compares a fresh baseline and a fresh canary under the same share of real traffic.

    Both groups are removed when it ends, whatever happens.
    """

    type: Literal["automated-canary"] = "automated-canary"
    capacity: Count = Field(default=1, description="Instances of each of the baseline and the canary.")
    region: Name = Field(default="", description="Region to compare in. Default: the environment's first.")
    traffic: Annotated[Percent, Field(le=49)] = Field(
        default=10, description="Percent of the region's traffic for each of baseline and canary, at most 49%."
    )
    duration: Duration | None = Field(
        default=None, description="Longest time to gather evidence. Default: as the profile says."
    )
    interval: Duration | None = Field(
        default=None, description="Time from one look at the evidence to the next. Default: as the profile says."
    )

    @property
    def overrides(self) -> dict[str, Any]:
        """What the stage says itself about how it is judged, as JSON, to be laid over its profile."""
        return {**super().overrides, **self.model_dump(mode="json", include=_CLOCK, exclude_none=True)}

    timeout: Duration = Field(default=timedelta(hours=6), description="Longest time a task of the stage may take.")


class ProgressiveRollout(Judged):
    """Moves traffic to the new version step by step, each region watched and rolled back on its own."""

    type: Literal["progressive-rollout"] = "progressive-rollout"
    capacity: Count = Field(default=0, description="Instances in each region. Default: as the environment says.")
    regions: tuple[Name, ...] = Field(
        default=(), min_length=1, description="Regions to roll out to. Default: all of the environment."
    )
    ramp: tuple[Percent, ...] = Field(
        default=(10, 50, 100), min_length=1, description="Percent of traffic at each step: rising, the last 100%."
    )
    waves: tuple[tuple[Name, ...], ...] = Field(
        default=(),
        min_length=1,
        description="Lists of regions; a wave begins when the one before it has ended. "
        "Default: all regions side by side.",
    )
    step_duration: Duration = Field(
        default=timedelta(minutes=5),
        description="Time that new is watched against old at each step of the ramp. "
        "A step is judged within this time: min_duration and duration of the profile do not hold here.",
    )
    on_region_failure: OnRegionFailure = Field(
        default=OnRegionFailure.STOP, description="What the other regions do when one was rolled back."
    )
    timeout: Duration = Field(default=timedelta(days=1), description="Longest time a task of the stage may take.")

    @model_validator(mode="after")
    def _ramp_rises(self) -> Self:
        if list(self.ramp) != sorted(set(self.ramp)) or self.ramp[-1] != 100:
            raise unfit("a ramp that rises and ends with 100%")
        return self


class ManualJudgment(StageBase):
    """Asks a person whether to go on; a rejection or a timeout ends the pipeline."""

    type: Literal["manual-judgment"] = "manual-judgment"
    approvers: tuple[Text, ...] = Field(
        default=(), description="Users who may answer. Default: everyone who may edit the pipeline's runs."
    )
    instructions: str = Field(default="", description="What the person is asked to look at.")
    timeout: Duration = Field(default=timedelta(hours=24), description="How long the answer is waited for.")


class Wait(StageBase):
    """Waits for a time."""

    type: Literal["wait"] = "wait"
    duration: Duration = Field(description="How long to wait.")
    timeout: Duration = Field(default=timedelta(days=31), description="Longest time a task of the stage may take.")


class Window(StageBase):
    """Waits until a named execution window opens."""

    type: Literal["window"] = "window"
    window: Name = Field(description="Execution window to wait for.")
    timeout: Duration = Field(default=timedelta(days=7), description="How long the window is waited for.")


class FinishAndArchive(StageBase):
    """Closes the run: records how it ended, and removes old server groups and images.

    It always runs and is always last; a pipeline that does not name it gets it with its defaults.
    """

    type: Literal["finish-and-archive"] = "finish-and-archive"
    keep_groups: int = Field(
        default=0, strict=True, ge=0, description="Old server groups without traffic to keep in each cluster."
    )
    keep_images: Count = Field(default=10, description="Newest images of the service to keep.")


Stage = Annotated[
    BakeImage
    | Deploy
    | IntegrationTests
    | AutomatedCanary
    | ProgressiveRollout
    | ManualJudgment
    | Wait
    | Window
    | FinishAndArchive,
    Field(discriminator="type"),
]

#: Every stage class by the type that a file names it with.
STAGE_TYPES: Mapping[str, type[StageBase]] = {
    "bake-image": BakeImage,
    "deploy": Deploy,
    "integration-tests": IntegrationTests,
    "automated-canary": AutomatedCanary,
    "progressive-rollout": ProgressiveRollout,
    "manual-judgment": ManualJudgment,
    "wait": Wait,
    "window": Window,
    "finish-and-archive": FinishAndArchive,
}
