"""Graphite: what its values are, its points, several targets, and its own spelling of infinity."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.errors import CanaryError
from canary.sources import Fidelity, Outcome, Query, Span
from tests.canary.sources.recorded import GRAPHITE, MINUTES, SCOPE, START, VARIABLE, graphite_body, secret
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]


def test_values_are_smoothed_unless_the_query_says_otherwise() -> None:
    with a_store(GRAPHITE.answer(MINUTES)) as store:
        source = GRAPHITE.open(store.url)
        assert source.fetch(replace(GRAPHITE.query, fidelity=None), SCOPE, SPAN).series[0].fidelity is Fidelity.SMOOTHED
        assert source.fetch(GRAPHITE.query, SCOPE, SPAN).series[0].fidelity is Fidelity.COUNT


def test_a_series_that_is_alone_has_no_labels_and_several_are_told_apart_by_their_targets() -> None:
    with a_store(lambda _: Said(graphite_body(MINUTES) + graphite_body(MINUTES, "other"))) as store:
        assert [each.tags for each in GRAPHITE.ask(store.url).series] == [
            {"target": "stats.playback-v2.errors"},
            {"target": "other"},
        ]
    with a_store(lambda _: Said(graphite_body(MINUTES))) as store:
        assert GRAPHITE.ask(store.url).series[0].tags == {}


def test_infinity_as_graphite_spells_it_is_told() -> None:
    body = b'[{"target": "a", "tags": {}, "datapoints": [[1e9999, %d], [null, %d], [2, %d]]}]'
    with a_store(lambda _: Said(body % (START, START + 60, START + 540))) as store:
        answer = GRAPHITE.ask(store.url)
    assert answer.outcome is Outcome.OK
    assert answer.notes == ("1 points are infinite",)


def test_points_further_apart_than_asked_are_told_and_counted_when_they_are_over() -> None:
    body = graphite_body([(START, 5.0), (START + 300, 5.0), (START + 600, 1.0)])
    with a_store(lambda _: Said(body)) as store:
        answer = GRAPHITE.ask(store.url)
    assert "a point each 300 s" in answer.notes[0]
    assert answer.series[0].values.tolist() == [5.0, 5.0]


def test_times_are_whole_seconds_that_hold_the_span() -> None:
    odd = Span(SPAN.start + timedelta(milliseconds=500), SPAN.end + timedelta(milliseconds=500), SPAN.step)
    with a_store(lambda _: Said(graphite_body(MINUTES))) as store:
        GRAPHITE.ask(store.url, span=odd)
    params = store.asked[0].params
    assert (params["from"], params["until"]) == (f"{START:.0f}", f"{SPAN.end_s + 1:.0f}")


def test_user_and_password_are_sent() -> None:
    one = replace(GRAPHITE, settings={"user": "anna", "password": {"env": VARIABLE}})
    with a_store(lambda _: Said(graphite_body(MINUTES))) as store:
        one.ask(store.url)
    assert store.asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("query", [Query(""), Query("a", {"unknown": "x"})])
def test_a_query_that_cannot_be_asked_is_an_error(query: Query) -> None:
    with pytest.raises(CanaryError):
        GRAPHITE.open("http://127.0.0.1:1").fetch(query, SCOPE, SPAN)
