"""Samples look by look: what the store lacks has a name, and no request is lost or counted twice."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canary.config import MetricKind
from canary.errors import CanaryError
from canary.samples import EventCount, Gauge, Histogram, Lacking, Moments, Sample, checked
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, Series, Span, open_source
from canary.sources.feeds import Feed, Queries, Target
from canary.sources.queries import validated
from tests.canary.sources.stores import SPAN, Asked, Said, a_store

BEGIN = SPAN.start


def minute(number: float) -> datetime:
    return BEGIN + timedelta(minutes=number)


class Points:
    """A source of points that a test writes down: by query, by label set, by minute."""

    def __init__(self, fidelity: Fidelity, series: Mapping[str, Mapping[str, Mapping[float, float]]]) -> None:
        self.fidelity, self.series = fidelity, series
        self.fails: Outcome | None = None
        self.spans: list[Span] = []

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        self.spans.append(span)
        text = query.filled(scope).text
        if self.fails is not None:
            return Answer(self.fails, text, message="as the test wants")
        found = tuple(
            Series.of(
                ((minute(at).timestamp(), value) for at, value in points.items()), self.fidelity, json.loads(tags)
            ).between(span.start_s, span.end_s)
            for tags, points in self.series.get(text, {}).items()
        )
        return Answer(Outcome.OK if found else Outcome.NO_MATCH, text, found, message="" if found else "nothing here")


def tags(**labels: str) -> str:
    return json.dumps(labels)


def a_feed(source: Points, **queries: Any) -> Feed:
    return Feed(Queries.model_validate(queries), Target(source, Scope("v2"), BEGIN, timedelta(minutes=1)))


def requests_and_errors() -> Points:
    requests = {at: 1000.0 + 100 * at for at in range(30)}
    return Points(
        Fidelity.COUNTER,
        {
            "requests of v2": {tags(pod="a"): requests},
            "errors of v2": {tags(pod="a"): {at: 5.0 * at for at in range(30)}},
        },
    )


RATE = {"events": "errors of ${scope}", "requests": "requests of ${scope}"}


def test_counts_grow_from_look_to_look() -> None:
    feed = a_feed(requests_and_errors(), **RATE)
    assert [feed.sample(minute(at)) for at in (1, 2, 7)] == [EventCount(5 * at, 100 * at) for at in (1, 2, 7)]


def test_a_look_asks_for_what_is_new_and_some_minutes_more() -> None:
    source = requests_and_errors()
    feed = a_feed(source, **RATE)
    feed.sample(minute(20))
    feed.sample(minute(21))
    assert [(span.start, span.end) for span in source.spans[::2]] == [
        (minute(-5), minute(20)),
        (minute(15), minute(21)),
    ]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each not in (Outcome.OK, Outcome.PARTIAL)])
def test_a_look_that_fails_is_named_and_the_next_one_takes_in_what_it_missed(outcome: Outcome) -> None:
    source = requests_and_errors()
    feed = a_feed(source, **RATE)
    feed.sample(minute(1))
    source.fails = outcome
    for at in (2, 10):
        assert feed.sample(minute(at)) == Lacking(outcome.value, "events: as the test wants")
    source.fails = None
    assert feed.sample(minute(20)) == EventCount(100, 2000)


def test_events_that_are_nowhere_are_not_taken_for_none() -> None:
    source = requests_and_errors()
    lacking = a_feed(source, **{**RATE, "events": "mistyped"}).sample(minute(5))
    assert lacking == Lacking("no match", "events: nothing here")
    assert a_feed(source, **{**RATE, "events": "mistyped"}, absent="zero").sample(minute(5)) == EventCount(0, 500)


def test_the_first_error_ever_is_counted() -> None:
    source = requests_and_errors()
    feed = a_feed(source, **{**RATE, "events": "first"}, absent="zero")
    assert feed.sample(minute(9)) == EventCount(0, 900)
    source.series = {**source.series, "first": {tags(pod="a", code="503"): {10: 3.0}}}
    assert feed.sample(minute(10)) == EventCount(3, 1000)


def test_an_error_of_a_new_kind_is_counted_right_after_the_begin_and_an_old_one_from_there() -> None:
    source = requests_and_errors()
    new, old = {2: 3.0}, {-1: 70.0, 2: 71.0}
    kinds = {tags(pod="a", code="503"): new, tags(pod="a", code="504"): old}
    source.series = {**source.series, "errors of v2": {**source.series["errors of v2"], **kinds}}
    feed = a_feed(source, **RATE)
    assert feed.sample(minute(1)) == EventCount(5, 100)
    assert feed.sample(minute(2)) == EventCount(10 + 3 + 1, 200)


def test_a_feed_that_is_made_again_counts_the_same() -> None:
    source = requests_and_errors()
    feed = a_feed(source, **RATE)
    for at in range(8):
        feed.sample(minute(at))
    assert a_feed(source, **RATE).sample(minute(9)) == feed.sample(minute(9))


def test_the_look_at_the_begin_is_where_counting_begins() -> None:
    assert a_feed(requests_and_errors(), **RATE).sample(BEGIN) == EventCount(0, 0)


def test_requests_that_are_nowhere_are_never_zero() -> None:
    feed = a_feed(requests_and_errors(), **{**RATE, "requests": "mistyped"}, absent="zero")
    assert isinstance(feed.sample(minute(5)), Lacking)


@pytest.mark.parametrize("fidelity", [Fidelity.GAUGE, Fidelity.SMOOTHED])
def test_values_that_cannot_be_counted_are_too_weak(fidelity: Fidelity) -> None:
    source = Points(fidelity, {"a": {tags(le="+Inf"): {0: 1.0, 1: 2.0}}})
    for queries in ({"events": "a"}, {"buckets": "a"}):
        sample = a_feed(source, **queries).sample(minute(5))
        assert isinstance(sample, Lacking)
        assert sample.outcome == "too weak"
        assert f"fidelity {fidelity}" in sample.why


def test_an_interval_that_is_still_open_waits() -> None:
    source = Points(Fidelity.COUNT, {"crashes": {tags(): {0: 3.0, 1: 4.0, 2: 1.0}}})
    feed = a_feed(source, events="crashes")
    assert [feed.sample(minute(at)) for at in (1, 1.9, 2, 3)] == [EventCount(count) for count in (3, 3, 7, 8)]


def test_a_store_that_still_changes_its_newest_points_is_given_time() -> None:
    source = Points(Fidelity.COUNT, {"crashes": {tags(): {0: 3.0, 1: 4.0, 2: 1.0}}})
    feed = a_feed(source, events="crashes", delay="2m")
    assert feed.sample(minute(1)) == Lacking("no data", "the look is not after the begin")
    assert feed.sample(minute(4)) == EventCount(7)


def test_buckets_make_a_histogram_in_the_unit_of_the_metric() -> None:
    series = {tags(le=edge): {0: 0.0, 1: count} for edge, count in (("0.1", 3.0), ("0.25", 4.0), ("+Inf", 6.0))}
    feed = a_feed(Points(Fidelity.COUNTER, {"a": series}), buckets="a", scale=1000)
    assert feed.sample(minute(1)) == Histogram((3, 1, 2), (100.0, 250.0))


def test_buckets_without_edges_are_malformed() -> None:
    sample = a_feed(Points(Fidelity.COUNTER, {"a": {tags(pod="a"): {0: 1.0}}}), buckets="a").sample(minute(1))
    assert isinstance(sample, Lacking)
    assert sample.outcome == "malformed"


def test_count_sum_and_squares_make_moments() -> None:
    parts = {name: {tags(): {0: 0.0, 1: value}} for name, value in (("n", 2.0), ("s", 3.0), ("q", 5.0))}
    feed = a_feed(Points(Fidelity.COUNTER, parts), count="n", total="s", squares="q", scale=10)
    sample = feed.sample(minute(1))
    assert sample == Moments(2, 30.0, 500.0)
    assert checked(sample) == sample


def test_count_and_sum_alone_make_the_mean_of_each_pod_since_the_last_look() -> None:
    pods = {"a": ({0: 10.0, 1: 12.0, 2: 16.0}, {0: 50.0, 1: 53.0, 2: 61.0}), "b": ({0: 1.0, 1: 2.0}, {0: 1.0, 1: 8.0})}
    parts = {
        name: {tags(pod=pod, path=path): points[place] for pod, points in pods.items() for path in "xy"}
        for place, name in enumerate(("n", "s"))
    }
    feed = a_feed(Points(Fidelity.COUNTER, parts), count="n", total="s", scale=10)
    assert feed.sample(minute(1)) == Gauge({"a": 15.0, "b": 70.0})
    assert feed.sample(minute(2)) == Gauge({"a": 20.0})
    assert feed.sample(minute(3)) == Lacking("no data", "no pod observed anything since the last look")


def test_a_gauge_shows_the_newest_value_of_each_pod() -> None:
    series = {
        tags(pod="a"): {0: 1.0, 1: 2.0},
        tags(pod="b"): {0: 5.0, 1: float("nan")},
        tags(pod="c"): {0: float("nan")},
    }
    assert a_feed(Points(Fidelity.SMOOTHED, {"m": series}), gauge="m").sample(minute(1)) == Gauge({"a": 2.0, "b": 5.0})


def test_pods_that_the_label_does_not_tell_apart_are_malformed() -> None:
    series = {tags(pod="a", zone=zone): {0: 1.0} for zone in "xy"}
    sample = a_feed(Points(Fidelity.GAUGE, {"m": series}), gauge="m").sample(minute(1))
    assert isinstance(sample, Lacking)
    assert "2 series have 1 different values of the label 'pod'" in sample.why


@pytest.mark.parametrize("queries", [{}, {"requests": "a"}, {"events": "a", "gauge": "b"}, {"count": "a"}])
def test_queries_that_fit_no_sample_are_an_error(queries: dict[str, str]) -> None:
    with pytest.raises(CanaryError, match="fits no kind of sample"):
        validated(Queries, queries, "queries are")


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ("events requests", MetricKind.COUNTS),
        ("events", MetricKind.EVENTS),
        ("buckets", MetricKind.HISTOGRAM),
        ("count total squares", MetricKind.MEAN),
        ("count total", MetricKind.GAUGE),
        ("gauge", MetricKind.GAUGE),
    ],
)
def test_what_is_asked_says_which_kind_of_metric_it_is(parts: str, kind: MetricKind) -> None:
    assert Queries.model_validate(dict.fromkeys(parts.split(), "a")).kind is kind


def test_a_feed_reads_a_real_file_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    rows = [f"{minute(at).isoformat()},{100 * at},playback-v2" for at in range(11)]
    path.write_text("\n".join(["time,value,group", *rows]))
    source = open_source({"type": "files", "path": path, "fidelity": "counter"})
    feed = Feed(Queries.model_validate({"events": 'group="${scope}"'}), Target(source, Scope("playback-v2"), BEGIN))
    samples: list[Sample] = [feed.sample(minute(at)) for at in range(1, 11)]
    assert samples == [EventCount(100 * at) for at in range(1, 11)]


def test_warnings_of_the_store_are_kept() -> None:
    points = [[BEGIN.timestamp(), "1"], [minute(1).timestamp(), "3"]]
    data = {"resultType": "matrix", "result": [{"metric": {}, "values": points}]}

    def warned(_: Asked) -> Said:
        return Said({"status": "success", "data": data, "warnings": ["one block is missing"]})

    with a_store(warned) as store:
        source = open_source({"type": "prometheus", "url": store.url})
        feed = Feed(Queries.model_validate({"events": "errors_total"}), Target(source, Scope(), BEGIN))
        assert feed.sample(minute(1)) == EventCount(2)
    assert feed.notes == ("one block is missing",)
