"""Following a run over REST: what its stages do now, and what it came to in the end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import httpx

from canary.errors import GennakerError
from gennaker.stack.client import AirflowClient, Run
from gennaker.stack.connection import AirflowRefused

#: Seconds between two questions; a person is watching.
POLL_S: Final = 0.5
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
    failed = sorted(task for task, state in states.items() if state == "failed")
    return Ending(run, "failed", f"the run ended without a record; failed tasks: {', '.join(failed) or 'none'}")
