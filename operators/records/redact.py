"""Secrets are taken out of everything before it is stored."""

import re
from collections.abc import Mapping, Sequence

from operators.errors import RecordError
from operators.records.record import Json

#: What stands where a secret stood.
REDACTED = "[redacted]"

_WORDS = (
    "passw(?:or)?d|passphrase|secret|token|authorization|credential|cookie|api[-_]?key|private[-_]?key|access[-_]?key"
)
_SECRET_KEY = re.compile(_WORDS, re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#]+(?=@)")
#: A word after "Basic" is a credential only with a capital, a digit or a "=" in it.
_SCHEME_CREDENTIALS = re.compile(r"\b((?i:bearer|basic)\s+)(?=\S*[A-Z\d=])[\w.~+/=-]{8,}")
_VALUE = r"(?!\[redacted\])(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"']+)"
_ASSIGNMENT = re.compile(rf"((?:{_WORDS})[\w-]{{0,40}}[\"']?\s{{0,8}}[=:]\s{{0,8}}){_VALUE}", re.IGNORECASE)


def redact(value: Json) -> Json:
    """The value without secrets, in plain dicts and lists; doing it twice changes nothing more.

    A secret is what stands under a telling key (`password`, `db_token`, ...), and inside a
    text credentials in a URL, `Bearer ...`, and `password=...`. Raises RecordError for a
    value that is not JSON.
    """
    match value:
        case str():
            return redact_text(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return redact_body(value)
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [redact(item) for item in value]
        case _:
            raise RecordError(f"a record cannot hold {type(value).__name__}", mend="give plain JSON values")


def redact_body(body: Mapping[str, Json]) -> dict[str, Json]:
    """The mapping without secrets; see `redact`."""
    clean: dict[str, Json] = {}
    for key, value in body.items():
        if not isinstance(key, str):
            raise RecordError(f"a record's keys are texts, not {type(key).__name__}", mend="use text keys")
        clean[key] = REDACTED if _SECRET_KEY.search(key) and value is not None else redact(value)
    return clean


def redact_text(text: str) -> str:
    """The text without credentials."""
    text = _URL_CREDENTIALS.sub(REDACTED, text)
    text = _SCHEME_CREDENTIALS.sub(rf"\1{REDACTED}", text)
    return _ASSIGNMENT.sub(rf"\1{REDACTED}", text)
