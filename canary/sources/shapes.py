"""Taking an answer apart: each piece is of the form it must have, or the answer is malformed by name."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from canary.sources.answers import Outcome, SourceError
from canary.sources.queries import Span
from canary.sources.series import Fidelity

#: This much of a piece that does not fit is told.
_TOLD = 120


class Options(BaseModel):
    """The base of every source's query options; each may be written as in Kayenta, with capitals inside."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, alias_generator=to_camel)


def a_list(value: object, what: str) -> list[Any]:
    """The value, which must be a list; `what` names it in the error."""
    if not isinstance(value, list):
        raise malformed(f"{what} is no list", value)
    return value


def a_mapping(value: object, what: str) -> Mapping[str, Any]:
    """The value, which must be a mapping; `what` names it in the error."""
    if not isinstance(value, dict):
        raise malformed(f"{what} is no object", value)
    return value


def number(value: object) -> float:
    """The value as a float: null is NaN, a text may spell a number, NaN or infinity.

    >>> number("12.5"), number(None)
    (12.5, nan)
    """
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise malformed("a point is no number", value)
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise malformed("a point is no number", value) from error


def a_pair(value: object) -> tuple[float, float]:
    """The two numbers of a point, in the order in which they come."""
    pair = a_list(value, "a point")
    if len(pair) != 2:
        raise malformed("a point has not two numbers", value)
    return number(pair[0]), number(pair[1])


def a_time(value: object) -> float:
    """The Unix time in seconds of a time in RFC 3339; without a zone it is UTC.

    >>> a_time("2026-03-01T12:00:00.123456789Z")
    1772366400.123456
    """
    if not isinstance(value, str):
        raise malformed("a time is no text", value)
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise malformed("a time is not of RFC 3339", value) from error


def tags_of(value: object) -> dict[str, str]:
    """Labels as texts; none where there are none."""
    return {str(name): str(each) for name, each in a_mapping(value or {}, "a label set").items()}


def malformed(what: str, value: object) -> SourceError:
    """The error of an answer in which `value` does not fit."""
    return SourceError(Outcome.MALFORMED, f"{what}: {str(value)[:_TOLD]}")


def whole_steps(span: Span) -> Span:
    """The span from and to whole multiples of its step since 1970, at least one step long.

    A store that cuts a span into steps from its start, or back from its end, then cuts alike for every look.
    """
    step = span.step_s
    start_s = math.floor(span.start_s / step) * step
    end_s = max(math.floor(span.end_s / step) * step, start_s + step)
    return replace(span, start=datetime.fromtimestamp(start_s, UTC), end=datetime.fromtimestamp(end_s, UTC))


def closed(
    points: Iterable[tuple[float, float]], fidelity: Fidelity, step_s: float, span: Span
) -> list[tuple[float, float]]:
    """The points without the counts of intervals that are not over at the end of the span, and may still grow.

    Args:
        points: (Unix time in seconds of the start of the interval, value).
        fidelity: what the values are; only counts are left out.
        step_s: length of the intervals in seconds.
        span: what was asked for.
    """
    # A microsecond is what a time in a double is good for.
    return [each for each in points if fidelity is not Fidelity.COUNT or each[0] + step_s <= span.end_s + 1e-6]


def spacing(points: Sequence[tuple[float, float]], unknown_s: float) -> float:
    """How far apart the points are in seconds, the closest two of them; `unknown_s` with fewer than two.

    >>> spacing([(0.0, 1.0), (120.0, 1.0), (60.0, 1.0)], 15.0)
    60.0
    """
    times_s = sorted({at_s for at_s, _ in points})
    return min((after - before for before, after in pairwise(times_s)), default=unknown_s)


def in_seconds(span: timedelta) -> str:
    """A length of time as Google and Flux write it.

    >>> in_seconds(timedelta(minutes=1))
    '60s'
    """
    return f"{span.total_seconds():.15g}s"
