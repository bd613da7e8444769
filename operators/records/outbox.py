"""What is still to be sent to MLflow, kept where the records are."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, insert, select, update

from operators.records.database import Database
from operators.records.record import Json, canonical
from operators.records.redact import redact_body
from operators.records.tables import OUTBOX, TRACKED

#: A deliverer has a judgment to itself for this long, several times what a delivery may take.
CLAIM_S = 120.0


class _State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to send: `part` names it within its judgment, and is sent once."""

    id: int
    part: str
    payload: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Tracked:
    """The MLflow run of a judgment."""

    experiment_id: str
    run_id: str
    artifact_uri: str


class Outbox:
    """Entries in the order they came, by judgment."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def add(self, judgment: str, parts: Mapping[str, Mapping[str, Json]]) -> None:
        """Keeps the parts, redacted, until they are sent; a part that came before changes nothing."""
        with self._database.write() as connection:
            known = set(connection.execute(select(OUTBOX.c.part).where(OUTBOX.c.judgment == judgment)).scalars())
            for part, payload in parts.items():
                if part not in known:
                    row = {"judgment": judgment, "part": part, "payload": canonical(redact_body(payload))}
                    connection.execute(insert(OUTBOX).values(**row, state=_State.WAITING.value, error=""))

    def judgments(self) -> list[str]:
        """The judgments with something to send, the one waiting longest first."""
        query = select(OUTBOX.c.judgment).where(OUTBOX.c.state == _State.WAITING.value)
        query = query.group_by(OUTBOX.c.judgment).order_by(func.min(OUTBOX.c.id))
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def has(self, judgment: str) -> bool:
        """Whether anything was ever told of a judgment."""
        return self._finds(OUTBOX.c.judgment == judgment)

    def is_waiting(self, judgment: str) -> bool:
        """Whether a judgment has something to send."""
        return self._finds(OUTBOX.c.judgment == judgment, OUTBOX.c.state == _State.WAITING.value)

    def entries(self, judgment: str, limit: int) -> list[Entry]:
        """What is to be sent of a judgment, in order."""
        query = select(OUTBOX).where(OUTBOX.c.judgment == judgment, OUTBOX.c.state == _State.WAITING.value)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(OUTBOX.c.id).limit(limit)).all()
        return [Entry(row.id, row.part, json.loads(row.payload)) for row in rows]

    def sent(self, entries: Sequence[Entry]) -> None:
        """The entries arrived."""
        self._settle(entries, state=_State.SENT.value, payload="{}", error="")

    def refused(self, entries: Sequence[Entry], why: str) -> None:
        """The entries will never be taken; they are kept with the reason, and not sent again."""
        self._settle(entries, state=_State.REFUSED.value, error=why)

    @contextmanager
    def claimed(self, judgment: str) -> Iterator[bool]:
        """Whether this deliverer has the judgment to itself inside the block."""
        claim = uuid.uuid4().hex
        is_mine = self._claim(judgment, claim)
        try:
            yield is_mine
        finally:
            if is_mine:
                with self._database.write() as connection:
                    mine = (TRACKED.c.judgment == judgment, TRACKED.c.claim == claim)
                    connection.execute(update(TRACKED).where(*mine).values(claim="", claimed_until=0.0))

    def track(self, judgment: str, tracked: Tracked) -> None:
        """Remembers the MLflow run of a judgment that was claimed."""
        with self._database.write() as connection:
            connection.execute(update(TRACKED).where(TRACKED.c.judgment == judgment).values(**asdict(tracked)))

    def tracked(self, judgment: str) -> Tracked | None:
        """The MLflow run of a judgment, once there is one."""
        with self._database.read() as connection:
            row = connection.execute(select(TRACKED).where(TRACKED.c.judgment == judgment)).first()
        return Tracked(row.experiment_id, row.run_id, row.artifact_uri) if row and row.run_id else None

    def _finds(self, *where: ColumnElement[bool]) -> bool:
        with self._database.read() as connection:
            return connection.execute(select(OUTBOX.c.id).where(*where).limit(1)).first() is not None

    def _claim(self, judgment: str, claim: str) -> bool:
        now = self._clock().timestamp()
        with self._database.write() as connection:
            row = connection.execute(select(TRACKED).where(TRACKED.c.judgment == judgment)).first()
            if row is not None and row.claimed_until > now:
                return False
            mine = {"claim": claim, "claimed_until": now + CLAIM_S}
            if row is None:
                new = {"judgment": judgment, "experiment_id": "", "run_id": "", "artifact_uri": ""}
                connection.execute(insert(TRACKED).values(**new, **mine))
            else:
                connection.execute(update(TRACKED).where(TRACKED.c.judgment == judgment).values(**mine))
        return True

    def _settle(self, entries: Sequence[Entry], **columns: str) -> None:
        with self._database.write() as connection:
            chosen = OUTBOX.c.id.in_([entry.id for entry in entries])
            connection.execute(update(OUTBOX).where(chosen).values(**columns))
