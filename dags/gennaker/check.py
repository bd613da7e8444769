"""What only the whole pipeline and its surroundings can tell: names, order, places."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from canary.config import CanaryConfig
from canary.errors import CanaryError
from gennaker import expressions
from gennaker.errors import PipelineErrors, Problem, unknown
from gennaker.explain import explain
from gennaker.graph import ancestors, cycle, order
from gennaker.model import ArtifactTrigger, Environment, Pipeline, Policies
from gennaker.read.tree import Table, place_of
from gennaker.shape import FINISH
from gennaker.stages import (
    AutomatedCanary,
    BakeImage,
    Deploy,
    IntegrationTests,
    ProgressiveRollout,
    Stage,
    Window,
)


class Surroundings(Protocol):
    """What a pipeline may name that is not in its own file."""

    @property
    def policies(self) -> Policies:
        """Execution windows and freezes."""

    def environment_names(self) -> Collection[str]:
        """Environments there are."""

    def environment(self, name: str) -> Environment:
        """One environment. Raises PipelineErrors when its file is wrong."""

    def profile_names(self) -> Collection[str]:
        """Threshold profiles there are."""

    def canary(self, profile: str, overrides: Mapping[str, Any]) -> CanaryConfig:
        """A threshold profile with overrides on top.

        Raises PipelineErrors when a profile's file is wrong, CanaryError when the overrides are.
        """


def check(pipeline: Pipeline, tree: Table, around: Surroundings) -> Pipeline:
    """The pipeline with every setting filled in and its stages in order.

    `tree` is what it was validated from. Raises PipelineErrors with every problem located.
    """
    return _Checker(pipeline, tree, around).resolved()


class _Checker:
    def __init__(self, pipeline: Pipeline, tree: Table, around: Surroundings) -> None:
        self._pipeline, self._tree, self._around = pipeline, tree, around
        self._problems: list[Problem] = []
        self._environments: dict[str, Environment] = {}
        self._needs = {stage.name: stage.needs for stage in pipeline.stages}
        self._before: Mapping[str, Collection[str]] = {}

    def resolved(self) -> Pipeline:
        self._check_order()
        self._refuse_problems()
        self._check_triggers()
        self._before = ancestors(self._needs)
        stages = {stage.name: self._stage(index, stage) for index, stage in enumerate(self._pipeline.stages)}
        windows = self._windows(list(stages.values()))
        self._refuse_problems()
        return self._pipeline.model_copy(
            update={
                "service": self._pipeline.service or self._pipeline.pipeline,
                "stages": tuple(stages[name] for name in order(self._needs)),
                "environments": self._environments,
                "windows": windows,
            }
        )

    def _refuse_problems(self) -> None:
        if self._problems:
            raise PipelineErrors(sorted(self._problems))

    def _add(self, what: str, *path: str | int) -> None:
        self._problems.append(Problem(place_of(self._tree, path), what))

    def _check_order(self) -> None:
        for index, stage in enumerate(self._pipeline.stages):
            others = self._needs.keys() - {stage.name}
            for position, needed in enumerate(stage.needs):
                if needed not in others:
                    what = f"needs of {stage.name}: {unknown('stage', needed, others)}"
                    self._add(what, "stages", index, "needs", position)
            if stage.type == FINISH and index != len(self._pipeline.stages) - 1:
                self._add(f"{FINISH}: expected as the last stage", "stages", index)
        if not self._problems and (found := cycle(self._needs)):
            index = list(self._needs).index(found[0])
            self._add(f"needs go in a circle: {' -> '.join(found)}", "stages", index, "needs")

    def _check_triggers(self) -> None:
        known = self._pipeline.artifacts
        for index, trigger in enumerate(self._pipeline.triggers):
            if isinstance(trigger, ArtifactTrigger) and trigger.name not in known:
                self._add(unknown("artifact", trigger.name, known), "triggers", index, "name")

    def _stage(self, index: int, stage: Stage) -> Stage:
        self._check_expressions(index, stage)
        match stage:
            case BakeImage():
                return self._with(stage, artifact=self._artifact(index, stage))
            case IntegrationTests():
                environment = stage.environment or self._deployed_before(index, stage)
                self._environment(index, environment)
                return self._with(stage, environment=environment)
            case Deploy() | AutomatedCanary() | ProgressiveRollout():
                return self._placed(index, stage)
            case _:
                return stage

    def _placed(self, index: int, stage: Deploy | AutomatedCanary | ProgressiveRollout) -> Stage:
        environment = self._environment(index, stage.environment)
        if environment is None:
            return stage
        if isinstance(stage, AutomatedCanary):
            region = stage.region or environment.regions[0]
            self._check_regions(environment, [region], "stages", index, "region")
            return self._with(stage, region=region, canary=self._canary(index, stage))
        regions = self._regions(index, stage, environment)
        capacity = stage.capacity or environment.capacity
        if isinstance(stage, Deploy):
            return self._with(stage, regions=regions, capacity=capacity)
        canary = self._canary(index, stage)
        return self._with(stage, regions=regions, capacity=capacity, waves=stage.waves or (regions,), canary=canary)

    def _with(self, stage: Stage, **settings: Any) -> Stage:
        return stage.model_copy(update=settings)

    def _regions(self, index: int, stage: Deploy | ProgressiveRollout, environment: Environment) -> tuple[str, ...]:
        if isinstance(stage, ProgressiveRollout) and stage.waves:
            in_waves = tuple(region for wave in stage.waves for region in wave)
            if len(set(in_waves)) < len(in_waves) or (stage.regions and set(stage.regions) != set(in_waves)):
                self._add(f"waves of {stage.name}: expected each region exactly once", "stages", index, "waves")
            self._check_regions(environment, in_waves, "stages", index, "waves")
            return stage.regions or in_waves
        if len(set(stage.regions)) < len(stage.regions):
            self._add(f"regions of {stage.name}: a region is named twice", "stages", index, "regions")
        self._check_regions(environment, stage.regions, "stages", index, "regions")
        return stage.regions or environment.regions

    def _check_regions(self, environment: Environment, regions: Sequence[str], *path: str | int) -> None:
        for position, region in enumerate(regions):
            if region not in environment.regions:
                what = unknown("region", region, environment.regions)
                self._add(f"{what} (environment {environment.environment})", *path, position)

    def _environment(self, index: int, name: str) -> Environment | None:
        if not name or name in self._environments:
            return self._environments.get(name)
        names = self._around.environment_names()
        if name not in names:
            self._add(unknown("environment", name, names), "stages", index, "environment")
            return None
        try:
            self._environments[name] = self._around.environment(name)
        except PipelineErrors as errors:
            place = place_of(self._tree, ("stages", index, "environment"))
            self._problems.extend(problem.used_at(place) for problem in errors.problems)
        return self._environments.get(name)

    def _canary(self, index: int, stage: AutomatedCanary | ProgressiveRollout) -> CanaryConfig:
        names = self._around.profile_names()
        if stage.profile not in names:
            self._add(unknown("profile", stage.profile, names), "stages", index, "profile")
            return stage.canary
        try:
            return self._around.canary(stage.profile, _overrides(stage))
        except PipelineErrors as errors:
            place = place_of(self._tree, ("stages", index, "profile"))
            self._problems.extend(problem.used_at(place) for problem in errors.problems)
        except CanaryError as error:
            written = self._tree["stages"][index]
            if isinstance(error.__cause__, ValidationError):
                self._problems.extend(explain(error.__cause__, CanaryConfig, written))
            else:
                self._add(f"{stage.name}: {error}", "stages", index)
        return stage.canary

    def _artifact(self, index: int, stage: BakeImage) -> str:
        known = self._pipeline.artifacts
        if stage.artifact:
            if stage.artifact not in known:
                self._add(unknown("artifact", stage.artifact, known), "stages", index, "artifact")
            return stage.artifact
        if len(known) != 1:
            found = f"there are {len(known)}: {', '.join(known)}" if known else "the pipeline has no 'artifacts'"
            self._add(f"{stage.name}: expected the key 'artifact', as {found}", "stages", index)
        return next(iter(known), "")

    def _deployed_before(self, index: int, stage: IntegrationTests) -> str:
        before = self._before[stage.name]
        found = [
            earlier.environment
            for earlier in self._pipeline.stages
            if earlier.name in before and isinstance(earlier, Deploy | ProgressiveRollout)
        ]
        if not found:
            self._add(f"{stage.name}: expected the key 'environment', as no deploy comes before", "stages", index)
        return found[-1] if found else ""

    def _check_expressions(self, index: int, stage: Stage) -> None:
        names = expressions.Names(
            params=frozenset(self._pipeline.parameters),
            artifacts=frozenset(self._pipeline.artifacts),
            stages=frozenset(self._before[stage.name]),
        )
        if stage.when and (wrong := expressions.wrong_with_condition(stage.when, names)):
            self._add(f"when of {stage.name}: {wrong}", "stages", index, "when")
        for path, text in expressions.texts_of(stage):
            if wrong := expressions.wrong_with_text(text, names):
                self._add(f"{path[0]} of {stage.name}: {wrong}", "stages", index, *path)

    def _windows(self, stages: Sequence[Stage]) -> Mapping[str, Any]:
        wanted: dict[str, tuple[str | int, ...]] = {}
        for index, stage in enumerate(stages):
            if isinstance(stage, Window | Deploy | AutomatedCanary | ProgressiveRollout) and stage.window:
                wanted.setdefault(stage.window, ("stages", index, "window"))
        for environment in self._environments.values():
            if environment.window:
                wanted.setdefault(environment.window, ())
        known = self._known_windows() if wanted else {}
        for name, path in wanted.items():
            if name not in known:
                self._add(unknown("window", name, known), *path)
        return {name: known[name] for name in wanted if name in known}

    def _known_windows(self) -> Mapping[str, Any]:
        try:
            return self._around.policies.windows
        except PipelineErrors as errors:
            self._problems.extend(problem.used_at(self._tree.place) for problem in errors.problems)
            return {}


def _overrides(stage: AutomatedCanary | ProgressiveRollout) -> Mapping[str, Any]:
    """What a stage says itself about how it is judged."""
    overrides: dict[str, Any] = {"metrics": list(stage.metrics)} if stage.metrics else {}
    if isinstance(stage, AutomatedCanary):
        given = {"duration": stage.duration, "interval": stage.interval}
        overrides |= {key: value for key, value in given.items() if value is not None}
    return overrides
