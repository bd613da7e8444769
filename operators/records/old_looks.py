"""Removing looks that are too old to learn from: the one way past the table's refusal to lose a row."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, and_, delete, func, select, text

from operators.records.database import Database
from operators.records.tables import LOOKS

#: The trigger of SQLite and of Postgres by which the table refuses.
_SQLITE: Final = "looks_no_delete"
_POSTGRES: Final = "looks_append_only"


@dataclass(frozen=True, slots=True)
class KeptLooks:
    """The looks of one judgment: its id, when the last was taken (aware), and their size in bytes."""

    judgment: str
    at: datetime
    bytes: int


def looks_before(database: Database, at: datetime) -> list[KeptLooks]:
    """The judgments whose last look was taken before `at`, the oldest first."""
    last = (
        select(LOOKS.c.judgment, func.max(LOOKS.c.number).label("number"), func.sum(func.length(LOOKS.c.payload)))
        .group_by(LOOKS.c.judgment)
        .subquery()
    )
    judgment, number, size = last.c
    query = select(judgment, LOOKS.c.payload, size).join_from(
        LOOKS, last, and_(LOOKS.c.judgment == judgment, LOOKS.c.number == number)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    kept = (KeptLooks(row[0], datetime.fromisoformat(json.loads(row[1])["at"]), int(row[2])) for row in rows)
    return sorted((one for one in kept if one.at < at), key=lambda one: (one.at, one.judgment))


def delete_looks(database: Database, judgments: Sequence[str]) -> None:
    """Removes all looks of the judgments, or of none when it is killed; safe to repeat."""
    with database.write() as connection, _permitted(connection):
        connection.execute(delete(LOOKS).where(LOOKS.c.judgment.in_(judgments)))


@contextmanager
def _permitted(connection: Connection) -> Iterator[None]:
    """Lifts the refusal within this transaction, in which nobody else writes."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ALTER TABLE looks DISABLE TRIGGER {_POSTGRES}"))
        yield
        connection.execute(text(f"ALTER TABLE looks ENABLE TRIGGER {_POSTGRES}"))
        return
    wanted = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
    refusal = str(connection.execute(wanted, {"name": _SQLITE}).scalar_one())
    connection.exec_driver_sql(f"DROP TRIGGER {_SQLITE}")
    yield
    connection.exec_driver_sql(refusal)
