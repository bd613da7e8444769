"""Prometheus as it answers by HTTP: shapes recorded from version 2.42."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, Span, open_source
from tests.canary.sources.stores import END, SPAN, Asked, Said, a_store

ERRORS = {"__name__": "errors_total", "group": "playback-v2", "instance": "127.0.0.1:8080", "job": "playback"}


def matrix(*series: dict[str, Any], **more: Any) -> Said:
    return Said({"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **more})


def values(labels: dict[str, str], *points: str) -> dict[str, Any]:
    """A series with one point a minute, the last at the end of the span."""
    first = END.timestamp() - 60 * (len(points) - 1)
    return {
        "metric": labels,
        "values": [[first + 60 * place + 0.123 - 0.123, point] for place, point in enumerate(points)],
    }


def by_path(**answers: Said) -> Callable[[Asked], Said]:
    """Answers by the last part of the path; what was not foreseen is not found."""
    return lambda asked: answers.get(asked.path.rpartition("/")[2], Said({"status": "error"}, 404))


def ask(url: str, query: str | Query, scope: str = "playback-v2", span: Span = SPAN, **settings: Any) -> Answer:
    source = open_source({"type": "prometheus", "url": url, "attempts": 1, **settings})
    return source.fetch(Query(query) if isinstance(query, str) else query, Scope(scope, "us-east-1"), span)


def test_a_selector_is_read_as_raw_samples() -> None:
    with a_store(by_path(query=matrix(values(ERRORS, "1", "4", "2")))) as store:
        answer = ask(store.url, 'errors_total{group="${scope}"}')
    assert answer.outcome is Outcome.OK
    assert answer.series[0].values.tolist() == [1, 4, 2]
    assert answer.series[0].fidelity is Fidelity.COUNTER
    assert answer.series[0].tags == ERRORS
    (asked,) = store.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/query")
    assert asked.params["query"] == 'errors_total{group="playback-v2"}[600001ms]'
    assert float(asked.params["time"]) == END.timestamp()


@pytest.mark.parametrize(
    "selector", ['{__name__="a", pod=~"x{2}"}', "up", "a:b:c{}", 'up{a=\'}\', b!~"\\""}', " up {\n a='b' } "]
)
def test_whatever_only_selects_is_read_raw(selector: str) -> None:
    with a_store(by_path(query=matrix(values({"a": "b"}, "1")))) as store:
        assert ask(store.url, selector).outcome is Outcome.OK
    assert store.asked[0].path == "/api/v1/query"


@pytest.mark.parametrize("expression", ["sum(up)", "up + up", "up == 1", "rate(up[5m])", "up offset 5m", "1"])
def test_any_other_expression_is_evaluated_and_smoothed(expression: str) -> None:
    with a_store(by_path(query_range=matrix(values({}, "0.5", "NaN", "+Inf")))) as store:
        answer = ask(store.url, expression)
    assert answer.series[0].fidelity is Fidelity.SMOOTHED
    assert answer.notes == ("1 points are infinite",)
    params = dict(store.asked[0].params)
    assert params.pop("query") == expression
    assert {name: float(value) for name, value in params.items()} == {
        "start": SPAN.start_s,
        "end": SPAN.end_s,
        "step": 60,
    }


@pytest.mark.parametrize("kind", [("counter", Fidelity.COUNTER), ("gauge", Fidelity.GAUGE), (None, Fidelity.GAUGE)])
def test_what_a_metric_is_comes_from_its_exporter_where_its_name_does_not_say(
    kind: tuple[str | None, Fidelity],
) -> None:
    told, fidelity = kind
    about = Said({"status": "success", "data": {"upstream_rq": [{"type": told}]} if told else {}})
    with a_store(by_path(query=matrix(values({}, "1")), metadata=about)) as store:
        assert ask(store.url, "upstream_rq").series[0].fidelity is fidelity
    assert store.asked[-1].params["metric"] == "upstream_rq"


def test_a_store_without_metadata_is_still_read() -> None:
    with a_store(by_path(query=matrix(values({}, "1")))) as store:
        assert ask(store.url, "upstream_rq").outcome is Outcome.OK


def test_the_writer_of_a_query_may_say_what_its_values_are() -> None:
    with a_store(by_path(query_range=matrix(values({"pod": "a"}, "1")))) as store:
        answer = ask(store.url, Query("max by (pod) (memory)", fidelity=Fidelity.GAUGE))
    assert answer.series[0].fidelity is Fidelity.GAUGE


def test_a_rate_cannot_be_called_a_counter() -> None:
    with pytest.raises(CanaryError, match="select the raw counter"):
        ask("http://127.0.0.1:1", Query("sum(increase(errors_total[5m]))", fidelity=Fidelity.COUNTER))


def test_a_long_span_is_asked_for_in_parts_that_prometheus_allows() -> None:
    span = Span(END - timedelta(days=16), END, timedelta(minutes=1))

    def some_points(asked: Asked) -> Said:
        low, high = float(asked.params["start"]), float(asked.params["end"])
        assert (high - low) / 60 + 1 <= 11_000
        return matrix({"metric": {}, "values": [[low, "1"], [high, "2"]]}, warnings=["slow"])

    with a_store(some_points) as store:
        answer = ask(store.url, "sum(up)", span=span)
    assert len(store.asked) == 3
    assert answer.series[0].times_s.tolist() == sorted(
        {float(asked.params[side]) for asked in store.asked for side in ("start", "end")}
    )
    assert answer.series[0].repairs == ()
    assert answer.notes == ("slow",)


def test_labels_that_select_nothing_are_told_from_series_without_points() -> None:
    some, none = Said({"status": "success", "data": [ERRORS]}), Said({"status": "success", "data": []})
    with a_store(by_path(query=matrix(), series=none)) as store:
        assert ask(store.url, "errors_total").outcome is Outcome.NO_MATCH
    with a_store(by_path(query=matrix(), series=some)) as store:
        assert ask(store.url, "errors_total").outcome is Outcome.NO_DATA
    assert store.asked[-1].params["match[]"] == "errors_total"


def test_nothing_but_nan_is_named() -> None:
    with a_store(by_path(query_range=matrix(values({}, "NaN", "NaN")))) as store:
        assert ask(store.url, "a / b").outcome is Outcome.NOT_A_NUMBER


def test_old_points_are_late() -> None:
    old = {"metric": {}, "values": [[SPAN.start_s, "1"]]}
    with a_store(by_path(query_range=matrix(old))) as store:
        assert ask(store.url, "sum(up)").outcome is Outcome.LATE
        assert ask(store.url, "sum(up)", late_after="10m").outcome is Outcome.OK


def test_points_in_disorder_and_twice_are_repaired_and_told() -> None:
    odd = {"metric": {"pod": "a"}, "values": [[END.timestamp() - second, str(second)] for second in (9, 20, 9, 0)]}
    with a_store(by_path(query=matrix(odd))) as store:
        answer = ask(store.url, "errors_total")
    assert answer.series[0].values.tolist() == [20, 9, 0]
    assert answer.notes == ('{pod="a"}: points were out of order', '{pod="a"}: 1 points were there twice')


def test_a_native_histogram_comes_as_classic_buckets_on_a_fixed_ladder() -> None:
    point = {
        "count": "43",
        "sum": "80",
        "buckets": [[3, "-0.001", "0.001", "3"], [0, "0.5", "1", "10"], [0, "1", "2", "30"]],
    }
    native = {"metric": {"__name__": "took_seconds", "pod": "a"}, "histograms": [[END.timestamp(), point]]}
    with a_store(by_path(query=matrix(native))) as store:
        answer = ask(store.url, "took_seconds", native_edges=[0.5, 1.0, 1.5, 2.0])
    found = {series.tags["le"]: series.values.tolist() for series in answer.series}
    assert found == {"0.5": [3], "1.0": [13], "1.5": [13], "2.0": [43], "+Inf": [43]}
    assert {series.fidelity for series in answer.series} == {Fidelity.COUNTER}
    assert all(series.tags["pod"] == "a" for series in answer.series)


def test_an_expression_that_gives_native_histograms_is_refused() -> None:
    native = {"metric": {}, "histograms": [[END.timestamp(), {"count": "1", "sum": "1"}]]}
    with a_store(by_path(query_range=matrix(native))) as store:
        assert ask(store.url, "sum(took_seconds)").outcome is Outcome.REFUSED


def test_a_parse_error_is_refused_in_the_words_of_prometheus() -> None:
    said = {"status": "error", "errorType": "bad_data", "error": "1:8: parse error: missing unit character in duration"}
    with a_store(lambda _: Said(said, 400)) as store:
        answer = ask(store.url, "rate(x[")
    assert answer.outcome is Outcome.REFUSED
    assert "missing unit character" in answer.message
    assert answer.asked == "rate(x["


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {"status": "success"},
        {"status": "success", "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": {}}},
        {"status": "success", "data": {"resultType": "matrix", "result": [3]}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"values": []}]}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "x"]]}]}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [1]}]}},
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": [[1, 2]]}]}},
        [],
    ],
)
def test_an_answer_of_another_form_is_malformed(body: Any) -> None:
    with a_store(lambda _: Said(body)) as store:
        assert ask(store.url, "errors_total").outcome is Outcome.MALFORMED


def test_a_token_comes_from_a_file_and_user_and_password_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    monkeypatch.setenv("PASSWORD_OF_PROMETHEUS", "w0rd")
    with a_store(by_path(query=matrix(values({}, "1")))) as store:
        ask(store.url, "a_total", token={"file": str(tmp_path / "token")})
        ask(store.url, "a_total", user="anna", password={"env": "PASSWORD_OF_PROMETHEUS"})
    assert [asked.headers["Authorization"] for asked in store.asked] == ["Bearer t0ken", "Basic YW5uYTp3MHJk"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"token": {"env": "NOT_SET_ANYWHERE"}}, "NOT_SET_ANYWHERE"),
        ({"token": {"file": "/nowhere/token"}}, "/nowhere/token"),
        ({"token": {}}, "token"),
        ({"user": "anna"}, "user or a password alone"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(CanaryError, match=told):
        open_source({"type": "prometheus", "url": "http://127.0.0.1:1", **settings})


KAYENTA = {"type": "prometheus", "metricName": "errors", "serviceType": "prometheus"}


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ({**KAYENTA, "customInlineTemplate": 'PromQL:avg(errors{g="$\\{scope}"})'}, 'avg(errors{g="playback-v2"})'),
        (
            {**KAYENTA, "customFilterTemplate": "by-group", "labelBindings": ['code=~"5.."'], "groupByFields": ["pod"]},
            'avg(errors{group="playback-v2",code=~"5.."}) by (pod)',
        ),
        (
            {**KAYENTA, "resourceType": "aws_ec2_instance"},
            'avg(errors{asg_groupName="playback-v2",zone=~"us-east-1.{1}"})',
        ),
        (
            {**KAYENTA, "resourceType": "gce_instance"},
            'avg(errors{instance=~"playback-v2-.{4}",zone=~".+/zones/us-east-1-.{1}"})',
        ),
    ],
)
def test_a_query_of_kayenta_asks_what_kayenta_asks(query: dict[str, Any], expression: str) -> None:
    templates = {"by-group": 'group="${scope}"'}
    with a_store(by_path(query_range=matrix(values({}, "1")))) as store:
        answer = ask(store.url, Query.of(query, templates))
    assert answer.outcome is Outcome.OK
    assert store.asked[0].params["query"] == expression


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (KAYENTA, "selects no side"),
        ({**KAYENTA, "resourceType": "k8s"}, "gce_instance and aws_ec2_instance are known"),
        ({**KAYENTA, "customFilterTemplate": "nowhere"}, "known are by-group"),
        ({**KAYENTA, "customFilter": "a"}, "customFilter"),
        ({"type": "prometheus"}, "empty"),
        ({"text": "up", "colour": "red"}, "colour"),
        ({"text": "up{g='${group}'}"}, "known are location, scope"),
        ({"text": "up", "fidelity": "exact"}, "known are counter, count, gauge, smoothed"),
        ({"text": "up", "labelBindings": [3]}, "labelBindings"),
    ],
)
def test_a_query_that_cannot_be_meant_is_an_error(query: dict[str, Any], told: str) -> None:
    with pytest.raises(CanaryError, match=told):
        ask("http://127.0.0.1:1", Query.of(query, {"by-group": "x"}))


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(CanaryError, match=r"'promotheus'.*files.*prometheus"):
        open_source({"type": "promotheus"})


def test_a_source_waits_no_longer_than_it_may_unless_its_settings_say_so() -> None:
    settings = {"type": "prometheus", "url": "http://127.0.0.1:1"}
    hurried = open_source(settings, patience=timedelta(microseconds=1))
    answer = hurried.fetch(Query("a_total"), Scope(), SPAN)
    assert (answer.outcome, "after 1 try" in answer.message) == (Outcome.UNREACHABLE, True)
    assert open_source({**settings, "patience": "3s"}, patience=timedelta(seconds=1))
    for other in (
        {"type": "files", "path": "a.csv"},
        {"type": "cloudwatch", "region": "us-east-1", "url": "http://here"},
    ):
        assert open_source(other, patience=timedelta(seconds=1))
