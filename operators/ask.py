"""Ask: what a person decides when a judgment stayed without a verdict, or the release is a risky one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from airflow.providers.standard.operators.hitl import HITLBranchOperator
from airflow.sdk.definitions.context import Context

from operators.records import Kind
from operators.stage import Scope, Staged

PROMOTE: Final = "Promote"
ROLL_BACK: Final = "Roll back"


class Ask(Staged, HITLBranchOperator):
    """Asks the approvers to promote or roll back; without an answer in time it rolls back.

    Args:
        judge: task id of the judging task, whose reason is shown.
        promote: task id to follow on "Promote".
        roll_back: task id to follow on "Roll back".
        approvers: ids of the users who may answer.
        wait: how long they have.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        judge: str,
        promote: str,
        roll_back: str,
        approvers: Sequence[str],
        wait: timedelta,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject=f"{scope.service}: {scope.stage}: promote or roll back?",
            body="{{ ti.xcom_pull(task_ids='" + judge + "')['reason'] }}",
            options=[PROMOTE, ROLL_BACK],
            options_mapping={PROMOTE: promote, ROLL_BACK: roll_back},
            defaults=ROLL_BACK,
            assigned_users=[{"id": user, "name": user} for user in approvers],
            response_timeout=wait,
            **kwargs,
        )
        self.scope = scope

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Records who decided what, then follows it."""
        run = self.run_of(context)
        user: Mapping[str, Any] = event.get("responded_by_user") or {}
        body = {"answer": ", ".join(event.get("chosen_options") or []), "by": str(user.get("name") or "")}
        run.records.append(Kind.APPROVAL, replace(run.subject, stage=self.scope.stage), body)
        return super().execute_complete(context, event)
