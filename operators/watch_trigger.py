"""The deferred wait of a canary or a ramp step: one look every interval, no worker slot."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class WatchTrigger(BaseTrigger):
    """Looks until the watch is over, and fires with its outcome; harm has been answered by then.

    Args:
        watch: what to watch, as `Watch.to_json` gives it.
    """

    def __init__(self, watch: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.watch = dict(watch)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on; the evidence itself is in the records."""
        return "operators.watch_trigger.WatchTrigger", {"watch": self.watch}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Takes looks at a steady pace."""
        from operators.memory import Memory
        from operators.records import Records
        from operators.watch import Watch, Watcher

        records = await asyncio.to_thread(Records.open)
        memory = Memory(records)
        watcher = await asyncio.to_thread(Watcher, Watch.from_json(self.watch), records, memory)
        delivery: asyncio.Task[int] | None = None
        due = datetime.now(UTC)
        while True:
            outcome = await self._look(watcher)
            if outcome is not None and outcome.is_over:
                yield TriggerEvent(outcome.to_json())
                return
            if delivery is None or delivery.done():
                delivery = asyncio.create_task(asyncio.to_thread(memory.deliver))
            due = max(due + watcher.interval, datetime.now(UTC))
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())

    async def _look(self, watcher: Any) -> Any:
        from canary.errors import GennakerError

        try:
            return await asyncio.to_thread(watcher.look)
        except GennakerError as error:
            self.log.warning("a look failed and is taken again: %s", error)
            return None
