"""The chain of records: append, search, verify."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from operators.errors import RecordError
from operators.records.record import GENESIS, Json, Kind, Record, Subject, canonical, digest_of
from operators.records.redact import redact_body
from operators.records.tables import HEAD, RECORDS

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking the chain found.

    Args:
        ok: whether every record is what was appended, and none is missing.
        count: how many records from the first on are intact.
        broken: the first place that is not, or None.
        why: what is wrong there, `""` when nothing is.
    """

    ok: bool
    count: int
    broken: int | None = None
    why: str = ""


#: A run with such an id never was, and its records have this key.
SIMULATED_RUN: Final = "simulated__"
SIMULATED: Final = "simulated"


def append(connection: Connection, at: datetime, kind: Kind, subject: Subject, body: Mapping[str, Json]) -> Record:
    """Adds a record at the end of the chain, within the caller's write transaction.

    Every record of a simulated run is marked as such, whoever writes it.
    """
    if subject.run.partition("/")[2].startswith(SIMULATED_RUN):
        body = {**body, SIMULATED: True}
    head = connection.execute(select(HEAD.c.seq, HEAD.c.digest)).one()
    seq, when, stored = head.seq + 1, _text_of(at), canonical(redact_body(body))
    digest = digest_of(head.digest, seq, when, kind, subject, stored)
    connection.execute(
        insert(RECORDS).values(
            seq=seq, at=when, kind=kind.value, **asdict(subject), body=stored, previous=head.digest, digest=digest
        )
    )
    connection.execute(update(HEAD).values(seq=seq, digest=digest))
    return Record(seq, at.astimezone(UTC), kind, subject, json.loads(stored), head.digest, digest)


def search(
    connection: Connection,
    wanted: Mapping[str, str | None],
    *,
    since: int = 0,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[Record]:
    """The records from `since` on whose columns hold the wanted values (None: any), in order."""
    query = select(RECORDS).order_by(RECORDS.c.seq.desc() if newest_first else RECORDS.c.seq).limit(limit)
    if since:
        query = query.where(RECORDS.c.seq >= since)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(RECORDS.c[name] == value)
    return [_record(row) for row in connection.execute(query)]


def verify(connection: Connection) -> Verification:
    """Whether the chain is whole: no record changed, removed, reordered, added or cut off at the end.

    It cannot see a chain that was rewritten as a whole, head and all: for that, keep the last
    digest elsewhere.
    """
    head = connection.execute(select(HEAD.c.seq, HEAD.c.digest)).first()
    rows = connection.execution_options(yield_per=_BATCH).execute(select(RECORDS).order_by(RECORDS.c.seq))
    count, digest = 0, GENESIS
    for row in rows:
        if why := _fault(row, count + 1, digest):
            return Verification(False, count, count + 1, why)
        count, digest = row.seq, row.digest
    if head is None:
        return Verification(False, count, count + 1, "the head, which says where the chain ends, is gone")
    if head.seq > count:
        return Verification(False, count, count + 1, f"cut off: the head says there are {head.seq} records")
    if head.seq < count:
        return Verification(False, head.seq, head.seq + 1, f"added: the head says there are {head.seq} records")
    if head.digest != digest:
        return Verification(False, count, count, "the head holds another digest than the last record")
    return Verification(True, count)


def _fault(row: Row[Any], seq: int, previous: str) -> str:
    if row.seq != seq:
        return f"removed: the next record is {row.seq}"
    if row.previous != previous:
        return "reordered or replaced: it does not follow the record before it"
    if not _is_unchanged(row):
        return "changed: its digest does not fit its content"
    return ""


def _is_unchanged(row: Row[Any]) -> bool:
    try:
        found = digest_of(row.previous, row.seq, row.at, row.kind, _subject(row), row.body)
    except RecordError:  # a column holds what was never a text
        return False
    return bool(found == row.digest)


def _record(row: Row[Any]) -> Record:
    try:
        return Record(
            row.seq,
            datetime.fromisoformat(row.at),
            Kind(row.kind),
            _subject(row),
            json.loads(row.body),
            row.previous,
            row.digest,
        )
    except (ValueError, TypeError) as error:
        raise RecordError(
            f"record {row.seq} cannot be read", why=str(error), mend="run 'gennaker audit verify'"
        ) from error


def _subject(row: Row[Any]) -> Subject:
    return Subject(row.run, row.pipeline, row.service, row.environment, row.region, row.stage)


def _text_of(at: datetime) -> str:
    if at.tzinfo is None:
        raise RecordError("a record's time has no zone", mend="pass an aware datetime")
    return at.astimezone(UTC).isoformat(timespec="microseconds")
