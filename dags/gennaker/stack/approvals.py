"""Questions that a run asks of people: Airflow's human-in-the-loop tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gennaker.stack.connection import AirflowConnection


@dataclass(frozen=True, slots=True)
class Question:
    """What a task asks, and what was answered; `answer` is empty while it waits."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    options: tuple[str, ...]
    answer: tuple[str, ...]


class Approvals:
    """The questions of an Airflow, asked and answered as the connection's user."""

    def __init__(self, connection: AirflowConnection) -> None:
        self._connection = connection

    def pending(self, dag_id: str = "~", run_id: str = "~") -> tuple[Question, ...]:
        """Questions that wait for an answer, of a run or of all."""
        path = f"/dags/{quote(dag_id, safe='~')}/dagRuns/{quote(run_id, safe='~')}/hitlDetails"
        found = self._connection.pages(path, "hitl_details", response_received=False)
        return tuple(_question(said, said["task_instance"]) for said in found)

    def answer(self, question: Question, options: Sequence[str], params: Mapping[str, Any] | None = None) -> None:
        """Answers a question; AirflowRefused with 403 for who may not, 409 for who comes late."""
        task = f"/dags/{quote(question.dag_id, safe='')}/dagRuns/{quote(question.run_id, safe='')}"
        task += f"/taskInstances/{quote(question.task_id, safe='')}/{question.map_index}/hitlDetails"
        self._connection.patch(task, {"chosen_options": list(options), "params_input": dict(params or {})})


def _question(said: Mapping[str, Any], task: Mapping[str, Any]) -> Question:
    return Question(
        dag_id=task["dag_id"],
        run_id=task["dag_run_id"],
        task_id=task["task_id"],
        map_index=task["map_index"],
        subject=said["subject"],
        options=tuple(said["options"]),
        answer=tuple(said["chosen_options"] or ()),
    )
