"""Converge: what a dead or cancelled run left half done is finished, by the records alone."""

from collections.abc import Callable
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context

from canary.errors import GennakerError
from operators.finish_and_archive import conclude
from operators.memory import Memory
from operators.records import Kind, Records, Subject
from operators.runs import Conclusion, Run, RunVerdict, open_runs
from operators.stage import word


class Converge(BaseOperator):
    """Finishes every run that Airflow will not finish any more, and says what it did."""

    def execute(self, context: Context) -> list[str]:
        """Settles dead runs, gives their leases back, and delivers what waits for MLflow."""
        records = Records.open()

        def is_dead(run: Run) -> bool:
            dag_id, _, run_id = run.subject.run.partition("/")
            return _airflow_state(context["ti"], dag_id, run_id) in ("success", "failed", "gone")

        done = []
        for run in open_runs(records):
            try:
                done += converge(run, is_dead)
            except GennakerError as error:
                self.log.warning("%s cannot be finished yet, the next minute tries again: %s", run.subject.run, error)
        done += free_leases(records)
        for line in done:
            self.log.info("%s", line)
        Memory(records).deliver()
        return done


def converge(run: Run, is_dead: Callable[[Run], bool]) -> list[str]:
    """Settles and closes `run` if it is dead; what it did, a line each, nothing for a living run."""
    if not is_dead(run):
        return []
    reason = "the run ended without finishing"
    states = run.settle(reason)
    conclusion = conclude(run, states, failed=[])
    if conclusion.verdict is RunVerdict.PROMOTED and run.turned_back() is None:
        conclusion = Conclusion(RunVerdict.FAILED, f"{reason}; {conclusion.reason}")
    lines = [f"{run.subject.run}: {place} {state.value}" for place, state in states.items()]
    lines.append(f"{run.subject.run}: closed as {conclusion.verdict.value}: {conclusion.reason}")
    run.records.append(Kind.CONVERGED, run.subject, {"did": lines})
    run.close(conclusion)
    return lines


def free_leases(records: Records) -> list[str]:
    """Gives back what a task took while its run was being closed; what it did, a line each."""
    lines = []
    for lease in records.leases.all():
        if Run(records, Subject(run=lease.run)).conclusion():
            records.leases.release(lease.cluster, lease.run)
            lines.append(f"{lease.run}: gave back {lease.cluster}")
    return lines


def _airflow_state(ti: Any, dag_id: str, run_id: str) -> str:
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        return word(ti.get_dagrun_state(dag_id, run_id))
    except AirflowRuntimeError as error:
        if "NOT_FOUND" in str(error).upper():
            return "gone"
        raise
