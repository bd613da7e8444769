"""Wavefront: grains, labels, warnings, and errors that come with status 200."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.errors import CanaryError
from canary.sources import Fidelity, Outcome, Query
from tests.canary.sources.recorded import MINUTES, SCOPE, WAVEFRONT, secret, wavefront_body
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]


@pytest.mark.parametrize(
    ("step", "grain"),
    [
        (timedelta(seconds=15), "s"),
        (timedelta(minutes=1), "m"),
        (timedelta(minutes=5), "m"),
        (timedelta(seconds=90), "s"),
        (timedelta(hours=2), "h"),
        (timedelta(days=1), "d"),
    ],
)
def test_the_grain_is_the_coarsest_that_divides_the_step(step: timedelta, grain: str) -> None:
    with a_store(lambda _: Said(wavefront_body(MINUTES))) as store:
        WAVEFRONT.ask(store.url, span=replace(SPAN, step=step))
    assert store.asked[0].params["g"] == grain


def test_values_are_means_and_smoothed_unless_the_query_says_otherwise() -> None:
    with a_store(lambda _: Said(wavefront_body(MINUTES))) as store:
        (series,) = WAVEFRONT.open(store.url).fetch(Query("ts(a)"), SCOPE, SPAN).series
    assert store.asked[0].params["summarization"] == "MEAN"
    assert series.fidelity is Fidelity.SMOOTHED


def test_labels_are_the_source_and_the_point_tags() -> None:
    body = wavefront_body(MINUTES)
    body["timeseries"].append({"label": "web.errors", "data": [[MINUTES[-1][0], 1.0]]})
    with a_store(lambda _: Said(body)) as store:
        answer = WAVEFRONT.ask(store.url)
    assert [each.tags for each in answer.series] == [{"source": "web-1", "group": "playback-v2"}, {}]


def test_warnings_are_told() -> None:
    with a_store(lambda _: Said({**wavefront_body(MINUTES), "warnings": "a host has stopped reporting"})) as store:
        assert WAVEFRONT.ask(store.url).notes == ("a host has stopped reporting",)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("QuerySyntaxError", Outcome.REFUSED), ("QueryExecutionFailed", Outcome.UNREACHABLE), (None, Outcome.REFUSED)],
)
def test_an_error_with_status_200_is_an_outcome(kind: str | None, outcome: Outcome) -> None:
    error = {"query": "ts(", "errorType": kind, "errorMessage": "Terminating Query to save resources"}
    with a_store(lambda _: Said(error)) as store:
        answer = WAVEFRONT.ask(store.url)
    assert answer.outcome is outcome
    assert "save resources" in answer.message


@pytest.mark.parametrize("query", [Query(""), Query("ts(a)", {"summarization": "P99"}), Query("ts(a)", {"x": "y"})])
def test_a_query_that_cannot_be_asked_is_an_error(query: Query) -> None:
    with pytest.raises(CanaryError):
        WAVEFRONT.open("http://127.0.0.1:1").fetch(query, SCOPE, SPAN)
