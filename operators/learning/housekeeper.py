"""The task that keeps house."""

from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowException

from operators.learning.housekeeping import HousekeepingPolicy, keep_house
from operators.learning.stores import stores
from operators.records import Records
from operators.records.records import utc_now


class KeepHouse(BaseOperator):
    """Removes what is older than its policy allows.

    Args:
        policy: the policy, as JSON.
        is_dry_run: `True` to only say what would go; a template.
    """

    template_fields = ("is_dry_run",)

    def __init__(self, *, policy: dict[str, int], is_dry_run: str = "False", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.is_dry_run = is_dry_run

    def execute(self, context: Context) -> dict[str, int]:
        """Gives how many of each kind went, or would go; fails at the end when a kind could not be looked through."""
        records, policy = Records.open(), HousekeepingPolicy.model_validate(self.policy)
        is_dry = self.is_dry_run == "True"
        who = f"{self.dag_id}/{context['dag_run'].run_id}"
        done = keep_house(records, stores(records), policy, now=utc_now(), who=who, dry_run=is_dry)
        for line in done.lines():
            self.log.info("%s", line)
        if done.problems:
            raise AirflowException("; ".join(done.problems))
        counts = dict.fromkeys(policy.model_dump(), 0)
        for old in done.removed:
            counts[old.what] += 1
        return counts
