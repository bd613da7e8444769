"""Queries with scope variables, spans of time, and what becomes of odd series."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.errors import CanaryError
from canary.sources import Fidelity, Query, Scope, Series, Span, fill
from tests.canary.sources.stores import END, SPAN

SCOPE = Scope("playback-v2", "us-east-1", {"stage": "canary", "scope": "hidden"})


def test_variables_are_scope_location_and_extended_parameters() -> None:
    assert (
        Query("${scope} ${location} ${stage} ${ scope }").filled(SCOPE).text
        == "playback-v2 us-east-1 canary playback-v2"
    )


def test_a_brace_that_kayenta_escaped_is_a_variable_too() -> None:
    assert Query(r"$\{scope}").filled(SCOPE).text == "playback-v2"


def test_what_is_no_variable_stays() -> None:
    assert Query('a{b=~"x{2}$"} $scope $${').filled(SCOPE).text == 'a{b=~"x{2}$"} $scope $${'


def test_options_are_templates_too() -> None:
    query = Query.of({"text": "a", "host": "${scope}", "by": ["pod", "${stage}"], "limit": 3, "exact": True}).filled(
        SCOPE
    )
    assert query.options == {"host": "playback-v2", "by": ("pod", "canary"), "limit": "3", "exact": "true"}


def test_a_source_may_add_variables() -> None:
    assert Query("${timeFilter}").filled(SCOPE, {"timeFilter": "time > 0"}).text == "time > 0"


def test_a_variable_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(CanaryError, match=r"\$\{region\}.*known are location, scope, stage"):
        Query("${region}").filled(SCOPE)


def test_a_value_cannot_break_a_line() -> None:
    with pytest.raises(CanaryError, match="control characters") as error:
        fill("${scope}", {"scope": "a\nb"})
    assert "b" not in error.value.why


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_a_value_is_never_a_template_itself(value: str) -> None:
    assert fill("<${scope}>", {"scope": value}) == f"<{value}>"


def test_a_span_in_another_time_zone_is_the_same_span() -> None:
    there = timezone(timedelta(hours=2))
    assert Span(SPAN.start.astimezone(there), SPAN.end.astimezone(there)).start_s == SPAN.start_s
    assert str(Span(SPAN.start.astimezone(there), END)) == "2026-03-01 12:00:00 to 2026-03-01 12:10:00 UTC"


@pytest.mark.parametrize(
    ("start", "end", "step", "told"),
    [
        (END, END, 60, "ends before"),
        (datetime(2026, 1, 1), END, 60, "no time zone"),  # noqa: DTZ001 - it is the case
        (SPAN.start, END, 0, "no step"),
    ],
)
def test_a_span_that_is_none_is_refused(start: datetime, end: datetime, step: int, told: str) -> None:
    with pytest.raises(CanaryError, match=told):
        Span(start, end, timedelta(seconds=step))


@given(minutes=st.integers(1, 500), points=st.integers(1, 50))
def test_the_parts_of_a_span_are_the_span(minutes: int, points: int) -> None:
    span = Span(END - timedelta(minutes=minutes), END, timedelta(minutes=1))
    parts = span.parts(points)
    assert (parts[0].start, parts[-1].end) == (span.start, span.end)
    assert all(one.end == next_one.start for one, next_one in pairwise(parts))
    assert all(part.end - part.start <= points * span.step for part in parts)


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(allow_nan=True)), max_size=40))
def test_a_series_is_in_order_with_each_time_once_and_the_last_word_counts(points: list[tuple[int, float]]) -> None:
    series = Series.of(points, Fidelity.GAUGE)
    expected = dict(points)
    assert series.times_s.tolist() == sorted(expected)
    assert np.array_equal(series.values, [expected[at] for at in sorted(expected)], equal_nan=True)
    assert bool(series.repairs) == (points != [(at, expected[at]) for at in sorted(expected)]) or any(
        value != value for _, value in points
    )


def test_a_series_shows_its_newest_number() -> None:
    assert Series.of([(1, 5.0), (2, float("nan"))], Fidelity.GAUGE).newest_s == 1
    assert Series.of([(2, float("nan"))], Fidelity.GAUGE).newest_s is None
    assert Series.of([(float("nan"), 1.0)], Fidelity.GAUGE).repairs == ("1 points had no time",)


def test_times_are_in_utc() -> None:
    assert Span(SPAN.start, END).end == datetime(2026, 3, 1, 12, 10, tzinfo=UTC)
