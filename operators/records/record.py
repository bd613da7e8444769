"""What a record is, and the text and digest that make it part of the chain."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from operators.errors import RecordError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

#: The digest before the first record.
GENESIS = "0" * 64


class Kind(StrEnum):
    """What a record tells of."""

    RUN = "run"
    OPERATION = "operation"
    IMAGE = "image"
    TEST = "test"
    DEPLOYMENT = "deployment"
    DECISION = "decision"
    APPROVAL = "approval"
    FREEZE = "freeze"
    LEASE = "lease"
    CONVERGED = "converged"
    CHANGE = "change"
    INCIDENT = "incident"
    LABEL = "label"
    PROFILE = "profile"
    RISK = "risk"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a record is about; a part that does not apply is `""`."""

    run: str = ""
    pipeline: str = ""
    service: str = ""
    environment: str = ""
    region: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One link of the chain.

    Args:
        seq: its place, from 1, without gaps.
        at: when it was appended (aware, UTC).
        kind: what it tells of.
        subject: what it is about.
        body: the rest, redacted.
        previous: the digest of the record before it, or `GENESIS`.
        digest: SHA-256 over `previous` and all of the above.
    """

    seq: int
    at: datetime
    kind: Kind
    subject: Subject
    body: Mapping[str, Json]
    previous: str
    digest: str


def canonical(value: Json) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII only.

    Raises RecordError for what JSON cannot say (NaN, infinity, other types).
    """
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecordError(
            "a record holds a value that JSON cannot say", why=str(error), mend="give finite numbers and plain values"
        ) from error


def digest_of(previous: str, seq: int, at: str, kind: str, subject: Subject, body: str) -> str:
    """SHA-256 (hex) of a record as it is stored, chained to the digest before it.

    `at` and `body` are taken as the texts in the database, so a changed space is found too.
    """
    content = canonical({"seq": seq, "at": at, "kind": kind, "subject": asdict(subject), "body": body})
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()
