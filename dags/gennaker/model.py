"""A pipeline as everything after reading knows it: neutral, frozen, every setting filled in."""

import json
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from canary.config import CanaryConfig
from gennaker.cron import is_cron
from gennaker.fields import Count, Frozen, MaybeName, Name, Text, Word, unfit
from gennaker.parameters import Parameter
from gennaker.stages import Stage
from operators.windows import Freeze, Timezone, Window


def _cron(value: str) -> str:
    if not is_cron(value):
        raise unfit('a cron expression of five fields such as "0 10 * * MON-FRI"')
    return value


class GitTrigger(Frozen):
    """Starts a run when a branch of a repository gets a new commit."""

    type: Literal["git"] = "git"
    repo: Text = Field(description="Repository, such as netflix/playback.")
    branch: Text = Field(default="main", description="Branch to watch.")


class ScheduleTrigger(Frozen):
    """Starts a run at the times of a cron expression."""

    type: Literal["schedule"] = "schedule"
    cron: Annotated[str, AfterValidator(_cron)] = Field(description="Cron expression of five fields.")
    timezone: Timezone = Field(default="UTC", description="Whose local time, such as America/Los_Angeles.")


class ArtifactTrigger(Frozen):
    """Starts a run when an artifact is published."""

    type: Literal["artifact"] = "artifact"
    name: Name = Field(description="Artifact of the pipeline.")


class WebhookTrigger(Frozen):
    """Starts a run when a webhook is called."""

    type: Literal["webhook"] = "webhook"
    source: Name = Field(description="Who calls, such as ci.")


Trigger = Annotated[
    GitTrigger | ScheduleTrigger | ArtifactTrigger | WebhookTrigger,
    Field(discriminator="type"),
]

#: Every trigger class by the type that a file names it with.
TRIGGER_TYPES: Mapping[str, type[Frozen]] = {
    "git": GitTrigger,
    "schedule": ScheduleTrigger,
    "artifact": ArtifactTrigger,
    "webhook": WebhookTrigger,
}


class Artifact(Frozen):
    """What is baked: the build's result."""

    type: Literal["directory"] = Field(default="directory", description="Kind of artifact; a directory.")
    path: Text = Field(description="Where it is: a path from the working directory, or an absolute one.")


def _region(value: str) -> str:
    if value == "settle":
        raise unfit("a region with another name than 'settle', which is a task of every rollout")
    return value


Region = Annotated[Name, AfterValidator(_region)]


class Environment(Frozen):
    """A named set of regions of one cloud."""

    environment: Name = Field(description="Name of the environment; its file is named so too.")
    description: str = Field(default="", description="What it is for.")
    cloud: Name = Field(default="local", description="Cloud that its regions are in.")
    regions: tuple[Region, ...] = Field(min_length=1, description="Its regions, the first one the default.")
    capacity: Count = Field(default=1, description="Instances of an ordinary server group in each region.")
    health_path: Annotated[str, Field(pattern="^/")] = Field(
        default="/healthz", description="HTTP path that answers 200 when an instance can take traffic."
    )
    window: MaybeName = Field(
        default="", description="Execution window that every change of it needs. Default: any time."
    )
    sources: Mapping[Name, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="Metric sources by name: type and settings (docs/sources.md); secrets are only named.",
    )


class Policies(Frozen):
    """When changes may be made: named execution windows, and freezes."""

    windows: Mapping[Name, Window] = Field(default_factory=dict, description="Execution windows by name.")
    freezes: tuple[Freeze, ...] = Field(default=(), description="Times in which nothing may change.")


class Pipeline(Frozen):
    """How one service is delivered."""

    pipeline: Name = Field(description="Name of the pipeline; its file is named so too.")
    description: str = Field(default="", description="What it delivers, in a sentence.")
    owners: tuple[Text, ...] = Field(min_length=1, description="Teams or users who own it.")
    service: Name = Field(default="", description="Service it delivers. Default: the pipeline's name.")
    triggers: tuple[Trigger, ...] = Field(default=(), description="What starts a run. Default: only people and CI.")
    artifacts: Mapping[Name, Artifact] = Field(default_factory=dict, description="What it delivers, by name.")
    parameters: Mapping[Word, Parameter] = Field(
        default_factory=dict, description="What a run is asked for, by name; expressions read them as params.NAME."
    )
    max_parallel: Count = Field(default=1, description="Runs that may be under way at the same time.")
    stages: tuple[Stage, ...] = Field(min_length=1, description="Its stages, in order.")
    template: str = Field(default="", description="Template its stages come from, as name@version.")
    environments: Mapping[Name, Environment] = Field(default_factory=dict)
    windows: Mapping[Name, Window] = Field(default_factory=dict)
    profiles: Mapping[str, CanaryConfig] = Field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()
    file: str = ""

    @cached_property
    def definition_digest(self) -> str:
        """`sha256:...` of the resolved definition, with the environments, windows and profiles it uses.

        Where the file is does not matter, nor what is frozen at the time; two equal definitions have the
        same digest.
        """
        said = self.model_dump(mode="json", exclude={"file", "freezes"})
        body = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return f"sha256:{sha256(body.encode()).hexdigest()}"

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        return next(stage for stage in self.stages if stage.name == name)
