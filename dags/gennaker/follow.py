"""Following a run over REST: what its stages do now, and what it came to in the end."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from canary.errors import GennakerError
from gennaker.stack.client import AirflowClient, Run
from gennaker.stack.connection import AirflowRefused
from gennaker.stack.settings import remembered

#: Seconds between two questions; a person is watching.
POLL_S: Final = 0.5
#: The converge DAG comes by every minute, and takes a while to settle a run.
CONVERGE_PATIENCE: Final = timedelta(seconds=100)
#: States of a task worth a line of progress.
_TOLD: Final = frozenset({"running", "deferred", "awaiting_input", "success", "failed", "skipped", "upstream_failed"})


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `promoted`, `rolled back` or `failed`, and why in one line."""

    run: Run
    verdict: str
    reason: str


def follow(
    client: AirflowClient, dag_id: str, run_id: str, tell: Callable[[str, str], None], patience: timedelta
) -> Ending:
    """Waits for the end of a run and tells each task's new state on the way.

    Args:
        client: to Airflow.
        dag_id: the pipeline.
        run_id: the run.
        tell: is given a task id and its new state.
        patience: GennakerError when the run has not ended by then; it goes on regardless.
    """
    deadline = time.monotonic() + patience.total_seconds()
    told: dict[str, str] = {}
    while True:
        run = client.run(dag_id, run_id)
        for task in client.task_instances(dag_id, run_id):
            if task.state in _TOLD and told.get(task.task_id) != task.state:
                told[task.task_id] = task.state
                tell(task.task_id, task.state)
        if run.has_ended:
            return _ending(client, run, told)
        if time.monotonic() > deadline:
            raise GennakerError(
                f"{dag_id} {run_id} has not ended within {patience}",
                why=f"it is {run.state}",
                mend=f"it goes on; look with `gennaker status {dag_id}`",
            )
        time.sleep(POLL_S)


def _ending(client: AirflowClient, run: Run, states: Mapping[str, str]) -> Ending:
    from operators.finish_and_archive import CONCLUSION

    for task_id in (name for name, state in states.items() if "." not in name and state in ("success", "failed")):
        try:
            said = client.xcom(run.dag_id, run.run_id, task_id, key=CONCLUSION)
        except AirflowRefused as refusal:
            if refusal.status != httpx.codes.NOT_FOUND:
                raise
        else:
            return Ending(run, str(said["verdict"]), str(said["reason"]))
    if ending := _by_converge(run):
        return ending
    failed = sorted(task for task, state in states.items() if state == "failed")
    return Ending(run, "failed", f"the run ended without a record; failed tasks: {', '.join(failed) or 'none'}")


def _by_converge(run: Run) -> Ending | None:
    """What the converge DAG made of a run that ended early; None where the records are not on this machine."""
    from operators.records import Records, Subject
    from operators.runs import Run as RunOfRecords

    if remembered() is None or os.environ.get("GENNAKER_AIRFLOW_URL"):
        return None
    recorded = RunOfRecords(Records.open(), Subject(run=f"{run.dag_id}/{run.run_id}"))
    deadline = time.monotonic() + CONVERGE_PATIENCE.total_seconds()
    while (conclusion := recorded.conclusion()) is None and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return Ending(run, conclusion.verdict.value, conclusion.reason) if conclusion else None
