"""Wait: a pause of a fixed length, without a worker slot."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.definitions.context import Context

from operators.stage import StageOperator


class Wait(StageOperator):
    """Waits for `duration`; a retry waits for the rest, not all over again."""

    def __init__(self, *, duration: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duration = duration

    def execute(self, context: Context) -> None:
        """Defers until the pause is over."""
        self.enter(context)
        store = context["task_state_store"]
        until = store.get("until") or (datetime.now(UTC) + self.duration).isoformat()
        store.set("until", until)
        # The trigger itself ends the task: there is nothing left to do that would need a worker.
        trigger = DateTimeTrigger(datetime.fromisoformat(str(until)), end_from_trigger=True)
        self.defer(trigger=trigger, method_name="execute")
