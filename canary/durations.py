"""Durations as people write them: `5s`, `10m`, `1h30m`."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_PATTERN: Final = r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,6})?)s)?$"
_FORM: Final = re.compile(_PATTERN, re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The duration written as days, hours, minutes and seconds, such as `1h30m`.

    Raises:
        ValueError: when the text is not of that form, or too long for a timedelta.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    match = _FORM.match(text.strip())
    if not text.strip() or match is None:
        raise ValueError(f"{text!r} is not a duration; write it like 15s, 10m or 1h30m")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is too long a duration") from None


def format_duration(duration: timedelta) -> str:
    """The text that `parse_duration` reads back as the same duration (not negative).

    >>> format_duration(timedelta(minutes=90))
    '1h30m'
    """
    minutes, seconds = divmod(duration.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f"{seconds}.{duration.microseconds:06d}".rstrip("0") if duration.microseconds else f"{seconds}"
    parts = [(duration.days, "d"), (hours, "h"), (minutes, "m")]
    text = "".join(f"{count}{unit}" for count, unit in parts if count)
    return f"{text}{fraction}s" if fraction != "0" or not text else text


def _read(value: object) -> timedelta:
    match value:
        case timedelta():
            return value
        case str():
            return parse_duration(value)
        case _:
            raise ValueError(f"{value!r} has no unit; write it like 15s, 10m or 1h30m")


#: A timedelta that is written and read as text in YAML and JSON.
Duration = Annotated[
    timedelta,
    BeforeValidator(_read),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["15s", "10m", "1h30m"]}),
]
