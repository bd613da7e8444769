"""Execution windows and freezes: when a change may be made.

A wall-clock time means the first instant at which the local clock shows that time or a later
one. So an hour that daylight saving skips is passed at once, and one that it repeats counts
in its first pass.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

#: A window that is open at least once a week opens within eight days; DST can skip one opening.
_DAYS_AHEAD: Final = 16
#: How far ahead an opening is looked for, past freezes and through windows that rarely meet.
HORIZON: Final = timedelta(days=400)


class Weekday(StrEnum):
    """A day of the week, as cron names it."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"
    SAT = "SAT"
    SUN = "SUN"


_WEEK: Final = tuple(Weekday)


def _unfit(expected: str) -> PydanticCustomError:
    return PydanticCustomError("unfit", "{expected}", {"expected": expected})


def _days(value: Any) -> Any:
    """`MON-FRI`, `SAT,SUN`, `FRI-MON` or a list of such parts as days."""
    if value == "*":
        return _WEEK
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        raise _unfit("days such as MON-FRI or SAT,SUN")
    return tuple(day for day in _WEEK if any(day in _range(part) for part in parts))


def _range(part: Any) -> tuple[Weekday, ...]:
    ends = part.strip().upper().split("-") if isinstance(part, str) else []
    if not 1 <= len(ends) <= 2 or any(end not in _WEEK for end in ends):
        raise _unfit("days such as MON-FRI or SAT,SUN")
    first, last = (_WEEK.index(Weekday(end)) for end in (ends[0], ends[-1]))
    return tuple(_WEEK[(first + i) % 7] for i in range((last - first) % 7 + 1))


def _clock(value: Any) -> Any:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a wall-clock time has no zone
    except (TypeError, ValueError):
        raise _unfit('a time of day such as "09:00"') from None


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unfit("a time zone such as UTC or America/Los_Angeles") from None
    return value


Clock = Annotated[
    time, BeforeValidator(_clock), PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str)
]
Timezone = Annotated[str, AfterValidator(_timezone)]


class Window(BaseModel):
    """Hours of the week in which a change may be made; the end is excluded.

    Args:
        days: days on which it opens.
        opens: local time at which it opens (`from` in YAML).
        closes: local time at which it closes (`to` in YAML).
        timezone: whose local time.
        next_day: whether it closes on the day after it opened.
        description: why it is so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    days: Annotated[tuple[Weekday, ...], BeforeValidator(_days)] = Field(
        default=_WEEK, description="Days on which it opens, such as MON-FRI. Default: every day."
    )
    opens: Clock = Field(alias="from", description='Local time at which it opens, such as "09:00".')
    closes: Clock = Field(alias="to", description="Local time at which it closes; the end is excluded.")
    timezone: Timezone = Field(default="UTC", description="Whose local time, such as America/Los_Angeles.")
    next_day: bool = Field(default=False, strict=True, description="Whether it closes on the day after it opened.")
    description: str = Field(default="", description="Why the window is so.")

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if not self.next_day and self.closes <= self.opens:
            raise _unfit("a window that closes after it opens; swap 'from' and 'to', or add 'next_day: true'")
        if self.next_day and self.closes > self.opens:
            raise _unfit("a window of at most a day; leave out 'next_day', or close it no later than it opened")
        return self

    def is_open(self, at: datetime) -> bool:
        """Whether the window is open at `at` (aware)."""
        at = at.astimezone(UTC)  # in an hour that its clock repeats, a local time equals none of another zone
        return self.next_opening(at) == at

    def next_opening(self, at: datetime) -> datetime:
        """The first moment from `at` (aware) on at which the window is open, in UTC."""
        at = at.astimezone(UTC)
        zone = ZoneInfo(self.timezone)
        today = at.astimezone(zone).date()
        for ahead in range(-2, _DAYS_AHEAD):
            day = today + timedelta(days=ahead)
            if _WEEK[day.weekday()] not in self.days:
                continue
            closes = _instant(day + timedelta(days=self.next_day), self.closes, zone)
            opens = _instant(day, self.opens, zone)
            if at < closes and opens < closes:
                return max(at, opens)
        raise AssertionError(f"{self} does not open within {_DAYS_AHEAD} days")


class Freeze(BaseModel):
    """A time in which no change may be made; the end is excluded.

    Args:
        name: what messages call it.
        begins: first moment (`from` in YAML), with its offset from UTC.
        ends: moment at which it is over (`to` in YAML).
        environments: environments that are frozen; empty means all.
        reason: why, shown to whoever waits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    name: str = Field(min_length=1, description="What messages call the freeze.")
    begins: AwareDatetime = Field(
        alias="from", description='First moment, with its offset, such as "2030-12-20T00:00:00-08:00".'
    )
    ends: AwareDatetime = Field(alias="to", description="Moment at which it is over.")
    environments: tuple[str, ...] = Field(default=(), description="Environments that are frozen. Default: all.")
    reason: str = Field(default="", description="Why, shown to whoever waits.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ends <= self.begins:
            raise _unfit("a freeze that ends after it begins")
        return self

    def covers(self, environment: str, at: datetime) -> bool:
        """Whether changes of `environment` are frozen at `at` (aware)."""
        return self.concerns(environment) and self.begins <= at < self.ends

    def concerns(self, environment: str) -> bool:
        """Whether the freeze is about `environment` at all."""
        return not self.environments or environment in self.environments


class Calendar(BaseModel):
    """All windows and freezes that a change must respect: every window open, no freeze on.

    Args:
        windows: windows that must all be open; none means any time.
        freezes: freezes of the environment that is changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def is_open(self, at: datetime) -> bool:
        """Whether a change may be made at `at` (aware)."""
        return all(w.is_open(at) for w in self.windows) and not any(f.begins <= at < f.ends for f in self.freezes)

    def next_opening(self, at: datetime) -> datetime | None:
        """The first moment from `at` (aware) on at which a change may be made, in UTC.

        None when there is none within the horizon of 400 days.
        """
        moment = at.astimezone(UTC)
        while moment <= at + HORIZON:
            later = self._not_before(moment)
            if later == moment:
                return moment
            moment = later
        return None

    def _not_before(self, moment: datetime) -> datetime:
        openings = [window.next_opening(moment) for window in self.windows]
        ends = [freeze.ends.astimezone(UTC) for freeze in self.freezes if freeze.begins <= moment < freeze.ends]
        return max([moment, *openings, *ends])


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant at which the clock of `zone` shows `clock` on `day`, or later."""
    wall = datetime.combine(day, clock)
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if _wall(instant, zone) == wall:
        return instant
    late, early = instant, wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):  # the clock skips `wall` somewhere between the two
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        early, late = (early, middle) if _wall(middle, zone) >= wall else (middle, late)
    return late


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
