"""Datadog: what a query is, what its values are, tags, long spans, and errors that come with status 200."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Span
from tests.canary.sources.recorded import (
    DATADOG,
    MINUTES,
    SCOPE,
    START,
    datadog_body,
    datadog_check,
    datadog_series,
    secret,
)
from tests.canary.sources.stores import END, SPAN, Asked, Said, a_store

__all__ = ["secret"]


def ask(url: str, query: str, span: Span = SPAN) -> Answer:
    return DATADOG.open(url).fetch(Query(query), SCOPE, span)


@pytest.mark.parametrize(
    ("query", "fidelity"),
    [
        ("sum:web.errors{group:${scope}}.as_count()", Fidelity.COUNT),
        ("sum:web.errors{group:${scope},!canary} by {host}.as_count().rollup(sum, 60)", Fidelity.COUNT),
        ("sum:web.errors{*}.as_count().fill(zero)", Fidelity.COUNT),
        ("sum:web.errors{*}.as_count().fill(linear)", Fidelity.SMOOTHED),
        ("sum:web.errors{*}.as_count().rollup(avg, 60)", Fidelity.SMOOTHED),
        ("avg:web.errors{*}.as_count()", Fidelity.SMOOTHED),
        ("sum:web.errors{*}.as_rate()", Fidelity.SMOOTHED),
        ("avg:web.latency{*}", Fidelity.SMOOTHED),
        ("ewma_5(sum:web.errors{*}.as_count())", Fidelity.SMOOTHED),
        ("sum:web.errors{*}.as_count() / sum:web.hits{*}.as_count()", Fidelity.SMOOTHED),
    ],
)
def test_only_plain_sums_of_counts_are_counts(query: str, fidelity: Fidelity) -> None:
    with a_store(lambda _: Said(datadog_body(datadog_series(MINUTES)))) as store:
        assert {each.fidelity for each in ask(store.url, query).series} == {fidelity}


def test_what_the_query_says_of_its_values_counts() -> None:
    said = replace(DATADOG.query, fidelity=Fidelity.GAUGE)
    with a_store(DATADOG.answer(MINUTES)) as store:
        assert DATADOG.open(store.url).fetch(said, SCOPE, SPAN).series[0].fidelity is Fidelity.GAUGE


def test_groups_become_series_with_their_tags() -> None:
    body = datadog_body(datadog_series(MINUTES, "host:a:1", "canary"), datadog_series(MINUTES, "host:b"))
    with a_store(lambda asked: datadog_check(asked) or Said(body)) as store:
        answer = DATADOG.ask(store.url)
    assert [each.tags for each in answer.series] == [{"host": "a:1", "canary": ""}, {"host": "b"}]


def test_an_error_with_status_200_is_a_refusal() -> None:
    error = {"status": "error", "error": "Rule 'scope_expr' didn't match at '{'", "series": []}
    with a_store(lambda _: Said(error)) as store:
        answer = DATADOG.ask(store.url)
    assert answer.outcome is Outcome.REFUSED
    assert "scope_expr" in answer.message


def test_a_long_span_is_asked_for_in_parts_and_their_borders_count_once() -> None:
    span = Span(END - timedelta(minutes=2000), END, timedelta(minutes=1))

    def one_a_minute(asked: Asked) -> Said:
        first, last = int(asked.params["from"]), int(asked.params["to"])
        # What lies at the very end of a part is only the begin of an interval there.
        points = [(float(at), 0.5 if at == last else 1.0) for at in range(first, last + 1, 60)]
        return Said(datadog_body(datadog_series(points)))

    with a_store(one_a_minute) as store:
        (series,) = ask(store.url, "sum:web.errors{*}.as_count()", span).series
    assert [int(asked.params["to"]) - int(asked.params["from"]) for asked in store.asked] == [1499 * 60, 501 * 60]
    assert series.values.tolist() == [1.0] * 2000
    assert series.repairs == ()


def test_an_interval_that_datadog_chose_longer_is_told_and_still_not_counted_before_its_end() -> None:
    points = [(START + 300 * number, 5.0) for number in range(3)]
    with a_store(lambda _: Said(datadog_body(datadog_series(points, interval=300)))) as store:
        answer = ask(store.url, "sum:web.errors{*}.as_count()")
    assert "a point each 300 s" in answer.notes[0]
    assert answer.series[0].values.tolist() == [5.0, 5.0]


@pytest.mark.parametrize("query", ["", "  "])
def test_an_empty_query_is_an_error(query: str) -> None:
    with pytest.raises(CanaryError, match="empty"):
        ask("http://127.0.0.1:1", query)


def test_an_option_is_an_error() -> None:
    with pytest.raises(CanaryError, match="options"):
        DATADOG.open("http://127.0.0.1:1").fetch(Query("a", {"rollup": "sum"}), SCOPE, SPAN)
