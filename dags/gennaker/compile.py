"""A resolved pipeline to an Airflow DAG; with `schedule` and `form` the only module that knows both.

A stage of one task is that task; a stage of several is a task group. A stage's first tasks wait
for the last tasks of the stages it needs; skipped ones do not stop it, failed ones do. Where a
failure may be passed over, a task that never fails ends what may fail.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, BaseOperator, TaskGroup, TriggerRule

from gennaker import stages as s
from gennaker.form import artifact_parameter, form_of
from gennaker.model import Environment, Pipeline
from gennaker.profiles import named
from gennaker.schedule import schedule_of
from operators import environment as env
from operators.ask import Ask
from operators.automated_canary import JudgeCanary, StartCanary, StopCanary, TurnBack
from operators.bake_image import BakeImage
from operators.choices import OnInconclusive
from operators.deploy import Deploy
from operators.finish_and_archive import FinishAndArchive
from operators.gate import Gate
from operators.integration_tests import HttpCheck, IntegrationTests
from operators.learning.pinning import ProfileUse
from operators.manual_judgment import ManualJudgment
from operators.progressive_rollout import PromoteRegion, RampRegion, RollBackRegion, SettleRollout, StartRegion
from operators.stage import RETRIES, Scope
from operators.wait import Wait
from operators.window import Window
from operators.windows import Calendar

#: Every DAG made from a pipeline has this tag.
TAG: Final = "gennaker"


#: With these a task is not done before all tasks right before it are; others give up at the first failure.
_PATIENT: Final = (TriggerRule.ALL_DONE, TriggerRule.ALL_DONE_SETUP_SUCCESS)


@dataclass(frozen=True, slots=True)
class _Ends:
    """A compiled stage.

    Args:
        entries: tasks that wait for the stages it needs.
        exits: tasks that others wait for.
        hides_failures: whether the exits may do well although a stage before did not.
    """

    entries: tuple[BaseOperator, ...]
    exits: tuple[BaseOperator, ...]
    hides_failures: bool = False


@dataclass(slots=True)
class _Compiler:
    """One pipeline on its way to a DAG.

    Args:
        pipeline: the pipeline.
        environments: its environments as operators take them, by name.
        bake: the stage whose image is delivered, once it was met.
        exits: last tasks of the stages so far.
        awaited: what a stage waits for when it needs the one of that name.
    """

    pipeline: Pipeline
    environments: Mapping[str, Mapping[str, Any]]
    bake: s.BakeImage | None = None
    exits: list[BaseOperator] = field(default_factory=list)
    awaited: dict[str, tuple[BaseOperator, ...]] = field(default_factory=dict)

    def add(self, stage: s.StageBase) -> None:
        """Compiles one stage and ties it to the stages it needs."""
        if isinstance(stage, s.BakeImage):
            self.bake = stage
        ends = _STAGES[type(stage)](self, stage)
        if isinstance(stage, s.FinishAndArchive):
            self._tie_last(ends)
            return
        if stage.on_failure is s.OnFailure.CONTINUE:
            ends = _ended(stage, ends)
        before = tuple({task.task_id: task for name in stage.needs for task in self.awaited[name]}.values())
        for entry in ends.entries:
            entry.trigger_rule = TriggerRule.NONE_FAILED
            entry.set_upstream(before)
        self.exits += ends.exits
        self.awaited[stage.name] = ends.exits + before if ends.hides_failures else ends.exits

    def _tie_last(self, ends: _Ends) -> None:
        """Has the last task wait for every stage, also where one that needs it has given up already."""
        (finish,) = ends.entries
        finish.trigger_rule = TriggerRule.ALL_DONE
        finish.set_upstream([task for task in self.exits if not _is_waited_for(task)])

    def common(self, stage: s.StageBase) -> dict[str, Any]:
        """What every task of a stage is told."""
        return {
            "scope": Scope(
                pipeline=self.pipeline.pipeline,
                service=self.pipeline.service,
                stage=stage.name,
                definition=self.pipeline.definition_digest,
                when=stage.when,
                is_optional=stage.on_failure is s.OnFailure.CONTINUE,
            ),
            "retries": max(RETRIES, stage.retries),
            "execution_timeout": stage.timeout,
        }

    def changing(self, stage: "s.Deploy | s.Judged", region: str) -> dict[str, Any]:
        """What every task that changes a cluster is told."""
        return {
            **self.common(stage),
            "environment": self.environments[stage.environment],
            "region": region,
            "calendar": self.calendar(stage.window, environment=stage.environment),
        }

    def judged(self, stage: s.Judged) -> dict[str, Any]:
        """What the tasks are told that judge the image, or begin what is judged."""
        profiles = self.pipeline.profiles
        name, version = named(stage.profile, profiles)
        use = ProfileUse(name, profiles[name].model_dump(mode="json"), version, stage.overrides)
        return {"profile": use.to_json(), "image": self.image()}

    def image(self) -> str:
        """A template for the digest of the image that is delivered."""
        assert self.bake is not None, "the check refuses a deploy without a bake before it"
        return "{{ ti.xcom_pull(task_ids='" + self.bake.name + "')['digest'] }}"

    def source(self, artifact: str) -> str:
        """A template for an artifact's directory."""
        return "{{ params['" + artifact_parameter(artifact) + "'] }}"

    def calendar(self, window: str, environment: str = "") -> dict[str, Any]:
        """The calendar of a window, `""` for none, and of an environment's own window and freezes."""
        names = (window, self.pipeline.environments[environment].window if environment else "")
        windows = tuple(self.pipeline.windows[name] for name in dict.fromkeys(names) if name)
        freezes = tuple(f for f in self.pipeline.freezes if environment and f.concerns(environment))
        return Calendar(windows=windows, freezes=freezes).model_dump(mode="json")


def compile_pipeline(pipeline: Pipeline) -> DAG:
    """The pipeline's DAG; the same pipeline always gives the same DAG."""
    dag = DAG(
        dag_id=pipeline.pipeline,
        description=pipeline.description or None,
        doc_md=_document(pipeline),
        schedule=schedule_of(pipeline),
        catchup=False,
        default_args={"owner": ", ".join(pipeline.owners)},
        max_active_runs=pipeline.max_parallel,
        tags=sorted({TAG, *pipeline.owners}),
        is_paused_upon_creation=False,
    )
    compiler = _Compiler(pipeline, {name: _environment(e) for name, e in pipeline.environments.items()})
    with dag:
        for stage in pipeline.stages:
            compiler.add(stage)
    # Set last: Airflow copies a DAG's parameters into each task made after them, three times over.
    dag.params = form_of(pipeline)  # type: ignore[assignment]  # Airflow converts it
    return dag


def _environment(e: Environment) -> Mapping[str, Any]:
    return env.Environment(e.environment, e.cloud, e.regions, e.capacity, e.health_path, e.sources).to_json()


def _ended(stage: s.StageBase, ends: _Ends) -> _Ends:
    """The stage ended by a task that never fails; a `_` in its name keeps it from those that pipelines give."""
    has_ended = EmptyOperator(task_id=f"{stage.name}.has_ended", trigger_rule=TriggerRule.ALL_DONE)
    has_ended.set_upstream(ends.exits)
    return _Ends(ends.entries, (has_ended,), hides_failures=True)


def _is_waited_for(task: BaseOperator) -> bool:
    """Whether some task is certainly not done before this one is."""
    return any(
        later.trigger_rule in _PATIENT or later.upstream_task_ids == {task.task_id} for later in task.downstream_list
    )


def _bake(c: _Compiler, stage: s.BakeImage) -> _Ends:
    task = BakeImage(
        task_id=stage.name,
        artifact=stage.artifact,
        source=c.source(stage.artifact),
        settings=dict(stage.settings),
        **c.common(stage),
    )
    return _Ends((task,), (task,))


def _deploy(c: _Compiler, stage: s.Deploy) -> _Ends:
    def task(region: str, task_id: str) -> Deploy:
        return Deploy(
            task_id=task_id,
            image=c.image(),
            capacity=stage.capacity,
            strategy=stage.strategy,
            health_timeout=stage.health_timeout,
            **c.changing(stage, region),
        )

    if len(stage.regions) == 1:
        only = task(stage.regions[0], stage.name)
        return _Ends((only,), (only,))
    with TaskGroup(stage.name):
        tasks = tuple(task(region, region) for region in stage.regions)
    return _Ends(tasks, tasks)


def _integration_tests(c: _Compiler, stage: s.IntegrationTests) -> _Ends:
    assert c.bake is not None
    common = c.common(stage)
    environment = c.environments[stage.environment]
    http = HttpCheck(stage.http.path, stage.http.status, stage.http.contains) if stage.http else None
    task = IntegrationTests(
        task_id=stage.name,
        environment=environment,
        region=environment["regions"][0],
        source=c.source(c.bake.artifact),
        command=stage.command or "",
        http=http,
        time_limit=stage.timeout,
        tries=stage.retries + 1,
        **{**common, "execution_timeout": stage.timeout + timedelta(minutes=1)},
    )
    return _Ends((task,), (task,))


def _automated_canary(c: _Compiler, stage: s.AutomatedCanary) -> _Ends:
    told = c.changing(stage, stage.region)
    judged = {**told, **c.judged(stage)}
    with TaskGroup(stage.name):
        start = StartCanary(
            task_id="start",
            capacity=stage.capacity,
            traffic_percent=stage.traffic,
            health_timeout=stage.health_timeout,
            **judged,
        )
        judge = JudgeCanary(
            task_id="judge",
            start_task=start.task_id,
            on_inconclusive=OnInconclusive(stage.on_inconclusive),
            **judged,
        )
        promote = EmptyOperator(task_id="promote")
        roll_back = TurnBack(task_id="roll-back", judge=judge.task_id, **told)
        _branch(c, stage, judge, promote, roll_back)
        stop = StopCanary(task_id="stop", **told)
    start >> judge
    [promote, roll_back] >> stop.as_teardown(setups=start)
    return _Ends((start,), (promote, roll_back, stop))


def _progressive_rollout(c: _Compiler, stage: s.ProgressiveRollout) -> _Ends:
    with TaskGroup(stage.name):
        settle = SettleRollout(
            task_id="settle",
            environment=c.environments[stage.environment],
            regions=stage.regions,
            on_region_failure=stage.on_region_failure,
            trigger_rule=TriggerRule.ALL_DONE,
            **c.common(stage),
        )
        waves = [_wave(c, stage, regions) for regions in stage.waves]
        for number, (earlier, later) in enumerate(pairwise(waves), start=1):
            has_ended = EmptyOperator(task_id=f"wave_{number}_has_ended", trigger_rule=TriggerRule.ALL_DONE)
            has_ended.set_upstream(earlier.exits)
            has_ended.set_downstream(later.entries)
    settle.set_upstream([task for wave in waves for task in wave.exits])
    return _Ends(tuple(task for wave in waves for task in wave.entries), (settle,), hides_failures=True)


def _wave(c: _Compiler, stage: s.ProgressiveRollout, regions: Iterable[str]) -> _Ends:
    compiled = [_region(c, stage, region) for region in regions]
    return _Ends(
        tuple(task for region in compiled for task in region.entries),
        tuple(task for region in compiled for task in region.exits),
    )


def _region(c: _Compiler, stage: s.ProgressiveRollout, region: str) -> _Ends:
    told = c.changing(stage, region)
    judged = {**told, **c.judged(stage)}
    with TaskGroup(region):
        start = StartRegion(
            task_id="deploy",
            capacity=stage.capacity,
            health_timeout=stage.health_timeout,
            on_region_failure=stage.on_region_failure,
            **judged,
        )
        group = "{{ ti.xcom_pull(task_ids='" + start.task_id + "') }}"
        ramp = RampRegion(
            task_id="ramp",
            group=group,
            ramp=stage.ramp,
            step_duration=stage.step_duration,
            on_inconclusive=OnInconclusive(stage.on_inconclusive),
            on_region_failure=stage.on_region_failure,
            **judged,
        )
        promote = PromoteRegion(task_id="promote", group=group, ramp_task=ramp.task_id, **told)
        roll_back = RollBackRegion(task_id="roll-back", ramp_task=ramp.task_id, **told)
        _branch(c, stage, ramp, promote, roll_back)
    start >> ramp
    return _Ends((start,), (promote, roll_back))


def _branch(c: _Compiler, stage: s.Judged, judge: BaseOperator, promote: BaseOperator, roll_back: BaseOperator) -> None:
    """Ends a judging task in a visible branch: promote, roll back, or a person who decides."""
    common = c.common(stage)
    gate = Gate(
        task_id="gate",
        scope=common["scope"],
        judge=judge.task_id,
        promote=promote.task_id,
        roll_back=roll_back.task_id,
        ask=f"{gate_prefix}.ask" if (gate_prefix := judge.task_id.rpartition(".")[0]) else "ask",
        on_inconclusive=OnInconclusive(stage.on_inconclusive),
    )
    judge >> gate >> [promote, roll_back]
    if stage.on_inconclusive is not OnInconclusive.ASK:
        return
    ask = Ask(
        task_id="ask",
        scope=common["scope"],
        judge=judge.task_id,
        promote=promote.task_id,
        roll_back=roll_back.task_id,
        approvers=stage.approvers,
        wait=stage.timeout,
    )
    gate >> ask >> [promote, roll_back]
    for task in (promote, roll_back):
        task.trigger_rule = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def _manual_judgment(c: _Compiler, stage: s.ManualJudgment) -> _Ends:
    task = ManualJudgment(
        task_id=stage.name,
        scope=c.common(stage)["scope"],
        approvers=stage.approvers,
        instructions=stage.instructions,
        wait=stage.timeout,
    )
    return _Ends((task,), (task,))


def _wait(c: _Compiler, stage: s.Wait) -> _Ends:
    task = Wait(task_id=stage.name, duration=stage.duration, **c.common(stage))
    return _Ends((task,), (task,))


def _window(c: _Compiler, stage: s.Window) -> _Ends:
    task = Window(task_id=stage.name, calendar=c.calendar(stage.window), **c.common(stage))
    return _Ends((task,), (task,))


def _finish(c: _Compiler, stage: s.FinishAndArchive) -> _Ends:
    optional = tuple(x.name for x in c.pipeline.stages if x.on_failure is s.OnFailure.CONTINUE)
    task = FinishAndArchive(
        task_id=stage.name,
        keep_groups=stage.keep_groups,
        keep_images=stage.keep_images,
        optional=optional,
        **c.common(stage),
    )
    return _Ends((task,), (task,))


_STAGES: Final[Mapping[type[s.StageBase], Callable[[_Compiler, Any], _Ends]]] = {
    s.BakeImage: _bake,
    s.Deploy: _deploy,
    s.IntegrationTests: _integration_tests,
    s.AutomatedCanary: _automated_canary,
    s.ProgressiveRollout: _progressive_rollout,
    s.ManualJudgment: _manual_judgment,
    s.Wait: _wait,
    s.Window: _window,
    s.FinishAndArchive: _finish,
}


def _document(pipeline: Pipeline) -> str:
    lines = [f"**{pipeline.description or pipeline.pipeline}**", "", f"Owners: {', '.join(pipeline.owners)}."]
    if pipeline.template:
        lines.append(f"From the template `{pipeline.template}`.")
    return "\n".join([*lines, "", f"Definition `{pipeline.definition_digest[:19]}`, from `{pipeline.file}`."])
