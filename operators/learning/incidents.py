"""Incidents: times in which a service did harm, as somebody wrote them down."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from sqlalchemy import Connection, select

from operators.errors import RecordError
from operators.records import chain
from operators.records.record import Json, Kind, Record, Subject
from operators.records.records import Records, utc_now
from operators.records.redact import redact_body
from operators.records.tables import RECORDS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which a service did harm.

    Args:
        seq: its place in the chain of records.
        service: whose.
        begin: when the harm began (aware, UTC).
        end: when it was over; not before `begin`.
        who: who wrote it down.
        why: what happened, in a sentence.
        run: the run that is to blame, `dag id/run id`; `""` for whichever was live when it began.
    """

    seq: int
    service: str
    begin: datetime
    end: datetime
    who: str
    why: str
    run: str = ""


class Incidents:
    """The incidents in the records."""

    def __init__(self, records: Records, clock: Callable[[], datetime] = utc_now) -> None:
        self._records, self._clock = records, clock

    def add(self, service: str, begin: datetime, end: datetime, *, who: str, why: str, run: str = "") -> Record:
        """Appends an incident and gives its record; the same one again changes nothing.

        Raises RecordError for a service without records, a run of another service, and times that
        have no zone or the wrong order.
        """
        _check_times(service, begin, end)
        said: dict[str, Json] = {"from": begin.isoformat(), "until": end.isoformat(), "who": who, "why": why}
        body = redact_body(said)
        with self._records.database.write() as connection:
            subject = _subject_of(connection, service, run)
            for record in chain.search(connection, {"kind": Kind.INCIDENT.value, "service": service, "run": run}):
                if all(record.body.get(key) == value for key, value in body.items()):
                    return record
            return chain.append(connection, self._clock(), Kind.INCIDENT, subject, body)

    def all(self) -> list[Incident]:
        """Every incident, oldest record first; a record that holds none is left out, with a warning."""
        found = []
        for record in self._records.search(kind=Kind.INCIDENT):
            try:
                found.append(incident_of(record))
            except RecordError as error:
                log.warning("incident_unreadable record=%s why=%s", record.seq, error)
        return found


def incident_of(record: Record) -> Incident:
    """The incident that a record of kind `incident` holds; raises RecordError when it holds none."""
    body = record.body
    try:
        begin, end = (datetime.fromisoformat(str(body[name])) for name in ("from", "until"))
        who, why = str(body["who"]), str(body["why"])
        _check_times(record.subject.service, begin, end)
    except (KeyError, ValueError) as error:
        raise RecordError(f"record {record.seq} is no incident", why=str(error)) from error
    return Incident(record.seq, record.subject.service, begin, end, who, why, record.subject.run)


def _check_times(service: str, begin: datetime, end: datetime) -> None:
    what = f"the incident of {service} has no time"
    if begin.tzinfo is None or end.tzinfo is None:
        raise RecordError(what, why="a time without a zone", mend="write it as 2026-03-01T12:00+00:00")
    if end < begin:
        raise RecordError(what, why=f"it begins {begin.isoformat()} and ends {end.isoformat()}", mend="swap them")


def _subject_of(connection: Connection, service: str, run: str) -> Subject:
    first = chain.search(connection, {"service": service}, limit=1) if service else []
    if not first:
        query = select(RECORDS.c.service).where(RECORDS.c.service != "").distinct()
        near = get_close_matches(service, list(connection.execute(query).scalars()), n=3)
        raise RecordError(
            f"service '{service}' has no records",
            why=f"near: {', '.join(near)}" if near else "no service has a name like it",
        )
    if not run:
        return Subject(service=service)
    found = chain.search(connection, {"run": run, "service": service}, limit=1)
    if not found:
        raise RecordError(f"{service} has no run '{run}'", mend="give it as 'dag id/run id'")
    return Subject(run=run, pipeline=found[0].subject.pipeline, service=service)
