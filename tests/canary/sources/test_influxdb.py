"""InfluxDB: both languages, what a query may be, what its values are, and errors that come with status 200."""

from dataclasses import replace
from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, open_source
from tests.canary.sources.recorded import (
    FLUX,
    INFLUXQL,
    MINUTES,
    SCOPE,
    SECRET,
    START,
    VARIABLE,
    flux_body,
    influxql_body,
    secret,
)
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]

TIME = "time >= '2026-03-01T12:00:00Z' AND time < '2026-03-01T12:10:00Z'"


def ask(url: str, query: Query | str, scope: Scope = SCOPE, **settings: Any) -> Answer:
    asked = Query(query) if isinstance(query, str) else query
    return INFLUXQL.open(url, **settings).fetch(asked, scope, SPAN)


def sent(query: str, scope: Scope = SCOPE, **settings: Any) -> dict[str, str]:
    with a_store(lambda _: Said(influxql_body(MINUTES))) as store:
        ask(store.url, query, scope, **settings)
    return dict(store.asked[0].params)


def test_the_condition_of_a_scope_is_made_of_its_tag_and_value() -> None:
    query = "SELECT *::field FROM cpu WHERE ${timeFilter} AND ${scopeFilter}"
    params = sent(query, Scope("group:it's v2"), retention_policy="week")
    assert params["q"] == f"SELECT *::field FROM cpu WHERE {TIME} AND \"group\" = 'it\\'s v2'"
    assert params["rp"] == "week"


@pytest.mark.parametrize(
    "text",
    ["", "SHOW SERIES", "DROP DATABASE telemetry", "SELECT a FROM b; DROP DATABASE c", "DELETE FROM a"],
)
def test_only_one_select_is_sent(text: str) -> None:
    with pytest.raises(CanaryError, match="not one SELECT"):
        ask("http://127.0.0.1:1", text)


def test_a_scope_that_is_no_tag_and_value_is_an_error_where_one_is_needed() -> None:
    with pytest.raises(CanaryError, match="tag:value"):
        ask("http://127.0.0.1:1", "SELECT a FROM b WHERE ${scopeFilter}", Scope("playback"))


@pytest.mark.parametrize(
    ("query", "fidelity"),
    [
        ("SELECT count(value) FROM a WHERE ${timeFilter} GROUP BY time(1m)", Fidelity.COUNT),
        ('SELECT sum("value") AS "n" FROM a WHERE ${timeFilter} GROUP BY host, time(1m) fill(0)', Fidelity.COUNT),
        ("SELECT count(value) FROM a GROUP BY time(1m) fill(previous)", Fidelity.SMOOTHED),
        ("SELECT sum(value) FROM a", Fidelity.SMOOTHED),
        ("SELECT mean(value) FROM a GROUP BY time(1m)", Fidelity.SMOOTHED),
        ("SELECT count(value) / 2 FROM a GROUP BY time(1m)", Fidelity.SMOOTHED),
        ("SELECT value FROM a", Fidelity.GAUGE),
        ("SELECT *::field FROM a WHERE ${timeFilter}", Fidelity.GAUGE),
        ("SELECT value FROM (SELECT mean(value) FROM a GROUP BY time(1m))", Fidelity.SMOOTHED),
    ],
)
def test_what_values_are_follows_from_the_query(query: str, fidelity: Fidelity) -> None:
    with a_store(lambda _: Said(influxql_body(MINUTES))) as store:
        assert ask(store.url, query).series[0].fidelity is fidelity


def test_each_column_and_tag_set_is_a_series() -> None:
    series = [
        {"name": "m", "tags": {"host": host}, "columns": ["time", "a", "b"], "values": [[1000 * START, 1, None]]}
        for host in ("x", "y")
    ]
    with a_store(lambda _: Said({"results": [{"statement_id": 0, "series": series}]})) as store:
        answer = ask(store.url, "SELECT a, b FROM m", late_after="1h")
    assert [each.tags for each in answer.series] == [
        {"host": host, "field": field} for host in ("x", "y") for field in ("a", "b")
    ]


@pytest.mark.parametrize(
    "body", [{"error": "error parsing query"}, {"results": [{"statement_id": 0, "error": "database not found: x"}]}]
)
def test_an_error_with_status_200_is_a_refusal(body: dict[str, Any]) -> None:
    with a_store(lambda _: Said(body)) as store:
        answer = INFLUXQL.ask(store.url)
    assert answer.outcome is Outcome.REFUSED
    assert answer.message.startswith("InfluxDB: ")


@pytest.mark.parametrize("where", ["result", "series"])
def test_an_answer_that_is_cut_off_at_the_row_limit_is_partial(where: str) -> None:
    body = influxql_body(MINUTES)
    result = body["results"][0]
    (result if where == "result" else result["series"][0])["partial"] = True
    with a_store(lambda _: Said(body)) as store:
        assert INFLUXQL.ask(store.url).outcome is Outcome.PARTIAL


@pytest.mark.parametrize("columns", [["count", "time"], ["time", "count", "other"], []])
def test_rows_that_do_not_fit_their_columns_are_malformed(columns: list[str]) -> None:
    body = influxql_body(MINUTES)
    body["results"][0]["series"][0]["columns"] = columns
    with a_store(lambda _: Said(body)) as store:
        assert INFLUXQL.ask(store.url).outcome is Outcome.MALFORMED


def test_user_and_password_are_sent() -> None:
    settings = {"database": "telemetry", "user": "anna", "password": {"env": VARIABLE}}
    with a_store(lambda _: Said(influxql_body(MINUTES))) as store:
        replace(INFLUXQL, settings=settings).ask(store.url)
    assert store.asked[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("settings", [{}, {"database": "a", "organization": "b"}])
def test_exactly_one_language_is_chosen(settings: dict[str, str]) -> None:
    with pytest.raises(CanaryError, match="database"):
        open_source({"type": "influxdb", "url": "http://127.0.0.1:1", **settings})


def test_labels_of_flux_are_its_group_key_without_the_bounds() -> None:
    with a_store(FLUX.answer(MINUTES)) as store:
        assert FLUX.ask(store.url).series[0].tags == {"_field": "errors", "group": "playback-v2"}


def test_tables_of_flux_may_have_columns_of_their_own_and_defaults() -> None:
    other = (
        "#group,false,false,false,false,true\r\n#datatype,string,long,double,dateTime:RFC3339,string\r\n"
        "#default,_result,,,,fallback\r\n,result,table,_value,_time,zone\r\n"
        ",,1,7,2026-03-01T12:09:00Z,\r\n,,1,8,2026-03-01T12:08:00Z,\r\n"
    )
    with a_store(FLUX.saying(flux_body(MINUTES) + other.encode())) as store:
        answer = FLUX.ask(store.url)
    assert answer.series[1].tags == {"zone": "fallback"}
    assert answer.series[1].values.tolist() == [8.0, 7.0]


def test_an_error_in_the_midst_of_an_answer_of_flux_is_a_refusal() -> None:
    error = "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,out of memory,897\r\n"
    with a_store(FLUX.saying(flux_body(MINUTES) + error.encode())) as store:
        answer = FLUX.ask(store.url)
    assert answer.outcome is Outcome.REFUSED
    assert "out of memory" in answer.message


@pytest.mark.parametrize(
    "body",
    [
        b",result,table,_time\r\n,,0,2026-03-01T12:00:00Z\r\n",
        b",result,table,_time,_value\r\n,,0,2026-03-01T12:00:00Z\r\n",
        b",result,table,_time,_value\r\n,,0,noon,1\r\n",
        b",result,table,_time,_value\r\n,,0,2026-03-01T12:00:00Z,many\r\n",
        b',result,table,_time,_value,a\r\n,,0,2026-03-01T12:00:00Z,1,"cut',
    ],
)
def test_csv_that_is_no_table_of_points_is_malformed(body: bytes) -> None:
    with a_store(FLUX.saying(body)) as store:
        assert FLUX.ask(store.url).outcome is Outcome.MALFORMED


def test_counts_in_flux_must_be_told_from_the_start_of_their_intervals() -> None:
    query = replace(FLUX.query, fidelity=Fidelity.COUNT)
    with pytest.raises(CanaryError, match="timeSrc"):
        FLUX.open("http://127.0.0.1:1").fetch(query, SCOPE, SPAN)
    told = replace(query, text=query.text.replace("fn: mean", 'fn: sum, timeSrc: "_start"'))
    with a_store(lambda _: Said(flux_body([*MINUTES, (SPAN.end_s, 1.0)]))) as store:
        (series,) = FLUX.open(store.url).fetch(told, SCOPE, SPAN).series
    assert series.values.tolist() == [value for _, value in MINUTES]


def test_an_empty_query_in_flux_is_an_error() -> None:
    with pytest.raises(CanaryError, match="empty"):
        FLUX.open("http://127.0.0.1:1").fetch(Query(" "), SCOPE, SPAN)


def test_no_secret_is_in_what_a_source_shows_of_itself() -> None:
    assert SECRET not in repr(vars(INFLUXQL.open("http://127.0.0.1:1")))
