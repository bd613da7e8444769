"""Kayenta's queries as ours: each of its nine types, asked with what Kayenta itself would send."""

from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import SOURCES, Query, Scope
from canary.sources.kayenta import SOURCE_TYPES, query_from_kayenta
from tests.canary.sources.recorded import RECORDED, opened, secret
from tests.canary.sources.stores import SPAN, Said, a_store

__all__ = ["secret"]

SETTINGS = {each.kind: each.settings for each in RECORDED if not each.name}
K8S = Scope("playback-v2", "us-east-1", {"pod_name": "playback"})


def test_every_type_of_kayenta_has_a_source() -> None:
    assert set(SOURCE_TYPES.values()) <= set(SOURCES)


def sent(kind: str, fields: dict[str, Any], scope: Scope, templates: dict[str, str] | None = None) -> str:
    """What the store is asked in the end, whatever it answers."""
    query = query_from_kayenta(kind, {"type": kind, "serviceType": kind, **fields}, templates)
    ours = SOURCE_TYPES[kind]
    with a_store(lambda _: Said({})) as store:
        source = opened({"type": ours, "url": store.url, **SETTINGS[ours]})
        return source.fetch(query, scope, SPAN).asked


SIDE = Scope("playback-v2", "us-east-1")
TIMES = "TIMESERIES 60 seconds SINCE 1772366400 UNTIL 1772367000"
PERIOD = "time >= '2026-03-01T12:00:00Z' AND time < '2026-03-01T12:10:00Z'"


@pytest.mark.parametrize(
    ("kind", "fields", "scope", "expected"),
    [
        (
            "atlas",
            {"q": "name,errors,:eq,:avg"},
            Scope("playback-v2", parameters={"type": "asg"}),
            "name,errors,:eq,:avg,:list,(,nf.asg,playback-v2,:eq,:cq,),:each",
        ),
        ("datadog", {"metricName": "avg:latency"}, Scope("group:v2"), "avg:latency{group:v2}"),
        ("datadog", {"customInlineTemplate": "max:cpu{asg:${scope}}"}, SIDE, "max:cpu{asg:playback-v2}"),
        ("graphite", {"metricName": "stats.$location.$scope.cpu"}, SIDE, "stats.us-east-1.playback-v2.cpu"),
        (
            "influxdb",
            {"metricName": "cpu", "fields": ["idle", "user"]},
            Scope("group:v2"),
            f"SELECT idle, user FROM cpu WHERE {PERIOD} AND \"group\" = 'v2'",
        ),
        (
            "influxdb",
            {"metricName": "cpu"},
            Scope("group:v2"),
            f"SELECT *::field FROM cpu WHERE {PERIOD} AND \"group\" = 'v2'",
        ),
        (
            "influxdb",
            {
                "customInlineTemplate": "SELECT sum(e) FROM m WHERE $\\{timeFilter}"
                " AND $\\{scope} GROUP BY time($\\{step})"
            },
            Scope("group:v2"),
            f"SELECT sum(e) FROM m WHERE {PERIOD} AND \"group\" = 'v2' GROUP BY time(60s)",
        ),
        (
            "newrelic",
            {"select": "SELECT count(*) FROM Transaction", "q": "httpStatusCode LIKE '5%'"},
            Scope("v2", "us-west-2", {"_scope_key": "asg", "_location_key": "region"}),
            f"SELECT count(*) FROM Transaction {TIMES} "
            "WHERE httpStatusCode LIKE '5%' AND asg LIKE 'v2' AND region LIKE 'us-west-2'",
        ),
        (
            "newrelic",
            {
                "customInlineTemplate": "SELECT count(*) FROM T WHERE a = '${scope}' TIMESERIES 60 seconds "
                "SINCE ${startEpochSeconds} UNTIL ${endEpochSeconds}"
            },
            Scope("v2"),
            f"SELECT count(*) FROM T WHERE a = 'v2' {TIMES}",
        ),
        (
            "prometheus",
            {
                "metricName": "errors",
                "labelBindings": ['a="b"'],
                "groupByFields": ["zone"],
                "customFilterTemplate": "t",
            },
            SIDE,
            'avg(errors{group="playback-v2",a="b"}) by (zone)',
        ),
        ("prometheus", {"customInlineTemplate": 'PromQL:up{g="${scope}"}'}, SIDE, 'up{g="playback-v2"}'),
        (
            "signalfx",
            {"metricName": "count", "queryPairs": [{"key": "!app", "value": "cms"}], "aggregationMethod": "max"},
            Scope("v2", parameters={"_scope_key": "version"}),
            "data('count', filter=(not filter('app', 'cms')) and filter('version', 'v2'))"
            ".max(by=['version']).publish()",
        ),
        ("signalfx", {"customInlineTemplate": "data('${scope}').publish()"}, SIDE, "data('playback-v2').publish()"),
        (
            "stackdriver",
            {"metricType": "m", "resourceType": "k8s_pod", "perSeriesAligner": "ALIGN_MAX", "groupByFields": ["a"]},
            K8S,
            'metric.type="m" AND resource.type="k8s_pod" AND project="playground"'
            ' AND resource.labels.pod_name="playback"',
        ),
        (
            "stackdriver",
            {"metricType": "m", "resourceType": "any", "customFilterTemplate": "t"},
            SIDE,
            'metric.type="m" AND resource.type="any" AND group="playback-v2"',
        ),
        (
            "wavefront",
            {"metricName": "cpu.idle", "summarization": "MEDIAN", "aggregate": "avg"},
            Scope('source="a"'),
            'avg(ts(cpu.idle, source="a"))',
        ),
        ("wavefront", {"metricName": "cpu.idle", "aggregate": ""}, Scope("tag=b"), "ts(cpu.idle, tag=b)"),
    ],
)
def test_a_query_of_kayenta_asks_what_kayenta_asks(
    kind: str, fields: dict[str, Any], scope: Scope, expected: str
) -> None:
    assert sent(kind, fields, scope, {"t": 'group="${scope}"'}) == expected


def test_an_inline_template_wins_over_a_named_one() -> None:
    fields = {"customInlineTemplate": "a{${scope}}", "customFilterTemplate": "t"}
    assert query_from_kayenta("datadog", fields, {"t": "b"}) == Query("a{${scope}}")


def test_fields_that_kayenta_does_not_know_are_ignored_as_there() -> None:
    assert query_from_kayenta("atlas", {"q": "a", "colour": "red", "metricName": None}) == Query("a")


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("nagios", {}, "no query of type 'nagios'"),
        ("atlas", {}, "no q"),
        ("graphite", {"metricName": ""}, "no metricName"),
        ("stackdriver", {"resourceType": "global"}, "no metricType"),
        ("newrelic", {"q": "a"}, "no select"),
        ("datadog", {"customFilterTemplate": "missing"}, "no query template 'missing'"),
        ("prometheus", {"metricName": "a", "customFilter": "b"}, "customFilter is not supported"),
        ("signalfx", {"metricName": "a", "queryPairs": ["b"]}, "fields of a Kayenta query of type signalfx"),
    ],
)
def test_a_query_that_kayenta_would_refuse_is_an_error(kind: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CanaryError, match=message):
        query_from_kayenta(kind, fields)
