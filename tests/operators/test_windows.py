"""A change is made only in its windows and never in a freeze, also where clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from operators.windows import Calendar, Freeze, Weekday, Window

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
OFFICE = Window.model_validate({"days": "MON-FRI", "from": "09:00", "to": "17:00", "timezone": "America/Los_Angeles"})
NIGHT = Window.model_validate({"days": "FRI", "from": "22:00", "to": "05:00", "next_day": True})
ALWAYS = Window.model_validate({"from": "00:00", "to": "00:00", "next_day": True})


def here(text: str) -> datetime:
    """A wall-clock time of Los Angeles."""
    return datetime.fromisoformat(text).replace(tzinfo=LOS_ANGELES)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_window_is_open_from_its_first_moment_until_just_before_its_end() -> None:
    assert not OFFICE.is_open(here("2030-03-04 08:59:59"))
    assert OFFICE.is_open(here("2030-03-04 09:00"))
    assert OFFICE.is_open(here("2030-03-04 16:59:59"))
    assert not OFFICE.is_open(here("2030-03-04 17:00"))


def test_a_window_opens_next_on_its_next_day() -> None:
    assert OFFICE.next_opening(here("2030-03-08 17:00")) == here("2030-03-11 09:00")


def test_a_window_over_night_belongs_to_the_day_it_opened() -> None:
    assert NIGHT.is_open(utc("2030-03-09 04:59"))
    assert not NIGHT.is_open(utc("2030-03-09 05:00"))
    assert not NIGHT.is_open(utc("2030-03-09 23:00"))
    assert NIGHT.next_opening(utc("2030-03-09 05:00")) == utc("2030-03-15 22:00")


def test_a_window_of_all_day_never_closes() -> None:
    assert all(ALWAYS.is_open(utc("2030-03-09 00:00") + timedelta(minutes=7 * i)) for i in range(2000))


def test_office_hours_keep_their_wall_clock_when_clocks_change() -> None:
    assert OFFICE.next_opening(here("2030-03-08 18:00")) == utc("2030-03-11 16:00")
    assert OFFICE.next_opening(here("2030-11-01 18:00")) == utc("2030-11-04 17:00")


def test_an_opening_that_clocks_skip_is_at_the_moment_they_skip() -> None:
    window = Window.model_validate({"from": "02:30", "to": "04:00", "timezone": "America/Los_Angeles"})
    assert window.next_opening(here("2030-03-10 00:00")) == here("2030-03-10 03:00")


def test_a_window_that_clocks_skip_whole_opens_on_the_next_day() -> None:
    window = Window.model_validate({"from": "02:10", "to": "02:50", "timezone": "America/Los_Angeles"})
    assert window.next_opening(here("2030-03-10 00:00")) == here("2030-03-11 02:10")


def test_an_hour_that_clocks_repeat_counts_in_its_first_pass() -> None:
    window = Window.model_validate({"from": "01:00", "to": "01:30", "timezone": "America/Los_Angeles"})
    assert window.next_opening(utc("2030-11-03 00:00")) == utc("2030-11-03 08:00")
    assert window.is_open(here("2030-11-03 01:10"))
    assert not window.is_open(here("2030-11-03 01:40"))
    assert not window.is_open(here("2030-11-03 01:10").replace(fold=1))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("MON-FRI", "MON TUE WED THU FRI"),
        ("FRI-MON", "MON FRI SAT SUN"),
        ("SAT,sun", "SAT SUN"),
        (["WED", "MON-TUE"], "MON TUE WED"),
        ("*", "MON TUE WED THU FRI SAT SUN"),
    ],
)
def test_days_are_written_as_in_cron(days: object, expected: str) -> None:
    window = Window.model_validate({"days": days, "from": "09:00", "to": "17:00"})
    assert " ".join(window.days) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": "08:00"}, "a window that closes after it opens"),
        ({"to": "10:00", "next_day": True}, "a window of at most a day"),
        ({"days": "MON-FUN"}, "days such as MON-FRI"),
        ({"days": []}, "days such as MON-FRI"),
        ({"days": "MON-TUE-WED"}, "days such as MON-FRI"),
        ({"from": "9 o'clock"}, "a time of day"),
        ({"from": 900}, "a time of day"),
        ({"timezone": "Mars/Base"}, "a time zone such as UTC"),
        ({"timezone": "../etc"}, "a time zone such as UTC"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(change: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Window.model_validate({"from": "09:00", "to": "17:00", **change})


def a_freeze(begins: str, ends: str, **more: object) -> Freeze:
    return Freeze.model_validate({"name": "holidays", "from": begins, "to": ends, **more})


def test_a_freeze_takes_its_time_out_of_every_window() -> None:
    freeze = a_freeze("2030-03-04T10:00:00-08:00", "2030-03-05T12:00:00-08:00")
    calendar = Calendar(windows=(OFFICE,), freezes=(freeze,))
    assert calendar.is_open(here("2030-03-04 09:30"))
    assert not calendar.is_open(here("2030-03-04 11:00"))
    assert calendar.next_opening(here("2030-03-04 11:00")) == here("2030-03-05 12:00")


def test_a_freeze_stops_changes_that_have_no_window() -> None:
    calendar = Calendar(freezes=(a_freeze("2030-03-04T10:00:00Z", "2030-03-05T10:00:00Z"),))
    assert not calendar.is_open(utc("2030-03-04 11:00"))
    assert calendar.next_opening(utc("2030-03-04 11:00")) == utc("2030-03-05 10:00")


def test_a_freeze_is_about_the_environments_it_names() -> None:
    at = utc("2030-03-04 11:00")
    freeze = a_freeze("2030-03-04T10:00:00Z", "2030-03-05T10:00:00Z", environments=["production"])
    assert freeze.covers("production", at)
    assert not freeze.covers("test", at)
    assert a_freeze("2030-03-04T10:00:00Z", "2030-03-05T10:00:00Z").covers("test", at)


def test_a_freeze_needs_an_offset_and_an_end_after_its_beginning() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        a_freeze("2030-03-04T10:00:00", "2030-03-05T10:00:00")
    with pytest.raises(ValidationError, match="a freeze that ends after it begins"):
        a_freeze("2030-03-05T10:00:00Z", "2030-03-05T10:00:00Z")


def test_windows_that_never_meet_never_open() -> None:
    monday = Window.model_validate({"days": "MON", "from": "09:00", "to": "10:00"})
    tuesday = Window.model_validate({"days": "TUE", "from": "09:00", "to": "10:00"})
    assert Calendar(windows=(monday, tuesday)).next_opening(utc("2030-03-04 11:00")) is None


def test_no_window_and_no_freeze_is_any_time() -> None:
    at = utc("2030-03-04 11:00")
    assert Calendar().next_opening(at) == at


zones = st.sampled_from(["UTC", "America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
moments = st.datetimes(datetime(2029, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - st adds it


@st.composite
def windows(draw: st.DrawFn) -> Window:
    opens, closes = draw(clocks), draw(clocks)
    days = draw(st.sets(st.sampled_from(Weekday), min_size=1))
    return Window.model_validate(
        {
            "days": sorted(days),
            "from": opens.strftime("%H:%M"),
            "to": closes.strftime("%H:%M"),
            "timezone": draw(zones),
            "next_day": closes <= opens,
        }
    )


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    freezes = []
    for begins in draw(st.lists(moments, max_size=2)):
        ends = begins + draw(st.timedeltas(timedelta(minutes=1), timedelta(days=30)))
        freezes.append(Freeze.model_validate({"name": "f", "from": begins, "to": ends}))
    return Calendar(windows=tuple(draw(st.lists(windows(), max_size=2))), freezes=tuple(freezes))


@settings(deadline=None)
@given(calendars(), moments, st.lists(st.integers(0, 999), max_size=20))
def test_the_next_opening_is_open_not_past_and_nothing_is_open_before_it(
    calendar: Calendar, at: datetime, thousandths: list[int]
) -> None:
    opening = calendar.next_opening(at)
    until = opening or at + timedelta(days=30)
    assert until >= at
    assert opening is None or calendar.is_open(opening)
    assert calendar.is_open(at) == (opening == at)
    for part in thousandths:
        assert until == at or not calendar.is_open(at + (until - at) * part // 1000)


@settings(deadline=None)
@given(windows(), moments)
def test_a_window_is_open_only_when_the_wall_clock_is_within_it(window: Window, at: datetime) -> None:
    wall = at.astimezone(ZoneInfo(window.timezone)).time()
    if not window.is_open(at):
        return
    within = window.opens <= wall or wall < window.closes if window.next_day else window.opens <= wall < window.closes
    # The hour that a clock repeats is the one time at which a running window sees the clock go back.
    repeats = at.astimezone(ZoneInfo(window.timezone)).fold == 1
    assert within or repeats


@given(calendars())
def test_a_calendar_survives_json(calendar: Calendar) -> None:
    assert Calendar.model_validate_json(calendar.model_dump_json()) == calendar
