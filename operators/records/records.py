"""The records: one door to the chain, the journal, the leases and the looks."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from operators.records import chain
from operators.records.chain import Verification
from operators.records.claims import Claims
from operators.records.database import Database
from operators.records.journal import Journal
from operators.records.leases import Leases
from operators.records.looks import Looks
from operators.records.owner import Owner
from operators.records.record import Json, Kind, Record, Subject


def utc_now() -> datetime:
    """The time now, aware."""
    return datetime.now(UTC)


class Records:
    """What happened, in an append-only, hash-chained table, and the journal beside it.

    Safe in threads, in several processes at once, and over a fork. Every method may raise
    RecordError when the database cannot be used.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self._clock = clock
        self.journal = Journal(Claims(database, clock, Owner.current))
        self.leases = Leases(database, clock)
        self.looks = Looks(database)

    @classmethod
    def open(cls, url: str | None = None) -> "Records":
        """The records at a SQLAlchemy URL; the tables are made when they are not there.

        By default `GENNAKER_RECORDS_URL`, or else SQLite in the state folder.
        """
        return cls(Database(url))

    def now(self) -> datetime:
        """The time that a record of this moment has."""
        return self._clock()

    def append(self, kind: Kind, subject: Subject, body: Mapping[str, Json]) -> Record:
        """Adds a record at the end of the chain; secrets in its body are redacted."""
        with self.database.write() as connection:
            return chain.append(connection, self._clock(), kind, subject, body)

    def search(
        self,
        *,
        kind: Kind | None = None,
        run: str | None = None,
        service: str | None = None,
        environment: str | None = None,
        region: str | None = None,
        stage: str | None = None,
        since: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Record]:
        """The records that fit all that is given, oldest first unless asked otherwise.

        `since` is the place in the chain to begin at.
        """
        wanted = {"run": run, "service": service, "environment": environment, "region": region, "stage": stage}
        with self.database.read() as connection:
            return chain.search(
                connection, {"kind": kind and kind.value, **wanted}, since=since, newest_first=newest_first, limit=limit
            )

    def verify(self) -> Verification:
        """Whether the chain is whole, and where it first is not."""
        with self.database.read() as connection:
            return chain.verify(connection)

    def close(self) -> None:
        """Closes the connections; the next use opens them again."""
        self.database.close()
