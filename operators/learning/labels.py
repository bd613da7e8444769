"""Labels: what a release turned out to be, who says so, and which label counts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, select

from canary.learning.recorded import Truth
from operators.errors import RecordError
from operators.records import chain
from operators.records.record import Json, Kind, Record, Subject
from operators.records.records import Records, utc_now
from operators.records.redact import redact_body
from operators.records.tables import RECORDS

#: URI of the Airflow asset that is updated when enough canaries were labelled.
LABELLED: Final = "gennaker://labelled-canaries"


class Source(StrEnum):
    """Where a label comes from."""

    PERSON = "person"
    REHEARSAL = "rehearsal"
    ROLLED_BACK_LATER = "rolled-back-later"
    INCIDENT = "incident"
    HOT_FIX = "hot-fix"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Label:
    """One opinion of what a release turned out to be.

    Args:
        seq: its place in the chain of records; a later label has a larger one.
        at: when it was given (aware, UTC).
        run: the pipeline run, `dag id/run id`.
        truth: good or bad.
        source: where it comes from.
        who: the person or the program.
        why: in a sentence.
        judgment: id of the judgment it speaks of; `""` for the whole run.
    """

    seq: int
    at: datetime
    run: str
    truth: Truth
    source: Source
    who: str
    why: str
    judgment: str = ""


class Labels:
    """The labels in the records: given once, never edited; a later one corrects an earlier one."""

    def __init__(self, records: Records, clock: Callable[[], datetime] = utc_now) -> None:
        self._records, self._clock = records, clock

    def add(self, run: str, truth: Truth, *, source: Source, who: str, why: str, judgment: str = "") -> Record:
        """Appends a label and gives its record; the last one of the same origin again changes nothing.

        The origin is source, who and judgment. Raises RecordError for a run without records.
        """
        said: dict[str, Json] = {"truth": truth.value, "source": source.value, "who": who, "why": why}
        body = redact_body({**said, "judgment": judgment})
        with self._records.database.write() as connection:
            subject = _subject_of(connection, run)
            earlier = chain.search(connection, {"kind": Kind.LABEL.value, "run": run}, newest_first=True)
            origin = ("source", "who", "judgment")
            same = (record for record in earlier if all(record.body.get(key) == body[key] for key in origin))
            last = next(same, None)
            if last and all(last.body.get(key) == value for key, value in body.items()):
                return last
            return chain.append(connection, self._clock(), Kind.LABEL, subject, body)

    def add_once(self, run: str, truth: Truth, *, source: Source, who: str, why: str) -> Record | None:
        """Appends a label of a whole run, unless it ever had one of this source; None then.

        Two callers at once write one label, whatever each of them says why.
        """
        said: dict[str, Json] = {"truth": truth.value, "source": source.value, "who": who, "why": why, "judgment": ""}
        with self._records.database.write() as connection:
            earlier = chain.search(connection, {"kind": Kind.LABEL.value, "run": run})
            if any(record.body.get("source") == source.value for record in earlier):
                return None
            subject = _subject_of(connection, run)
            return chain.append(connection, self._clock(), Kind.LABEL, subject, said)

    def all(self) -> dict[str, list[Label]]:
        """The labels of every labelled run, oldest first."""
        found: dict[str, list[Label]] = {}
        for record in self._records.search(kind=Kind.LABEL):
            found.setdefault(record.subject.run, []).append(label_of(record))
        return found

    def of(self, run: str) -> list[Label]:
        """The labels of a run, oldest first."""
        return [label_of(record) for record in self._records.search(kind=Kind.LABEL, run=run)]


def label_of(record: Record) -> Label:
    """The label that a record of kind `label` holds; raises RecordError when it holds none."""
    body = record.body
    try:
        truth, source = Truth(str(body["truth"])), Source(str(body["source"]))
        who, why = str(body["who"]), str(body["why"])
    except (KeyError, ValueError) as error:
        raise RecordError(f"record {record.seq} is no label", why=str(error)) from error
    judgment = str(body.get("judgment", ""))
    return Label(record.seq, record.at, record.subject.run, truth, source, who, why, judgment)


def truth_of(labels: Iterable[Label]) -> Label | None:
    """The label that counts; None without any.

    A rehearsal's first, since its truth was injected; then the latest of a person; then the latest
    event that says bad; `stable` last.
    """
    return max(labels, key=lambda label: (_rank(label), label.seq), default=None)


def _rank(label: Label) -> int:
    match label.source:
        case Source.REHEARSAL:
            return 3
        case Source.PERSON:
            return 2
    return 1 if label.truth is Truth.BAD else 0


def _subject_of(connection: Connection, run: str) -> Subject:
    """Run, pipeline and service, from the first record of the run that names a service."""
    found = chain.search(connection, {"run": run})
    if not run or not found:
        known = connection.execute(select(RECORDS.c.run).where(RECORDS.c.run != "").distinct()).scalars()
        near = get_close_matches(run, list(known), n=3)
        raise RecordError(
            f"run '{run}' has no records",
            why=f"near: {', '.join(near)}" if near else "no run has a name like it",
            mend="give it as 'dag id/run id'",
        )
    named = next((record.subject for record in found if record.subject.service), found[0].subject)
    return Subject(run=run, pipeline=named.pipeline, service=named.service)
