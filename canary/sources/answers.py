"""What a source answers: series, and a named outcome that is never a silent pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import numpy as np

from canary.errors import CanaryError
from canary.sources.queries import Span
from canary.sources.series import Series, moment


class Outcome(StrEnum):
    """How asking a source went."""

    OK = "ok"
    PARTIAL = "partial"
    """Some of what was asked for is missing; what came is usable as far as it goes."""
    LATE = "late"
    """The newest point is older than it may be."""
    NO_DATA = "no data"
    """The query is fine and selects series, which have no points in the span."""
    NO_MATCH = "no match"
    """The query selects no series."""
    NOT_A_NUMBER = "not a number"
    """Every point is NaN."""
    UNREACHABLE = "unreachable"
    """The store could not be asked, however often it was tried."""
    REFUSED = "refused"
    """The store refuses the query: wrong, or not allowed."""
    MALFORMED = "malformed"
    """The answer is not of the store's form."""
    TOO_LARGE = "too large"
    """The answer is larger than is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered to one query.

    Args:
        outcome: how it went.
        asked: the query as it was sent, without secrets.
        series: what came; in no case made up.
        message: for every outcome but OK, why, in a sentence.
        notes: what is worth knowing besides: repairs, warnings of the store.
    """

    outcome: Outcome
    asked: str
    series: tuple[Series, ...] = ()
    message: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether its series may be judged: all came, or some did."""
        return self.outcome in (Outcome.OK, Outcome.PARTIAL)


class SourceError(CanaryError):
    """A source that gave no series, with the outcome that its answer has.

    Args:
        outcome: how asking went.
        why: the reason, without secrets.
    """

    def __init__(self, outcome: Outcome, why: str) -> None:
        self.outcome = outcome
        super().__init__(f"a metric source: {outcome.value}", why=why)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source read, before it is looked through.

    Args:
        series: one for each label set; empty when nothing matches.
        notes: warnings of the store.
        missing: for a reading that is cut short, what is missing; else `""`.
    """

    series: Sequence[Series]
    notes: tuple[str, ...] = ()
    missing: str = ""


def answered(asked: str, read: Callable[[], Reading], span: Span, late_after: timedelta) -> Answer:
    """The answer from what `read` gives or raises.

    Args:
        asked: the query as it is sent.
        read: asks the store; a `SourceError` that it raises becomes the outcome.
        span: what was asked for; points outside are left out.
        late_after: how old the newest point may be at the end of the span, besides one step of the series.
    """
    try:
        reading = read()
    except SourceError as error:
        return Answer(error.outcome, asked, message=error.why)
    return _looked_through(asked, reading, span, late_after)


def _looked_through(asked: str, reading: Reading, span: Span, late_after: timedelta) -> Answer:
    series = tuple(each.between(span.start_s, span.end_s) for each in reading.series)
    repairs = tuple(f"{each.name}: {repair}" for each in series for repair in each.repairs)
    answer = Answer(Outcome.OK, asked, series, notes=(*reading.notes, *repairs))
    if not series:
        return replace(answer, outcome=Outcome.NO_MATCH, message="the query selects no series")
    if not any(each.values.size for each in series):
        why = f"{len(series)} series match and have no points from {span}"
        return replace(answer, outcome=Outcome.NO_DATA, message=why)
    newest_s = max((each.newest_s for each in series if each.newest_s is not None), default=None)
    if newest_s is None:
        points = sum(each.values.size for each in series)
        return replace(answer, outcome=Outcome.NOT_A_NUMBER, message=f"all {points} points are NaN")
    # A point may stand for an interval that begins at its time and was over only at the next.
    if span.end_s - newest_s > late_after.total_seconds() + _step_of(series, span):
        why = f"the newest point is from {moment(newest_s):%H:%M:%S}, {span.end_s - newest_s:.0f} s before the end"
        return replace(answer, outcome=Outcome.LATE, message=why)
    infinite = sum(int(np.isinf(each.values).sum()) for each in series)
    notes = (*answer.notes, f"{infinite} points are infinite") if infinite else answer.notes
    if reading.missing:
        return replace(answer, outcome=Outcome.PARTIAL, message=reading.missing, notes=notes)
    return replace(answer, notes=notes)


def _step_of(series: Sequence[Series], span: Span) -> float:
    """Seconds between two points: the widest median among the series, or the span's step if that is wider."""
    gaps = [float(np.median(np.diff(each.times_s))) for each in series if each.times_s.size > 1]
    return max([span.step_s, *gaps])
