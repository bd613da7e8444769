"""DAGs of pipelines: in writing, and played through by Airflow's trigger rules."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, BaseOperator, CronTriggerTimetable, TriggerRule

from gennaker.compile import compile_pipeline
from operators.gate import Gate
from tests.gennaker.builders import resolve, stages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Airflow's server warns of its own old imports
    from airflow.serialization.serialized_objects import DagSerialization

FINISH = "finish-and-archive"


def a_dag(folder: Path, text: str, files: Mapping[str, str] | None = None) -> DAG:
    """The DAG of a pipeline with these stages, or of a whole file's text."""
    whole = text if text.startswith("pipeline:") else stages(text)
    return compile_pipeline(resolve(folder, whole, dict(files or {})))


def serialized(dag: DAG) -> str:
    """The DAG as Airflow keeps it."""
    return json.dumps(DagSerialization.to_dict(dag), sort_keys=True)


def restored(dag: DAG) -> Any:
    """The DAG as Airflow's scheduler sees it."""
    return DagSerialization.from_dict(json.loads(serialized(dag)))


def upstream(dag: DAG, task_id: str) -> set[str]:
    """The tasks right before a task."""
    return set(dag.get_task(task_id).upstream_task_ids)


def stage_of(task_id: str) -> str:
    """The stage that a task belongs to."""
    return task_id.partition(".")[0]


def written(dag: DAG) -> str:
    """The DAG for people to read: its schedule and parameters, then a line a task in the order they were made."""
    lines = [
        f"{dag.dag_id}: {dag.description}",
        f"tags: {', '.join(sorted(dag.tags))}",
        f"runs: {_times(dag.schedule)}",
    ]
    for name in dag.params:
        param = dag.params.get_param(name)
        said = {**param.schema, "default": param.value, "description": param.description}
        lines.append(f"parameter {name}: {json.dumps(said)}")
    rows = [_row(task) for task in dag.tasks]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines += ["  ".join([*map(str.ljust, row, widths), *row[3:]]) for row in rows]
    return "\n".join(lines) + "\n"


def _times(schedule: Any) -> str:
    if schedule is None:
        return "when someone starts it"
    if isinstance(schedule, AssetOrTimeSchedule):
        return f"{_times(schedule.asset_condition)} or {_times(schedule.timetable)}"
    if isinstance(schedule, CronTriggerTimetable):
        return f"at {schedule.expression} {schedule.timezone}"
    if hasattr(schedule, "timetables"):
        return " or ".join(map(_times, schedule.timetables))
    return " or ".join(f"on {asset.name}" for asset in schedule.objects)


def _row(task: Any) -> list[str]:
    assert isinstance(task, BaseOperator)
    role = " (setup)" if task.is_setup else " (teardown)" if task.is_teardown else ""
    before = ", ".join(sorted(task.upstream_task_ids))
    group = task.task_group.group_id if task.task_group else None
    row = [task.task_id, type(task).__name__ + role, task.trigger_rule.value, f"after {before}" if before else "first"]
    return [*row, f"in {group}"] if group else row


class Play:
    """A run of a DAG as Airflow's scheduler plays it: a task ends as `ends` says, the others follow the rules.

    Args:
        dag: the DAG.
        ends: how a task that runs ends: `success`, `failed` or `skipped`.
        choose: picks which of the running tasks ends next, and which way a gate goes.
        started: is told each task that starts, with the states of all at that time.
    """

    def __init__(
        self,
        dag: DAG,
        ends: Callable[[str], str],
        *,
        choose: Callable[[list[str]], str] = min,
        started: Callable[[str, Mapping[str, str]], None] = lambda task_id, states: None,
    ) -> None:
        self._tasks = {task.task_id: task for task in dag.tasks}
        self._ends, self._choose, self._started = ends, choose, started
        self.states: dict[str, str] = {}
        self._advance()
        while running := sorted(name for name, state in self.states.items() if state == "running"):
            self._end(choose(running))
            self._advance()

    def _end(self, task_id: str) -> None:
        task = self._tasks[task_id]
        self.states[task_id] = self._ends(task_id)
        if isinstance(task, Gate) and self.states[task_id] == "success":
            chosen = self._choose(sorted(task.downstream_task_ids))
            self.states |= dict.fromkeys(task.downstream_task_ids - {chosen}, "skipped")

    def _advance(self) -> None:
        """Marks, skips and starts what the rules say, until nothing changes any more."""
        moved = True
        while moved:
            moved = False
            for task_id, task in self._tasks.items():
                if task_id in self.states or (state := self._rule(task)) is None:
                    continue
                moved = True
                if state == "running":
                    self._started(task_id, dict(self.states))
                    # Airflow's scheduler itself marks an empty task done.
                    state = "success" if isinstance(task, EmptyOperator) else state
                self.states[task_id] = state

    def _rule(self, task: Any) -> str | None:
        """What becomes of a task now, as Airflow's TriggerRuleDep has it; None while it waits."""
        before = [self.states.get(name) for name in task.upstream_task_ids]
        has_failed = "failed" in before or "upstream_failed" in before
        match task.trigger_rule:
            case TriggerRule.ALL_SUCCESS if has_failed:
                return "upstream_failed"
            case TriggerRule.ALL_SUCCESS if "skipped" in before:
                return "skipped"
            case TriggerRule.NONE_FAILED | TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS if has_failed:
                return "upstream_failed"
            case TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS if before and set(before) == {"skipped"}:
                return "skipped"
        if None in before or "running" in before:
            return None
        if task.trigger_rule is TriggerRule.ALL_DONE_SETUP_SUCCESS:
            setups = {self.states[name] for name in task.upstream_task_ids if self._tasks[name].is_setup}
            return "skipped" if setups == {"skipped"} else "running" if "success" in setups else "upstream_failed"
        return "running"
