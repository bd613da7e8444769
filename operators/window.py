"""Window: waits, without a worker slot, until an execution window is open."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from operators.stage import StageOperator
from operators.windows import Calendar


class Window(StageOperator):
    """Waits until every window of the calendar is open.

    Args:
        calendar: the windows and freezes, as JSON.
    """

    def __init__(self, *, calendar: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.calendar = calendar

    def execute(self, context: Context) -> None:
        """Enters the stage and waits for the opening."""
        self.enter(context)
        self.wait_until_open(context)

    def wait_until_open(self, context: Context, event: Mapping[str, Any] | None = None) -> None:
        """Returns when open, asked anew after every wait; fails when it never opens."""
        now = datetime.now(UTC)
        opens = Calendar.model_validate(self.calendar).next_opening(now)
        if opens is None:
            raise AirflowFailException(f"{self.scope.stage}: the window does not open within 400 days")
        if opens > now:
            self.log.info("closed; it opens at %s", opens.isoformat())
            self.defer(trigger=DateTimeTrigger(opens), method_name="wait_until_open")
