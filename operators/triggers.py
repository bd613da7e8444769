"""Short waits without a worker slot: for a lease, and for groups to be healthy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

#: Seconds between two questions; short, because people wait for the answer.
POLL_S: Final = 0.5


class LeaseTrigger(BaseTrigger):
    """Fires when nobody holds the lease of `cluster`, or at `deadline` with the `holder`."""

    def __init__(self, cluster: str, deadline: datetime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.cluster = cluster
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        return "operators.triggers.LeaseTrigger", {"cluster": self.cluster, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Polls the leases."""
        from operators.records import Records

        records = await asyncio.to_thread(Records.open)
        while holder := await asyncio.to_thread(records.leases.holder, self.cluster):
            if datetime.now(UTC) >= self.deadline:
                break
            await asyncio.sleep(POLL_S)
        yield TriggerEvent({"cluster": self.cluster, "holder": holder or ""})


class HealthTrigger(BaseTrigger):
    """Fires when all groups are healthy, or at `deadline` with what is missing."""

    def __init__(self, cloud: str, groups: Sequence[str], deadline: datetime) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow leaves it untyped
        self.cloud = cloud
        self.groups = tuple(groups)
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to go on."""
        arguments = {"cloud": self.cloud, "groups": list(self.groups), "deadline": self.deadline}
        return "operators.triggers.HealthTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Asks for fresh proof until it is there."""
        while True:
            why = await asyncio.to_thread(self.missing)
            if not why or datetime.now(UTC) >= self.deadline:
                yield TriggerEvent({"why": why})
                return
            await asyncio.sleep(POLL_S)

    def missing(self) -> str:
        """What keeps the groups from being healthy now, `""` when nothing does."""
        from operators.clouds import open_cloud
        from operators.errors import CloudError

        try:
            cloud = open_cloud(self.cloud)
            answers = {group: cloud.health(group) for group in self.groups}
        except CloudError as error:
            return str(error)
        return "; ".join(
            f"{group}: {h.healthy} of {h.wanted} healthy ({h.why})" for group, h in answers.items() if not h.is_ready
        )
