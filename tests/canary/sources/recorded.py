"""What each metric store answers, in the shapes that were recorded from it or that its documentation shows.

A store is strict: a request that the real one would not understand as ours is refused with what was wrong.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest

from canary.sources import SOURCES, Answer, Fidelity, Query, Scope, Source, Span
from canary.sources.http import Clock
from tests.canary.sources.stores import SPAN, Asked, Said

#: The environment variable that holds every test's secret, and the secret.
VARIABLE, SECRET = "STORE_SECRET", "s3cret-of-mine"
SCOPE = Scope("playback-v2", "us-east-1", {"type": "cluster"})
START = SPAN.start_s

#: (Unix time in seconds of the start of the interval, value or nothing known).
Points = Sequence[tuple[float, float | None]]
MINUTES: Points = [(START + 60 * minute, minute + 1.0) for minute in range(10)]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret is where the settings say."""
    monkeypatch.setenv(VARIABLE, SECRET)


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def wrong(asked: Asked, method: str, path: str, params: Mapping[str, str], **headers: str) -> Said | None:
    """A refusal when a request is not exactly this; headers by name with `_` for `-`."""
    wanted = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    sent = {name.lower(): value for name, value in asked.headers.items() if name.lower() in wanted}
    found = (asked.method, asked.path, dict(asked.params), sent)
    expected = (method, path, dict(params), wanted)
    return None if found == expected else Said({"expected": expected, "found": found}, 400)


@dataclass(frozen=True)
class Recorded:
    """A store as a source is tested against it.

    Args:
        kind: the type of the source.
        query: a query that the store understands.
        check: a refusal of a request that is not the one expected.
        body: the answer that has these points in one series; no points means that the series is there without any.
        empty: the answer to a query that selects nothing.
        fidelity: what the values are.
        settings: besides the address.
        name: what tells it from another of the same type.
    """

    kind: str
    query: Query
    check: Callable[[Asked], Said | None]
    body: Callable[[Points], Any]
    empty: Any
    fidelity: Fidelity
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def answer(self, points: Points) -> Callable[[Asked], Said]:
        return self.saying(self.body(points))

    def saying(self, body: Any) -> Callable[[Asked], Said]:
        return lambda asked: self.check(asked) or Said(body)

    def open(self, url: str, clock: Clock | None = None, **settings: Any) -> Source:
        return opened({"type": self.kind, "url": url, **self.settings, **settings}, clock)

    def ask(self, url: str, clock: Clock | None = None, span: Span = SPAN, **settings: Any) -> Answer:
        return self.open(url, clock, **settings).fetch(self.query, SCOPE, span)


def opened(settings: Mapping[str, Any], clock: Clock | None = None) -> Source:
    """The source, with the clock given."""
    module, _, name = SOURCES[str(settings["type"])].partition(":")
    kind = getattr(import_module(module), name)
    made: Source = kind(kind.Settings.model_validate(settings), clock=clock)
    return made


HIDDEN = {"env": VARIABLE}
FROM, TO = f"{SPAN.start_s:.0f}", f"{SPAN.end_s:.0f}"


def prometheus_body(points: Points) -> Any:
    values = [[at_s, "NaN" if value is None else f"{value}"] for at_s, value in points]
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}


PROMETHEUS = Recorded(
    "prometheus",
    Query('sum(rate(errors_total{group="${scope}"}[1m]))'),
    lambda asked: wrong(
        asked,
        "POST",
        "/api/v1/query_range",
        {
            "query": 'sum(rate(errors_total{group="playback-v2"}[1m]))',
            "start": f"{START:.3f}",
            "end": f"{SPAN.end_s:.3f}",
            "step": "60",
        },
        authorization=f"Bearer {SECRET}",
    ),
    prometheus_body,
    {"status": "success", "data": {"resultType": "matrix", "result": []}},
    Fidelity.SMOOTHED,
    {"token": HIDDEN},
)


def datadog_series(points: Points, *tags: str, interval: int = 60) -> dict[str, Any]:
    return {
        "aggr": "sum",
        "attributes": {},
        "display_name": "web.errors",
        "end": int(1000 * SPAN.end_s) - 1,
        "expression": "sum:web.errors{group:playback-v2}.as_count().rollup(sum,60)",
        "interval": interval,
        "length": len(points),
        "metric": "web.errors",
        "pointlist": [[1000 * at_s, value] for at_s, value in points],
        "query_index": 0,
        "scope": ",".join(("group:playback-v2", *tags)),
        "start": int(1000 * START),
        "tag_set": list(tags),
        "unit": [{"family": "general", "id": 1, "name": "error", "plural": "errors", "scale_factor": 1.0}, None],
    }


def datadog_body(*series: dict[str, Any]) -> dict[str, Any]:
    return {
        "error": "",
        "from_date": int(1000 * START),
        "group_by": [],
        "message": "",
        "query": "sum:web.errors{group:playback-v2}.as_count().rollup(sum,60)",
        "res_type": "time_series",
        "resp_version": 1,
        "series": list(series),
        "status": "ok",
        "times": [],
        "to_date": int(1000 * SPAN.end_s),
        "values": [],
    }


def datadog_check(asked: Asked) -> Said | None:
    params = {"from": FROM, "to": TO, "query": "sum:web.errors{group:playback-v2}.as_count().rollup(sum,60)"}
    return wrong(asked, "GET", "/api/v1/query", params, dd_api_key=SECRET, dd_application_key=SECRET)


DATADOG = Recorded(
    "datadog",
    Query("sum:web.errors{group:${scope}}.as_count().rollup(sum,${step})"),
    datadog_check,
    lambda points: datadog_body(datadog_series(points)),
    datadog_body(),
    Fidelity.COUNT,
    {"api_key": HIDDEN, "application_key": HIDDEN},
)

NRQL = f"SELECT count(*) FROM Transaction WHERE group = 'playback-v2' TIMESERIES 60 seconds SINCE {FROM} UNTIL {TO}"


def newrelic_check(asked: Asked) -> Said | None:
    refused = wrong(asked, "POST", "/graphql", {}, api_key=SECRET, content_type="application/json")
    if refused is None and asked.json["variables"] != {"account": 42, "nrql": NRQL, "timeout": 10}:
        return Said({"errors": [{"message": f"expected {NRQL}, found {asked.json}"}]}, 400)
    if refused is None and "nrql(query: $nrql, timeout: $timeout) { results" not in asked.json["query"]:
        return Said({"errors": [{"message": "not the expected GraphQL"}]}, 400)
    return refused


def newrelic_rows(points: Points, **more: Any) -> list[dict[str, Any]]:
    return [{"beginTimeSeconds": at_s, "endTimeSeconds": at_s + 60, **more, "count": value} for at_s, value in points]


def newrelic_body(rows: list[dict[str, Any]], facets: list[str] | None = None) -> dict[str, Any]:
    nrql = {"results": rows, "metadata": {"facets": facets, "messages": []}}
    return {"data": {"actor": {"account": {"nrql": nrql}}}}


NEWRELIC = Recorded(
    "newrelic",
    Query("SELECT count(*) FROM Transaction WHERE group = '${scope}'"),
    newrelic_check,
    lambda points: newrelic_body(newrelic_rows(points)),
    newrelic_body([]),
    Fidelity.COUNT,
    {"api_key": HIDDEN, "account": 42},
)


def insights_body(points: Points) -> dict[str, Any]:
    entries = [
        {
            "beginTimeSeconds": at_s,
            "endTimeSeconds": at_s + 60,
            "inspectedCount": 100,
            "results": [{"count": value}],
        }
        for at_s, value in points
    ]
    metadata = {"beginTimeMillis": 1000 * START, "endTimeMillis": 1000 * SPAN.end_s, "eventType": "Transaction"}
    return {"metadata": metadata, "performanceStats": {"inspectedCount": 1000}, "timeSeries": entries}


INSIGHTS = Recorded(
    "newrelic",
    NEWRELIC.query,
    lambda asked: wrong(
        asked, "GET", "/v1/accounts/42/query", {"nrql": NRQL}, x_query_key=SECRET, accept="application/json"
    ),
    insights_body,
    {"metadata": {}, "timeSeries": []},
    Fidelity.COUNT,
    {"api_key": HIDDEN, "account": 42, "api": "insights"},
    name="insights",
)


def google_series(points: Points, kind: str = "DELTA", **labels: str) -> dict[str, Any]:
    """Points come newest first; of a delta both ends of the interval are told."""
    return {
        "metric": {"type": "custom.googleapis.com/errors", "labels": labels},
        "resource": {"type": "k8s_container", "labels": {"project_id": "playground"}},
        "metricKind": kind,
        "valueType": "INT64",
        "points": [
            {
                "interval": {"startTime": iso(at_s), "endTime": iso(at_s + 60)},
                "value": {} if value is None else {"int64Value": f"{value:.0f}"},
            }
            for at_s, value in reversed(points)
        ],
    }


GOOGLE_FILTER = 'metric.type="custom.googleapis.com/errors" AND resource.type="k8s_container" AND group="playback-v2"'


def google_check(asked: Asked) -> Said | None:
    if asked.params.get("view") == "HEADERS":
        return Said({})
    params = {
        "filter": GOOGLE_FILTER,
        "interval.startTime": "2026-03-01T12:00:00Z",
        "interval.endTime": "2026-03-01T12:10:00Z",
        "aggregation.alignmentPeriod": "60s",
        "aggregation.perSeriesAligner": "ALIGN_DELTA",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
    }
    path = "/v3/projects/playground/timeSeries"
    return wrong(asked, "GET", path, params, authorization=f"Bearer {SECRET}")


GOOGLE = Recorded(
    "google-cloud-monitoring",
    Query(
        'group="${scope}"',
        {
            "metric_type": "custom.googleapis.com/errors",
            "resource_type": "k8s_container",
            "per_series_aligner": "ALIGN_DELTA",
            "cross_series_reducer": "REDUCE_SUM",
        },
    ),
    google_check,
    lambda points: {"timeSeries": [google_series(points)], "unit": "1"},
    {"unit": "1"},
    Fidelity.COUNT,
    {"project": "playground", "token": HIDDEN},
)


def atlas_body(points: Points) -> dict[str, Any]:
    """Atlas's times are the ends of intervals, and implied; without a step of its own there is one of a minute."""
    times_s = [at_s for at_s, _ in points]
    return {
        "start": int(1000 * (min(times_s, default=START) + 60)),
        "step": 60000,
        "legend": ["nf.cluster=playback-v2"],
        "metrics": [{"atlas.offset": "0w", "name": "errors", "nf.cluster": "playback-v2"}],
        "values": [["NaN" if value is None else value] for _, value in sorted(points, key=lambda each: each[0])],
        "notices": [],
    }


ATLAS_EMPTY = {
    "start": int(1000 * START),
    "step": 60000,
    "legend": ["NO DATA"],
    "metrics": [{"name": "NO_DATA"}],
    "values": [["NaN"]] * 10,
    "notices": [],
}

ATLAS = Recorded(
    "atlas",
    Query("name,errors,:eq,:sum,:per-step", fidelity=Fidelity.COUNT),
    lambda asked: wrong(
        asked,
        "GET",
        "/api/v1/graph",
        {
            "q": "name,errors,:eq,:sum,:per-step,:list,(,nf.cluster,playback-v2,:eq,:cq,),:each",
            "s": f"{1000 * (START - 60):.0f}",
            "e": f"{1000 * SPAN.end_s:.0f}",
            "step": "PT60S",
            "format": "std.json",
        },
        authorization=f"Bearer {SECRET}",
    ),
    atlas_body,
    ATLAS_EMPTY,
    Fidelity.COUNT,
    {"token": HIDDEN},
)


def influxql_body(points: Points, **tags: str) -> dict[str, Any]:
    series: dict[str, Any] = {
        "name": "errors",
        "columns": ["time", "count"],
        "values": [[int(1000 * at_s), value] for at_s, value in points],
    }
    return {"results": [{"statement_id": 0, "series": [{**series, **({"tags": tags} if tags else {})}]}]}


INFLUXQL = Recorded(
    "influxdb",
    Query("SELECT count(value) FROM errors WHERE ${timeFilter} AND \"group\" = '${scope}' GROUP BY time(${step})"),
    lambda asked: wrong(
        asked,
        "GET",
        "/query",
        {
            "db": "telemetry",
            "epoch": "ms",
            "q": "SELECT count(value) FROM errors"
            " WHERE time >= '2026-03-01T12:00:00Z' AND time < '2026-03-01T12:10:00Z'"
            " AND \"group\" = 'playback-v2' GROUP BY time(60s)",
        },
        authorization=f"Token {SECRET}",
    ),
    influxql_body,
    {"results": [{"statement_id": 0}]},
    Fidelity.COUNT,
    {"database": "telemetry", "token": HIDDEN},
)


def flux_body(points: Points) -> bytes:
    """One table in annotated CSV; without points there is no table at all."""
    head = (
        "#group,false,false,true,true,false,false,true,true\r\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r\n"
        "#default,_result,,,,,,,\r\n"
        ",result,table,_start,_stop,_time,_value,_field,group\r\n"
    )
    rows = [
        f",,0,{iso(START)},{iso(SPAN.end_s)},{iso(at_s)},{'' if value is None else value},errors,playback-v2\r\n"
        for at_s, value in points
    ]
    return (head + "".join(rows) + "\r\n").encode()


def flux_check(asked: Asked) -> Said | None:
    text = 'from(bucket: "a") |> range(start: 2026-03-01T12:00:00Z, stop: 2026-03-01T12:10:00Z)'
    text += ' |> filter(fn: (r) => r.group == "playback-v2") |> aggregateWindow(every: 60s, fn: mean)'
    refused = wrong(
        asked, "POST", "/api/v2/query", {"org": "acme"}, authorization=f"Token {SECRET}", accept="application/csv"
    )
    if refused is None and (asked.json["query"], asked.json["type"]) != (text, "flux"):
        return Said({"code": "invalid", "message": f"expected {text}, found {asked.json}"}, 400)
    return refused


FLUX = Recorded(
    "influxdb",
    Query(
        'from(bucket: "a") |> range(start: ${start}, stop: ${stop}) |> filter(fn: (r) => r.group == "${scope}")'
        " |> aggregateWindow(every: ${step}, fn: mean)"
    ),
    flux_check,
    flux_body,
    b"\r\n",
    Fidelity.SMOOTHED,
    {"organization": "acme", "token": HIDDEN},
    name="flux",
)


def graphite_body(points: Points, target: str = "stats.playback-v2.errors") -> list[dict[str, Any]]:
    datapoints = [[value, int(at_s)] for at_s, value in points]
    return [{"target": target, "tags": {"name": target}, "datapoints": datapoints}]


GRAPHITE = Recorded(
    "graphite",
    Query("sumSeries(stats.${scope}.*.errors)", fidelity=Fidelity.COUNT),
    lambda asked: wrong(
        asked,
        "GET",
        "/render",
        {"target": "sumSeries(stats.playback-v2.*.errors)", "from": f"{START - 1:.0f}", "until": TO, "format": "json"},
        authorization=f"Bearer {SECRET}",
    ),
    graphite_body,
    [],
    Fidelity.COUNT,
    {"token": HIDDEN},
)


def event(kind: str, message: Mapping[str, Any], identity: str = "") -> str:
    """One message as SignalFlow sends it: pretty JSON, each line a line of data."""
    lines = [f"event: {kind}", *([f"id: {identity}"] if identity else [])]
    return "\n".join([*lines, *(f"data: {line}" for line in json.dumps(message, indent=2).splitlines())]) + "\n\n"


STARTED = event("control-message", {"event": "STREAM_START", "timestampMs": 1}) + event(
    "control-message", {"event": "JOB_START", "handle": "Dnpkj7dAYAA", "timestampMs": 2}
)
ENDED = event("control-message", {"event": "END_OF_CHANNEL", "timestampMs": 3})


def informed(code: str, level: str = "INFO", **contents: Any) -> str:
    told = {"messageCode": code, "messageLevel": level, "numInputTimeSeries": 0, "contents": contents}
    return event("message", {"logicalTimestampMs": 1, "message": told})


def described(series: str, **labels: str) -> str:
    properties: dict[str, Any] = {
        **labels,
        "computationId": "Dnpkj7dAYAA",
        "sf_key": [*labels, "sf_metric", "sf_originatingMetric", "computationId"],
        "sf_metric": "_SF_COMP_Dnpkj7dAYAA_02-PUBLISH_METRIC",
        "sf_organizationID": "Chi3pifAcAc",
        "sf_resolutionMs": 60000,
        "sf_type": "MetricTimeSeries",
    }
    return event("metadata", {"properties": properties, "tsId": series})


def batch(at_s: float, **values: float | None) -> str:
    data = [{"tsId": series, "value": value} for series, value in values.items()]
    message = {"data": data, "logicalTimestampMs": int(1000 * at_s), "maxDelayMs": 3438}
    return event("data", message, f"data-{1000 * at_s:.0f}")


def signalfx_body(points: Points) -> bytes:
    begin = STARTED + described("AAAA", group="playback-v2") + informed("JOB_RUNNING_RESOLUTION", resolutionMs=60000)
    return (begin + "".join(batch(at_s, AAAA=value) for at_s, value in points) + ENDED).encode()


def signalfx_check(asked: Asked) -> Said | None:
    params = {
        "start": f"{1000 * START:.0f}",
        "stop": f"{1000 * SPAN.end_s:.0f}",
        "resolution": "60000",
        "maxDelay": "0",
        "immediate": "true",
    }
    refused = wrong(asked, "POST", "/v2/signalflow/execute", params, x_sf_token=SECRET, content_type="text/plain")
    program = "data('errors', filter=filter('group', 'playback-v2'), rollup='sum').sum().publish()"
    if refused is None and asked.body.decode() != program:
        return Said({"code": 400, "message": f"expected {program}"}, 400)
    return refused


SIGNALFX = Recorded(
    "signalfx",
    Query("data('errors', filter=filter('group', '${scope}'), rollup='sum').sum().publish()", fidelity=Fidelity.COUNT),
    signalfx_check,
    signalfx_body,
    (STARTED + informed("FIND_MATCHED_NO_TIMESERIES") + ENDED).encode(),
    Fidelity.COUNT,
    {"token": HIDDEN},
)


def wavefront_body(points: Points) -> dict[str, Any]:
    data = [[int(at_s), value] for at_s, value in points]
    series = {"label": "web.errors", "host": "web-1", "tags": {"group": "playback-v2"}, "data": data}
    return {
        "granularity": 60,
        "name": "gennaker",
        "query": 'sum(ts(web.errors, group="playback-v2"))',
        "stats": {"keys": 1, "points": len(points), "latency": 3},
        "timeseries": [series],
    }


WAVEFRONT = Recorded(
    "wavefront",
    Query('sum(ts(web.errors, group="${scope}"))', {"summarization": "SUM"}, Fidelity.COUNT),
    lambda asked: wrong(
        asked,
        "GET",
        "/api/v2/chart/api",
        {
            "n": "gennaker",
            "q": 'sum(ts(web.errors, group="playback-v2"))',
            "s": f"{1000 * START:.0f}",
            "e": f"{1000 * SPAN.end_s:.0f}",
            "g": "m",
            "summarization": "SUM",
            "listMode": "true",
            "strict": "true",
            "sorted": "true",
        },
        authorization=f"Bearer {SECRET}",
    ),
    wavefront_body,
    {"query": "...", "warnings": "No metrics matching - [web.errors]", "name": "gennaker", "granularity": 60},
    Fidelity.COUNT,
    {"token": HIDDEN},
)

RECORDED = [PROMETHEUS, DATADOG, NEWRELIC, INSIGHTS, GOOGLE, ATLAS, INFLUXQL, FLUX, GRAPHITE, SIGNALFX, WAVEFRONT]
