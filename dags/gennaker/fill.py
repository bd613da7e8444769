"""Fills in what the stages of a pipeline leave to their environment, profile and order."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from canary.config import CanaryConfig
from canary.errors import CanaryError
from gennaker.errors import PipelineErrors, unknown
from gennaker.explain import explain
from gennaker.metric_sources import flaws_of_sources
from gennaker.model import Environment, Pipeline
from gennaker.profiles import named
from gennaker.report import Report
from gennaker.stages import AutomatedCanary, BakeImage, Deploy, IntegrationTests, ProgressiveRollout, Stage
from gennaker.surroundings import Surroundings


class Filler:
    """Fills in stages one by one, and keeps the environments they act in and the profiles they are judged by.

    Args:
        pipeline: the pipeline as its file says it.
        before: names of all stages before each stage.
        around: what the pipeline may name.
        report: where problems go.
    """

    def __init__(
        self, pipeline: Pipeline, before: Mapping[str, Collection[str]], around: Surroundings, report: Report
    ) -> None:
        self._pipeline, self._before, self._around, self._report = pipeline, before, around, report
        self.environments: dict[str, Environment] = {}
        self.profiles: dict[str, CanaryConfig] = {}

    def stage(self, index: int, stage: Stage) -> Stage:
        """The stage with every setting filled in; as it was where there is a problem."""
        match stage:
            case BakeImage():
                return stage.model_copy(update={"artifact": self._artifact(index, stage)})
            case IntegrationTests():
                if stage.environment:
                    self._environment(index, stage.environment)
                    return stage
                return stage.model_copy(update={"environment": self._deployed_before(index, stage)})
            case Deploy() | AutomatedCanary() | ProgressiveRollout():
                environment = self._environment(index, stage.environment)
                return stage.model_copy(update=self._places(index, stage, environment)) if environment else stage
            case _:
                return stage

    def _places(
        self, index: int, stage: Deploy | AutomatedCanary | ProgressiveRollout, environment: Environment
    ) -> Mapping[str, Any]:
        capacity = stage.capacity or environment.capacity
        match stage:
            case AutomatedCanary():
                region = stage.region or environment.regions[0]
                self._check_regions(environment, [region], "stages", index, "region")
                return {"region": region, "canary": self._canary(index, stage, environment)}
            case Deploy():
                regions = stage.regions or environment.regions
                self._check_regions(environment, regions, "stages", index, "regions")
                return {"regions": regions, "capacity": capacity}
            case ProgressiveRollout():
                regions = self._rollout_regions(index, stage, environment)
                waves, canary = stage.waves or (regions,), self._canary(index, stage, environment)
                return {"regions": regions, "capacity": capacity, "waves": waves, "canary": canary}

    def _rollout_regions(self, index: int, stage: ProgressiveRollout, environment: Environment) -> tuple[str, ...]:
        in_waves = tuple(region for wave in stage.waves for region in wave)
        self._check_regions(environment, in_waves, "stages", index, "waves")
        self._check_regions(environment, stage.regions, "stages", index, "regions")
        if in_waves and stage.regions and set(in_waves) != set(stage.regions):
            self._report.add(f"waves of {stage.name}: expected the same as 'regions'", "stages", index, "waves")
        return stage.regions or in_waves or environment.regions

    def _check_regions(self, environment: Environment, regions: Sequence[str], *path: str | int) -> None:
        for position, region in enumerate(regions):
            if region not in environment.regions:
                what = unknown("region", region, environment.regions)
                self._report.add(f"{what} (environment {environment.environment})", *path, position)
        if len(set(regions)) < len(regions):
            self._report.add(f"{path[-1]}: expected each region once, found one twice", *path)

    def _environment(self, index: int, name: str) -> Environment | None:
        if name in self.environments:
            return self.environments[name]
        names = self._around.environment_names()
        if name not in names:
            self._report.add(unknown("environment", name, names), "stages", index, "environment")
            return None
        try:
            self.environments[name] = self._around.environment(name)
        except PipelineErrors as errors:
            self._report.take(errors, "stages", index, "environment")
        return self.environments.get(name)

    def _canary(
        self, index: int, stage: AutomatedCanary | ProgressiveRollout, environment: Environment
    ) -> CanaryConfig:
        names = self._around.profile_names()
        profile, _ = named(stage.profile, names)
        if profile not in names:
            self._report.add(unknown("profile", profile, names), "stages", index, "profile")
            return stage.canary
        try:
            self.profiles[profile] = self._around.canary(profile, {})
            canary = self._around.canary(profile, stage.overrides)
            for flaw in flaws_of_sources(canary, environment):
                self._report.add(f"{stage.name}: {flaw}", "stages", index)
            return canary
        except PipelineErrors as errors:
            self._report.take(errors, "stages", index, "profile")
        except CanaryError as error:
            if isinstance(error.__cause__, ValidationError):
                written = self._report.tree["stages"][index]
                self._report.problems.extend(explain(error.__cause__, CanaryConfig, written))
            else:
                self._report.add(f"{stage.name}: {error}", "stages", index)
        return stage.canary

    def _artifact(self, index: int, stage: BakeImage) -> str:
        known = self._pipeline.artifacts
        if stage.artifact:
            if stage.artifact not in known:
                self._report.add(unknown("artifact", stage.artifact, known), "stages", index, "artifact")
            return stage.artifact
        if len(known) != 1:
            found = f"there are {len(known)}: {', '.join(known)}" if known else "the pipeline has no 'artifacts'"
            self._report.add(f"{stage.name}: expected the key 'artifact', as {found}", "stages", index)
        return next(iter(known), "")

    def _deployed_before(self, index: int, stage: IntegrationTests) -> str:
        before = self._before[stage.name]
        found = [
            earlier.environment
            for earlier in self._pipeline.stages
            if earlier.name in before and isinstance(earlier, Deploy | ProgressiveRollout)
        ]
        if not found:
            what = f"{stage.name}: expected the key 'environment', as no deploy comes before"
            self._report.add(what, "stages", index)
        return found[-1] if found else ""
