"""What only the whole pipeline and its surroundings can tell: names, order, windows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from gennaker import expressions
from gennaker.errors import PipelineErrors, unknown
from gennaker.fill import Filler
from gennaker.graph import ancestors, cycle, order
from gennaker.model import ArtifactTrigger, Environment, Pipeline, Policies, ScheduleTrigger
from gennaker.report import Report
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
from gennaker.surroundings import Surroundings
from gennaker.tree import Table
from operators.windows import Window as ExecutionWindow

#: DAGs of Gennaker's own; a pipeline of the same name would take their place in Airflow, or they its.
OWN_DAGS: Final = frozenset({"converge", "housekeeping", "pipelines-with-errors"})

#: `operators.stage.ARTIFACT`, which cannot be imported without Airflow.
ARTIFACT: Final = "artifact_"


def check(pipeline: Pipeline, tree: Table, around: Surroundings) -> Pipeline:
    """The pipeline with every setting filled in and its stages in order.

    `tree` is what it was validated from. Raises PipelineErrors with every problem located.
    """
    report = Report(tree)
    if pipeline.pipeline in OWN_DAGS:
        report.add(f"pipeline: expected another name, as '{pipeline.pipeline}' is a DAG of Gennaker's own", "pipeline")
    needs = {stage.name: stage.needs for stage in pipeline.stages}
    _check_needs(pipeline, needs, report)
    _check_parameters(pipeline, report)
    _check_triggers(pipeline, report)
    report.refuse()
    ordered = order(needs)
    if found := cycle(needs, ordered):
        report.add(f"needs go in a circle: {' -> '.join(found)}", "stages", list(needs).index(found[0]), "needs")
    report.refuse()
    before = ancestors(needs, ordered)
    filler = Filler(pipeline, before, around, report)
    stages = {stage.name: filler.stage(index, stage) for index, stage in enumerate(pipeline.stages)}
    _check_images(pipeline, before, report)
    _check_expressions(pipeline, before, report)
    policies = _policies(around, report)
    windows = _windows(tuple(stages.values()), filler.environments, policies.windows, report)
    report.refuse()
    freezes = tuple(freeze for freeze in policies.freezes if any(map(freeze.concerns, filler.environments)))
    return pipeline.model_copy(
        update={
            "service": pipeline.service or pipeline.pipeline,
            "stages": tuple(stages[name] for name in ordered),
            "environments": filler.environments,
            "windows": windows,
            "profiles": filler.profiles,
            "freezes": freezes,
        }
    )


def _check_needs(pipeline: Pipeline, needs: Collection[str], report: Report) -> None:
    """Stages need only other stages that there are, and the last one finishes."""
    for index, stage in enumerate(pipeline.stages):
        for position, needed in enumerate(stage.needs):
            if needed == stage.name or needed not in needs:
                what = f"needs of {stage.name}: {unknown('stage', needed, set(needs) - {stage.name})}"
                report.add(what, "stages", index, "needs", position)
        if stage.type == FINISH and index != len(pipeline.stages) - 1:
            report.add(f"{FINISH}: expected as the last stage", "stages", index)


def _check_triggers(pipeline: Pipeline, report: Report) -> None:
    known = pipeline.artifacts
    for index, trigger in enumerate(pipeline.triggers):
        if isinstance(trigger, ArtifactTrigger) and trigger.name not in known:
            report.add(unknown("artifact", trigger.name, known), "triggers", index, "name")
        _check_defaults(pipeline, trigger.type, report)
    _check_timezones(pipeline, report)


def _check_defaults(pipeline: Pipeline, trigger: str, report: Report) -> None:
    """A run that nobody starts has nobody to ask for a parameter; Airflow refuses its whole file."""
    for name, parameter in pipeline.parameters.items():
        if parameter.default is None:
            what = f"{name} of parameters: expected a default, as the {trigger} trigger cannot ask for a value"
            report.add(what, "parameters", name)


def _check_timezones(pipeline: Pipeline, report: Report) -> None:
    """Airflow keeps the times of one DAG in one time zone."""
    first = ""
    for index, trigger in enumerate(pipeline.triggers):
        if not isinstance(trigger, ScheduleTrigger):
            continue
        first = first or trigger.timezone
        if trigger.timezone != first:
            what = f"timezone: expected {first} as in the schedule before, found {trigger.timezone}"
            report.add(what, "triggers", index, "timezone")


def _check_parameters(pipeline: Pipeline, report: Report) -> None:
    for name in pipeline.parameters:
        if name.startswith(ARTIFACT):
            what = f"{name} of parameters: expected another name, as {ARTIFACT}NAME says where an artifact is"
            report.add(what, "parameters", name)


def _check_images(pipeline: Pipeline, before: Mapping[str, Collection[str]], report: Report) -> None:
    """A pipeline bakes one image, and every stage that acts on it comes after."""
    bakes = [stage.name for stage in pipeline.stages if isinstance(stage, BakeImage)]
    for index, stage in enumerate(pipeline.stages):
        if stage.name in bakes[1:]:
            what = f"{stage.name}: expected one bake-image, as a pipeline delivers one image; the first is '{bakes[0]}'"
            report.add(what, "stages", index)
        acts = isinstance(stage, Deploy | IntegrationTests | AutomatedCanary | ProgressiveRollout)
        if acts and not any(bake in before[stage.name] for bake in bakes):
            report.add(f"{stage.name}: expected a bake-image before it, as it acts on the image", "stages", index)


def _check_expressions(pipeline: Pipeline, before: Mapping[str, Collection[str]], report: Report) -> None:
    params, artifacts = frozenset(pipeline.parameters), frozenset(pipeline.artifacts)
    for index, stage in enumerate(pipeline.stages):
        texts = expressions.texts_of(stage)
        if not stage.when and not texts:
            continue
        names = expressions.Names(params, artifacts, frozenset(before[stage.name]))
        if stage.when and (wrong := expressions.wrong_with_condition(stage.when, names)):
            report.add(f"when of {stage.name}: {wrong}", "stages", index, "when")
        for path, text in texts:
            if wrong := expressions.wrong_with_text(text, names):
                report.add(f"{path[0]} of {stage.name}: {wrong}", "stages", index, *path)


def _policies(around: Surroundings, report: Report) -> Policies:
    """Windows and freezes; while their file is wrong no pipeline passes, lest a freeze be missed."""
    try:
        return around.policies
    except PipelineErrors as errors:
        report.take(errors)
        return Policies()


def _windows(
    stages: Sequence[Stage],
    environments: Mapping[str, Environment],
    known: Mapping[str, ExecutionWindow],
    report: Report,
) -> Mapping[str, ExecutionWindow]:
    """The execution windows that stages and environments name."""
    wanted: dict[str, tuple[str | int, ...]] = {}
    for index, stage in enumerate(stages):
        if isinstance(stage, Window | Deploy | AutomatedCanary | ProgressiveRollout) and stage.window:
            wanted.setdefault(stage.window, ("stages", index, "window"))
    for environment in environments.values():
        if environment.window:
            wanted.setdefault(environment.window, ())
    for name, path in wanted.items():
        if name not in known:
            report.add(unknown("window", name, known), *path)
    return {name: known[name] for name in wanted if name in known}
