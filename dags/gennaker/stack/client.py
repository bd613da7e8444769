"""DAGs, runs and tasks of Airflow, as `gennaker release`, `gennaker status` and the tests see them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from gennaker.stack.approvals import Approvals
from gennaker.stack.connection import AirflowConnection, AirflowRefused
from gennaker.stack.settings import StackError

#: States that a run does not leave by itself.
ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a DAG, as Airflow tells it."""

    dag_id: str
    run_id: str
    state: str
    conf: Mapping[str, Any]
    began_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether it succeeded or failed."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """One task of a run; `state` is `""` before it was scheduled, `map_index` -1 unless mapped."""

    task_id: str
    map_index: int
    state: str
    try_number: int
    operator: str
    began_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A DAG file that could not be read, and why."""

    file: str
    message: str


class AirflowClient:
    """What Gennaker asks of Airflow over REST.

    Args:
        connection: to the API server; `None` for the local stack's, as admin.
    """

    def __init__(self, connection: AirflowConnection | None = None) -> None:
        self.connection = connection or AirflowConnection.local()
        self.approvals = Approvals(self.connection)

    def dag_ids(self) -> tuple[str, ...]:
        """The DAGs that Airflow knows."""
        return tuple(dag["dag_id"] for dag in self.connection.pages("/dags", "dags"))

    def unpause(self, dag_id: str, patience: timedelta = timedelta(0)) -> None:
        """Lets a DAG run; waits up to `patience` for a DAG whose file was not read yet."""
        deadline = time.monotonic() + patience.total_seconds()
        while True:
            try:
                self.connection.patch(f"/dags/{quote(dag_id, safe='')}", {"is_paused": False})
                return
            except AirflowRefused as refusal:
                if refusal.status != 404 or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)

    def parameters(self, dag_id: str) -> tuple[str, ...]:
        """Names of the parameters of a DAG's runs."""
        return tuple(self.connection.get(f"/dags/{quote(dag_id, safe='')}/details")["params"] or ())

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, run_id: str = "", note: str = "") -> str:
        """Starts a run and returns its id; parameters that do not fit are AirflowRefused, status 400."""
        body = {"logical_date": None, "conf": dict(conf or {}), "note": note or None}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self.connection.post(f"/dags/{quote(dag_id, safe='')}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> Run:
        """A run as it is now."""
        return _run(self.connection.get(run_path(dag_id, run_id)))

    def runs(self, dag_id: str = "~", count: int = 20) -> tuple[Run, ...]:
        """The newest runs of a DAG, or of all; newest first."""
        path = f"/dags/{quote(dag_id, safe='~')}/dagRuns"
        found = self.connection.get(path, limit=count, order_by="-run_after")
        return tuple(map(_run, found["dag_runs"]))

    def wait(self, dag_id: str, run_id: str, patience: timedelta) -> Run:
        """The run when it has ended; StackError when it goes on for longer than `patience`."""
        deadline = time.monotonic() + patience.total_seconds()
        while not (run := self.run(dag_id, run_id)).has_ended:
            if time.monotonic() > deadline:
                tasks = {task.task_id: task.state for task in self.task_instances(dag_id, run_id)}
                raise StackError(
                    f"{dag_id} {run_id} has not ended after {patience}", why=f"it is {run.state}, its tasks are {tasks}"
                )
            time.sleep(0.5)
        return run

    def task_instances(self, dag_id: str, run_id: str) -> tuple[TaskInstance, ...]:
        """Every task of a run."""
        found = self.connection.pages(f"{run_path(dag_id, run_id)}/taskInstances", "task_instances")
        return tuple(map(_task, found))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """What a task gave back."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}/xcomEntries/{quote(key, safe='')}"
        return self.connection.get(path, map_index=map_index)["value"]

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Marks a run `success` or `failed`, or `queued` again; `failed` is how a run is cancelled."""
        self.connection.patch(run_path(dag_id, run_id), {"state": state})

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] = (), *, only_failed: bool = False) -> None:
        """Has tasks of a run done again, with all that follows them; every task when none is named."""
        body: dict[str, Any] = {"dry_run": False, "dag_run_id": run_id, "only_failed": only_failed}
        body |= {"include_downstream": True, "reset_dag_runs": True}
        if task_ids:
            body["task_ids"] = list(task_ids)
        self.connection.post(f"/dags/{quote(dag_id, safe='')}/clearTaskInstances", body)

    def import_errors(self) -> tuple[ImportFailure, ...]:
        """DAG files that could not be read."""
        found = self.connection.pages("/importErrors", "import_errors")
        return tuple(ImportFailure(error["filename"], error["stack_trace"]) for error in found)


def run_path(dag_id: str, run_id: str) -> str:
    """A run's address; run ids hold `+` and `:`."""
    return f"/dags/{quote(dag_id, safe='~')}/dagRuns/{quote(run_id, safe='~')}"


def _run(said: Mapping[str, Any]) -> Run:
    return Run(
        dag_id=said["dag_id"],
        run_id=said["dag_run_id"],
        state=said["state"],
        conf=said["conf"] or {},
        began_at=_when(said["start_date"]),
        ended_at=_when(said["end_date"]),
    )


def _task(said: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        task_id=said["task_id"],
        map_index=said["map_index"],
        state=said["state"] or "",
        try_number=said["try_number"],
        operator=said["operator"] or "",
        began_at=_when(said["start_date"]),
        ended_at=_when(said["end_date"]),
    )


def _when(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
