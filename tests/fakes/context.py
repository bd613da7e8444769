"""What Airflow gives a task, and what it does with one: run it, park it, fire its trigger, resume it."""

import asyncio
import contextvars
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger

from tests.fakes.release import PIPELINE


@dataclass
class TaskInstance:
    """The part of Airflow's task instance that operators use.

    Args:
        returned: what other tasks returned, by task id.
        states: states of the run's tasks, by task id.
        runs: states of DAG runs by `dag id/run id`; an exception is raised.
        try_number: which try this is, from 1.
    """

    returned: dict[str, Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    runs: Mapping[str, str | Exception] = field(default_factory=dict)
    try_number: int = 1
    pushed: dict[str, Any] = field(default_factory=dict)
    id: str = "00000000-0000-0000-0000-000000000000"

    def xcom_pull(self, *, task_ids: str) -> Any:
        return self.returned[task_ids]

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_id: self.states for run_id in run_ids}

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        state = self.runs[f"{dag_id}/{run_id}"]
        if isinstance(state, Exception):
            raise state
        return state


def a_context(run_id: str = "1", *, params: Mapping[str, Any] | None = None, **ti: Any) -> Any:
    """The context of a task of the pipeline's run."""
    instance = TaskInstance(**ti)
    return {
        "dag_run": SimpleNamespace(dag_id=PIPELINE, run_id=run_id, run_type="manual"),
        "params": dict(params or {}),
        "ti": instance,
        "task_instance": instance,
        "task_state_store": _StateStore(),
    }


def run(task: BaseOperator, context: Any, method: str = "execute", **kwargs: Any) -> Any:
    """Calls the task as Airflow's task runner does: from inside, and from nowhere else."""
    inside = contextvars.copy_context()
    inside.run(ExecutorSafeguard.tracker.set, task)
    return inside.run(getattr(task, method), context=context, **kwargs)


def deferral(task: BaseOperator, context: Any, method: str = "execute", **kwargs: Any) -> TaskDeferred:
    """How the task parks itself."""
    with pytest.raises(TaskDeferred) as caught:
        run(task, context, method, **kwargs)
    return caught.value


def resume(task: BaseOperator, context: Any, parked: TaskDeferred, event: Any) -> Any:
    """Goes on with a parked task after its trigger fired with `event`."""
    assert parked.method_name is not None
    return run(task, context, parked.method_name, event=event, **(parked.kwargs or {}))


def resumed_deferral(task: BaseOperator, context: Any, parked: TaskDeferred, event: Any) -> TaskDeferred:
    """How a parked task parks itself again when it goes on."""
    with pytest.raises(TaskDeferred) as caught:
        resume(task, context, parked, event)
    return caught.value


def fire(trigger: BaseTrigger) -> Any:
    """What the trigger fires with in another process, which has only what it serialized."""
    _, arguments = trigger.serialize()
    copy = type(trigger)(**arguments)

    async def first() -> Any:
        async for event in copy.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(asyncio.wait_for(first(), timeout=60))


def to_the_end(task: BaseOperator, context: Any) -> Any:
    """Runs the task through all its deferrals; gives what it returns."""
    try:
        return run(task, context)
    except TaskDeferred as parked:
        return _to_the_end(task, context, parked)


def _to_the_end(task: BaseOperator, context: Any, parked: TaskDeferred) -> Any:
    try:
        return resume(task, context, parked, fire(parked.trigger))
    except TaskDeferred as again:
        return _to_the_end(task, context, again)


class _StateStore(dict[str, Any]):
    """Airflow's task state store: it outlives a try."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value
