"""What a real Prometheus scraped is counted to the last request, over restarts of a pod."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.samples import EventCount, Gauge, Histogram
from canary.sources import Answer, Outcome, Query, Scope, Source, Span, open_source
from canary.sources.feeds import Feed, Queries, Target
from tests.canary.sources.exporters import NATIVE, Exporter, a_prometheus, an_exporter

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus is installed"),
]

STEP = timedelta(milliseconds=200)
SCOPE = Scope("v2")


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
    with an_exporter() as exporter:
        yield exporter


@pytest.fixture(scope="module")
def begin() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def source(exporter: Exporter, begin: datetime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with a_prometheus(exporter, folder) as url:
        yield open_source({"type": "prometheus", "url": url, "native_edges": [0.25, 0.5, 1, 2, 4, 8]})


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(source: Source, query: str, begin: datetime) -> Answer:
    return source.fetch(Query(query), SCOPE, Span(begin, datetime.now(UTC), STEP))


def test_counters_sum_to_what_was_served_and_buckets_too(source: Source, exporter: Exporter, begin: datetime) -> None:
    target = Target(source, SCOPE, begin, STEP)
    text = 'upstream_rq{group="${scope}"}'
    feed = Feed(Queries.model_validate({"events": text, "requests": text}), target)
    buckets = Feed(Queries.model_validate({"buckets": 'took_seconds_bucket{group="${scope}"}', "scale": 1000}), target)
    eventually(lambda: exporter.scrapes > 4)
    feed.sample(datetime.now(UTC))
    eventually(lambda: exporter.scrapes > 16)
    exporter.is_serving = False
    served = exporter.served
    assert served > 16 * 11
    eventually(lambda: feed.sample(datetime.now(UTC)) == EventCount(served, served))
    histogram = buckets.sample(datetime.now(UTC))
    assert isinstance(histogram, Histogram)
    assert histogram.edges == (100.0,)
    assert sum(histogram.buckets) == served
    exporter.is_serving = True


def test_a_native_histogram_is_read_bucket_by_bucket(source: Source, begin: datetime) -> None:
    query = 'latency_seconds{group="${scope}"}'
    eventually(lambda: asked(source, query, begin).outcome is Outcome.OK)
    counts = {series.tags["le"]: series.values[-1] for series in asked(source, query, begin).series}
    ends = {2.0**power: count for power, count in NATIVE.items()}
    for edge in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        assert counts[repr(edge)] == sum(count for end, count in ends.items() if end <= edge)
    assert counts["+Inf"] == sum(NATIVE.values())


def test_gauges_come_by_pod(source: Source, begin: datetime) -> None:
    feed = Feed(Queries.model_validate({"gauge": 'memory_bytes{group="${scope}"}'}), Target(source, SCOPE, begin))
    eventually(lambda: feed.sample(datetime.now(UTC)) == Gauge({"a": 5e7, "b": 5e7}))


def test_a_wrong_query_and_wrong_labels_have_names(source: Source, begin: datetime) -> None:
    assert asked(source, "rate(upstream_rq[", begin).outcome is Outcome.REFUSED
    assert asked(source, 'upstream_rq{group="v9"}', begin).outcome is Outcome.NO_MATCH
    assert asked(source, "sum(upstream_rq) * NaN", begin).outcome in (Outcome.NOT_A_NUMBER, Outcome.NO_MATCH)


def test_series_without_points_in_the_span_are_no_data(source: Source, begin: datetime) -> None:
    eventually(lambda: asked(source, "upstream_rq", begin).outcome is Outcome.OK)
    before = Span(begin - timedelta(minutes=2), begin - timedelta(minutes=1), STEP)
    assert source.fetch(Query("upstream_rq"), SCOPE, before).outcome is Outcome.NO_DATA
