"""One row per operation, and the claim on it: each method is one transaction."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from operators.errors import RecordError
from operators.records import chain
from operators.records.database import Database
from operators.records.owner import Owner
from operators.records.record import Json, Kind, Subject, canonical
from operators.records.redact import redact_body, redact_text
from operators.records.tables import HEAD, OPERATIONS

#: A claim not renewed for this long is anyone's, wherever its owner may be.
STALE_S = 30.0


class State(StrEnum):
    """Where an operation stands."""

    CLAIMED = "claimed"
    FAILED = "failed"
    CONFIRMED = "confirmed"
    ABANDONED = "abandoned"


_OPEN = (State.CLAIMED.value, State.FAILED.value)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that was meant and is not confirmed.

    Args:
        key: its name, made of run, stage, region and step.
        subject: what it is about.
        intent: what was to be done.
        attempts: how often it was claimed.
        is_held: whether a process that seems alive is at it right now.
        error: why the last attempt failed, `""` if it did not.
    """

    key: str
    subject: Subject
    intent: Mapping[str, Json]
    attempts: int
    is_held: bool
    error: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act, until someone else claims the key with a higher fence."""

    key: str
    fence: int


@dataclass(frozen=True, slots=True)
class Held:
    """Someone else is at it."""

    by: Owner


@dataclass(frozen=True, slots=True)
class Done:
    """It was confirmed, with this result."""

    result: Mapping[str, Json]


class Claims:
    """The operations' rows.

    Args:
        database: where they are.
        clock: the time now (aware).
        owner: who claims; asked at each claim, as a process may have been forked.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime], owner: Callable[[], Owner]) -> None:
        self._database, self._clock, self._owner = database, clock, owner

    def claim(self, key: str, subject: Subject, intent: Mapping[str, Json]) -> Claim | Held | Done:
        """Claims a key that is new, failed, or held by the dead; otherwise says how it stands."""
        meant = canonical(redact_body(intent))
        with self._database.write() as connection:
            row = _row(connection, key)
            if row is None:
                return self._begin(connection, key, subject, meant)
            _check_intent(row, meant)
            return self._go_on(connection, row)

    def confirm(self, claim: Claim, result: Mapping[str, Json]) -> bool:
        """Writes the result, unless the claim was taken over: then False."""
        clean = redact_body(result)
        return self._settle(claim, State.CONFIRMED, {"result": clean}, result=canonical(clean), error="")

    def give_up(self, claim: Claim, error: BaseException) -> bool:
        """Writes that the attempt failed, unless the claim was taken over: then False."""
        why = redact_text(f"{type(error).__name__}: {error}")
        return self._settle(claim, State.FAILED, {"error": why}, error=canonical(why))

    def abandon(self, key: str, why: str) -> bool:
        """Closes an open operation that nobody holds; False when there is no such operation.

        Whoever still acts on it cannot confirm, and whoever asks for it later is refused.
        """
        why = redact_text(why)
        with self._database.write() as connection:
            row = _row(connection, key)
            if row is None or row.state not in _OPEN or self._is_held(row):
                return False
            columns = {"state": State.ABANDONED.value, "error": canonical(why)}
            connection.execute(update(OPERATIONS).where(OPERATIONS.c.key == key).values(**columns))
            self._tell(connection, _subject(row), key, "abandoned", row.fence, {"why": why})
        return True

    def renew(self, claim: Claim) -> bool:
        """Keeps the claim fresh; False when it is no longer ours."""
        with self._database.write() as connection:
            return _change(connection, claim, renewed_at=self._clock().timestamp()) is not None

    def result(self, key: str) -> Mapping[str, Json] | None:
        """What a confirmed operation gave."""
        with self._database.read() as connection:
            row = _row(connection, key)
        return json.loads(row.result) if row is not None and row.state == State.CONFIRMED else None

    def unfinished(self, run: str | None) -> list[Operation]:
        """What was meant and is not confirmed, oldest first."""
        query = select(OPERATIONS).where(OPERATIONS.c.state.in_(_OPEN)).order_by(OPERATIONS.c.seq)
        if run is not None:
            query = query.where(OPERATIONS.c.run == run)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [self._operation(row) for row in rows]

    def _begin(self, connection: Connection, key: str, subject: Subject, meant: str) -> Claim:
        fence, owner = _next_fence(connection), self._owner().to_text()
        record = self._tell(connection, subject, key, "meant", fence, {"owner": owner, "intent": json.loads(meant)})
        connection.execute(
            insert(OPERATIONS).values(
                key=key,
                **asdict(subject),
                seq=record,
                intent=meant,
                state=State.CLAIMED.value,
                fence=fence,
                attempts=1,
                owner=owner,
                renewed_at=self._clock().timestamp(),
                result="",
                error="",
            )
        )
        return Claim(key, fence)

    def _go_on(self, connection: Connection, row: Row[Any]) -> Claim | Held | Done:
        match State(row.state):
            case State.CONFIRMED:
                return Done(json.loads(row.result))
            case State.CLAIMED if self._is_held(row):
                return Held(Owner.from_text(row.owner))
            case State.CLAIMED:
                return self._claim_again(connection, row, "taken over", {"from": row.owner})
            case State.FAILED:
                return self._claim_again(connection, row, "tried again", {})
            case State.ABANDONED:
                why = json.loads(row.error)
                raise RecordError(f"operation {row.key} was abandoned", why=why, mend="start a new run")

    def _claim_again(self, connection: Connection, row: Row[Any], what: str, more: Mapping[str, Json]) -> Claim:
        fence, owner = _next_fence(connection), self._owner().to_text()
        self._tell(connection, _subject(row), row.key, what, fence, {"owner": owner, **more})
        connection.execute(
            update(OPERATIONS)
            .where(OPERATIONS.c.key == row.key)
            .values(
                state=State.CLAIMED.value,
                fence=fence,
                attempts=row.attempts + 1,
                owner=owner,
                renewed_at=self._clock().timestamp(),
            )
        )
        return Claim(row.key, fence)

    def _settle(self, claim: Claim, state: State, more: Mapping[str, Json], **columns: str) -> bool:
        with self._database.write() as connection:
            row = _change(connection, claim, state=state.value, **columns)
            if row is None:
                return False
            self._tell(connection, _subject(row), claim.key, state, claim.fence, more)
        return True

    def _tell(
        self, connection: Connection, subject: Subject, key: str, what: str, fence: int, more: Mapping[str, Json]
    ) -> int:
        body = {"operation": key, "event": what, "fence": fence, **more}
        return chain.append(connection, self._clock(), Kind.OPERATION, subject, body).seq

    def _is_held(self, row: Row[Any]) -> bool:
        if row.state != State.CLAIMED or self._clock().timestamp() - row.renewed_at > STALE_S:
            return False
        return not Owner.from_text(row.owner).is_known_dead()

    def _operation(self, row: Row[Any]) -> Operation:
        error = json.loads(row.error) if row.error else ""
        return Operation(row.key, _subject(row), json.loads(row.intent), row.attempts, self._is_held(row), error)


def _row(connection: Connection, key: str) -> Row[Any] | None:
    return connection.execute(select(OPERATIONS).where(OPERATIONS.c.key == key)).first()


def _check_intent(row: Row[Any], meant: str) -> None:
    if row.intent != meant:
        raise RecordError(
            f"operation {row.key} was meant otherwise before",
            why=f"before {row.intent}, now {meant}",
            mend="give a different operation a different key",
        )


def _change(connection: Connection, claim: Claim, **columns: object) -> Row[Any] | None:
    """Changes the row only while the claim stands, and gives it; else None."""
    mine = (OPERATIONS.c.key == claim.key, OPERATIONS.c.fence == claim.fence, OPERATIONS.c.state == State.CLAIMED.value)
    return connection.execute(update(OPERATIONS).where(*mine).values(**columns).returning(OPERATIONS)).first()


def _next_fence(connection: Connection) -> int:
    fence = connection.execute(select(HEAD.c.fence)).scalar_one() + 1
    connection.execute(update(HEAD).values(fence=fence))
    return int(fence)


def _subject(row: Row[Any]) -> Subject:
    return Subject(row.run, row.pipeline, row.service, row.environment, row.region, row.stage)
