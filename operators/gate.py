"""The branch that ends a judgment: promote, roll back, or ask, visible in the graph."""

from typing import Any

from airflow.sdk import BaseBranchOperator
from airflow.sdk.definitions.context import Context

from canary import Verdict
from operators.choices import OnInconclusive
from operators.stage import RETRIES, RETRY_DELAY, Scope, Staged


class Gate(Staged, BaseBranchOperator):
    """Follows the verdict of a judging task.

    Args:
        judge: task id of the judging task, whose return value holds `verdict`, and `ask` where a person is to be asked
            although it passed.
        promote: task id to follow on PASS.
        roll_back: task id to follow on FAIL and ERROR.
        ask: task id to follow on INCONCLUSIVE when a person decides.
        on_inconclusive: what INCONCLUSIVE leads to.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        judge: str,
        promote: str,
        roll_back: str,
        on_inconclusive: OnInconclusive,
        ask: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"retries": RETRIES, "retry_delay": RETRY_DELAY, **kwargs})
        self.scope = scope
        self.judge = judge
        self.promote = promote
        self.roll_back = roll_back
        self.ask = ask
        self.on_inconclusive = on_inconclusive

    def choose_branch(self, context: Context) -> str:
        """The task id to follow."""
        judged = context["ti"].xcom_pull(task_ids=self.judge)
        return self.way(Verdict(judged["verdict"]), is_asked=bool(judged.get("ask")))

    def way(self, verdict: Verdict, *, is_asked: bool = False) -> str:
        """The task id that a verdict leads to; without evidence it is never a silent pass.

        A person is asked although it passed only where the stage has whom to ask.
        """
        match verdict, self.on_inconclusive:
            case Verdict.PASS, OnInconclusive.ASK if is_asked:
                return self.ask
            case Verdict.PASS, _:
                return self.promote
            case Verdict.INCONCLUSIVE, OnInconclusive.PROMOTE:
                return self.promote
            case Verdict.INCONCLUSIVE, OnInconclusive.ASK:
                return self.ask
            case _:
                return self.roll_back
