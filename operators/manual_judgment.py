"""Manual judgment: a named person says go on or go back, in Airflow's own approval."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from operators.records import Kind
from operators.stage import Scope, Staged

APPROVE: Final = "Approve"
REJECT: Final = "Reject"


class ManualJudgment(Staged, HITLOperator):
    """Waits for one of the approvers; a rejection or no answer in time turns the run back.

    Args:
        approvers: ids of the users who may answer; empty for anyone allowed to.
        instructions: what they should look at (Markdown, a template).
        wait: how long they have.
    """

    def __init__(
        self, *, scope: Scope, approvers: Sequence[str], instructions: str, wait: timedelta, **kwargs: Any
    ) -> None:
        super().__init__(
            subject=f"{scope.service}: {scope.stage}",
            body=instructions,
            options=[APPROVE, REJECT],
            assigned_users=[{"id": user, "name": user} for user in approvers] or None,
            response_timeout=wait,
            **kwargs,
        )
        self.scope = scope

    def execute(self, context: Context) -> Any:
        """Asks, once the stage is entered."""
        self.enter(context)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Records who answered what and when; anything but approval turns the run back."""
        try:
            answer: Mapping[str, Any] = super().execute_complete(context, event)
        except HITLTimeoutError:
            self._record(context, {"answer": "none", "by": "", "at": ""})
            self._go_back(context, f"nobody answered {self.scope.stage} within {self.response_timeout}")
        user = answer["responded_by_user"] or {}
        at = answer["responded_at"]
        when = at.isoformat() if isinstance(at, datetime) else str(at)
        who = str(user.get("name") or user.get("id") or "")
        chosen = answer["chosen_options"][0]
        self._record(context, {"answer": chosen, "by": who, "at": when})
        if chosen != APPROVE:
            self._go_back(context, f"{who} rejected {self.scope.stage}")
        return {"answer": chosen, "by": who}

    def _record(self, context: Context, body: Mapping[str, str]) -> None:
        run = self.run_of(context)
        run.records.append(Kind.APPROVAL, replace(run.subject, stage=self.scope.stage), body)

    def _go_back(self, context: Context, reason: str) -> None:
        self.turn_back(context, reason)
        raise AirflowFailException(reason)
