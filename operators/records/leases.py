"""Leases: one change at a time per service, environment and region."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from operators.errors import LeaseHeld
from operators.records import chain
from operators.records.database import Database
from operators.records.record import Kind, Subject
from operators.records.tables import LEASES


@dataclass(frozen=True, slots=True)
class Lease:
    """A run's right to change a cluster (`service/environment/region`)."""

    cluster: str
    run: str
    since: datetime


class Leases:
    """Who may change which cluster; every taking and release is recorded."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def take(self, cluster: str, run: str) -> None:
        """Gives the cluster to the run; again for the same run changes nothing.

        Raises LeaseHeld while another run has it.
        """
        with self._database.write() as connection:
            held = _lease(connection, cluster)
            if held is None:
                at = self._clock()
                connection.execute(insert(LEASES).values(cluster=cluster, run=run, since=at.isoformat()))
                chain.append(connection, at, Kind.LEASE, _subject(cluster, run), {"cluster": cluster, "event": "taken"})
            elif held.run != run:
                raise LeaseHeld(
                    f"{cluster} is being changed by another run",
                    why=f"{held.run} has it since {held.since.isoformat(timespec='seconds')}",
                    mend="wait for that run, or cancel it",
                )

    def release(self, cluster: str, run: str) -> None:
        """Takes the cluster from the run; does nothing when the run does not have it."""
        with self._database.write() as connection:
            mine = (LEASES.c.cluster == cluster, LEASES.c.run == run)
            if connection.execute(delete(LEASES).where(*mine)).rowcount:
                subject, body = _subject(cluster, run), {"cluster": cluster, "event": "released"}
                chain.append(connection, self._clock(), Kind.LEASE, subject, body)

    def holder(self, cluster: str) -> str | None:
        """The run that has the cluster."""
        with self._database.read() as connection:
            held = _lease(connection, cluster)
        return held.run if held else None

    def of_run(self, run: str) -> list[str]:
        """The clusters the run has, by name."""
        return [lease.cluster for lease in self.all() if lease.run == run]

    def all(self) -> list[Lease]:
        """Every lease, by cluster."""
        with self._database.read() as connection:
            rows = connection.execute(select(LEASES).order_by(LEASES.c.cluster)).all()
        return [Lease(row.cluster, row.run, datetime.fromisoformat(row.since)) for row in rows]


def _lease(connection: Connection, cluster: str) -> Lease | None:
    row = connection.execute(select(LEASES).where(LEASES.c.cluster == cluster)).first()
    return Lease(row.cluster, row.run, datetime.fromisoformat(row.since)) if row else None


def _subject(cluster: str, run: str) -> Subject:
    service, environment, region = (*cluster.split("/", 2), "", "")[:3]
    return Subject(run=run, service=service, environment=environment, region=region)
