"""New Relic: NRQL that is given and NRQL that is made, facets, several values, and errors that come with status 200."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, Span
from tests.canary.sources.recorded import (
    FROM,
    INSIGHTS,
    MINUTES,
    NEWRELIC,
    SCOPE,
    START,
    TO,
    insights_body,
    newrelic_body,
    newrelic_rows,
    secret,
)
from tests.canary.sources.stores import END, SPAN, Asked, Said, a_store

__all__ = ["secret"]

TIMES = f"TIMESERIES 60 seconds SINCE {FROM} UNTIL {TO}"


def ask(url: str, query: Query, scope: Scope = SCOPE, span: Span = SPAN, **settings: Any) -> Answer:
    return NEWRELIC.open(url, **settings).fetch(query, scope, span)


def sent(query: Query, scope: Scope = SCOPE, **settings: Any) -> str:
    with a_store(lambda _: Said(newrelic_body(newrelic_rows(MINUTES)))) as store:
        ask(store.url, query, scope, **settings)
    return str(store.asked[0].json["variables"]["nrql"])


def test_a_query_without_times_gets_them() -> None:
    assert sent(Query("SELECT count(*) FROM Log")) == f"SELECT count(*) FROM Log {TIMES}"


def test_a_query_with_times_of_its_own_keeps_them() -> None:
    text = "SELECT count(*) FROM Log TIMESERIES ${step} seconds SINCE ${startEpochSeconds} UNTIL ${endEpochSeconds}"
    assert sent(Query(text)) == f"SELECT count(*) FROM Log {TIMES}"


@pytest.mark.parametrize("select", ["count(*) FROM Log", "SELECT count(*) FROM Log", " select count(*) FROM Log "])
def test_a_query_is_made_of_select_and_q_as_in_kayenta(select: str) -> None:
    scope = Scope("v1", "us-west-2", {"_scope_key": "asg", "_location_key": "region", "_other": "x", "env": "prod"})
    nrql = sent(Query(options={"select": select, "q": "status LIKE '5%'"}), scope)
    assert (
        nrql.lower()
        == (
            f"select count(*) from log {TIMES} where status like '5%' "
            "and env like 'prod' and asg like 'v1' and region like 'us-west-2'"
        ).lower()
    )


def test_attributes_of_scope_and_location_may_be_in_the_settings() -> None:
    nrql = sent(Query(options={"select": "count(*) FROM Log"}), Scope("it's"), scope_key="asg")
    assert nrql.endswith(r"WHERE asg LIKE 'it\'s'")


@pytest.mark.parametrize(
    ("options", "message"), [({}, "empty"), ({"select": "count(*) FROM Log"}, "which attribute is the scope's")]
)
def test_a_query_that_cannot_be_made_is_an_error(options: dict[str, str], message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        ask("http://127.0.0.1:1", Query(options=options), Scope("v1"))


@pytest.mark.parametrize(
    ("nrql", "fidelity"),
    [
        ("SELECT count(*) FROM Log WHERE a = 'b'", Fidelity.COUNT),
        ("select sum(errors) as 'errors' from Metric", Fidelity.COUNT),
        ("SELECT filter(count(*), WHERE status = '500') FROM Log", Fidelity.COUNT),
        ("SELECT average(duration) FROM Log", Fidelity.SMOOTHED),
        ("SELECT percentile(duration, 99) FROM Log", Fidelity.SMOOTHED),
        ("SELECT rate(count(*), 1 minute) FROM Log", Fidelity.SMOOTHED),
        ("SELECT uniqueCount(user) FROM Log", Fidelity.SMOOTHED),
        ("SELECT count(*) / 60 FROM Log", Fidelity.SMOOTHED),
        ("SELECT count(*) FROM Log TIMESERIES MAX", Fidelity.SMOOTHED),
        ("SELECT count(*) FROM Log TIMESERIES 5 minutes SLIDE BY 1 minute", Fidelity.SMOOTHED),
    ],
)
def test_only_counts_and_sums_of_intervals_that_do_not_overlap_are_counts(nrql: str, fidelity: Fidelity) -> None:
    with a_store(lambda _: Said(newrelic_body(newrelic_rows(MINUTES)))) as store:
        assert ask(store.url, Query(nrql)).series[0].fidelity is fidelity


def test_buckets_begin_at_whole_steps_so_that_each_look_cuts_alike() -> None:
    late = Span(SPAN.start + timedelta(seconds=7), SPAN.end + timedelta(seconds=7), SPAN.step)
    with a_store(lambda _: Said(newrelic_body([]))) as store:
        ask(store.url, Query("SELECT count(*) FROM Log"), span=late)
    assert store.asked[0].json["variables"]["nrql"].endswith(TIMES)


def test_a_long_span_is_asked_for_in_parts_of_as_many_buckets_as_there_may_be() -> None:
    span = Span(END - timedelta(minutes=800), END, timedelta(minutes=1))

    def one_a_minute(asked: Asked) -> Said:
        words = asked.json["variables"]["nrql"].split()
        first, last = int(words[-3]), int(words[-1])
        return Said(newrelic_body(newrelic_rows([(float(at), 1.0) for at in range(first, last, 60)])))

    with a_store(one_a_minute) as store:
        (series,) = ask(store.url, Query("SELECT count(*) FROM Log"), span=span).series
    assert len(store.asked) == 3
    assert series.values.tolist() == [1.0] * 800


def test_facets_become_series_with_their_labels() -> None:
    one = newrelic_rows(MINUTES, facet=["a", "x"], host="a", app="x")
    other = newrelic_rows(MINUTES, facet=["b", "x"], host="b", app="x")
    with a_store(lambda _: Said(newrelic_body(one + other, ["host", "app"]))) as store:
        answer = NEWRELIC.ask(store.url)
    assert [each.tags for each in answer.series] == [{"host": "a", "app": "x"}, {"host": "b", "app": "x"}]


def test_several_values_become_series_with_their_names() -> None:
    rows = [{**row, "percentile.duration": {"95": 0.5, "99": None}} for row in newrelic_rows(MINUTES)]
    with a_store(lambda _: Said(newrelic_body(rows))) as store:
        answer = NEWRELIC.ask(store.url)
    names = [each.tags["value"] for each in answer.series]
    assert names == ["count", "percentile.duration.95", "percentile.duration.99"]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("INVALID_INPUT", Outcome.REFUSED),
        ("TIMEOUT", Outcome.UNREACHABLE),
        ("TOO_MANY_REQUESTS", Outcome.UNREACHABLE),
        (None, Outcome.REFUSED),
    ],
)
def test_an_error_with_status_200_is_an_outcome(kind: str | None, outcome: Outcome) -> None:
    error = {"message": "NRQL Syntax Error: unexpected 'FROM'", "path": ["actor", "account", "nrql"]}
    extensions = {"extensions": {"errorClass": kind}} if kind else {}
    body = {"data": {"actor": {"account": {"nrql": None}}}, "errors": [{**error, **extensions}]}
    with a_store(lambda _: Said(body)) as store:
        answer = NEWRELIC.ask(store.url)
    assert answer.outcome is outcome
    assert "unexpected 'FROM'" in answer.message


def test_an_account_that_is_not_there_is_malformed_and_no_pass() -> None:
    with a_store(lambda _: Said({"data": {"actor": {"account": None}}})) as store:
        assert NEWRELIC.ask(store.url).outcome is Outcome.MALFORMED


def test_a_query_that_gives_no_time_series_is_told_so() -> None:
    with a_store(lambda _: Said(newrelic_body([{"count": 1000}]))) as store:
        answer = NEWRELIC.ask(store.url)
    assert answer.outcome is Outcome.MALFORMED
    assert "TIMESERIES" in answer.message


def test_messages_of_new_relic_are_notes() -> None:
    body = newrelic_body(newrelic_rows(MINUTES))
    body["data"]["actor"]["account"]["nrql"]["metadata"]["messages"] = ["the time range was shortened"]
    with a_store(lambda _: Said(body)) as store:
        assert NEWRELIC.ask(store.url).notes == ("the time range was shortened",)


def test_insights_says_what_it_did_not_inspect_and_that_is_no_zero() -> None:
    body = insights_body(MINUTES)
    body["timeSeries"][3] |= {"inspectedCount": 0, "results": [{"count": 0}]}
    with a_store(INSIGHTS.saying(body)) as store:
        (series,) = INSIGHTS.ask(store.url).series
    assert [place for place, value in enumerate(series.values) if value != value] == [3]


def test_facets_of_insights_become_series() -> None:
    groups = [{"name": name, "timeSeries": insights_body(MINUTES)["timeSeries"]} for name in ("a", "b")]
    with a_store(INSIGHTS.saying({"facets": groups, "metadata": {"facet": "host"}})) as store:
        assert [each.tags for each in INSIGHTS.ask(store.url).series] == [{"host": "a"}, {"host": "b"}]


def test_an_error_of_insights_is_a_refusal() -> None:
    with a_store(INSIGHTS.saying({"error": "NRQL Syntax Error"})) as store:
        assert INSIGHTS.ask(store.url).outcome is Outcome.REFUSED


def test_a_bucket_that_ends_with_the_span_counts_though_it_is_short() -> None:
    rows = newrelic_rows(MINUTES)
    rows[-1] = {**rows[-1], "endTimeSeconds": START + 590}
    with a_store(lambda _: Said(newrelic_body(rows))) as store:
        assert len(NEWRELIC.ask(store.url).series[0].values) == 10


def test_an_unknown_api_is_an_error() -> None:
    with pytest.raises(ValueError, match="api"):
        replace(NEWRELIC, settings={**NEWRELIC.settings, "api": "rest"}).open("http://127.0.0.1:1")
