"""Counts by interval add up to the truth, look by look, however the looks lie to the intervals of the store."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest

from canary.samples import EventCount
from canary.sources.feeds import Feed, Queries, Target
from tests.canary.sources.recorded import (
    DATADOG,
    GOOGLE,
    INFLUXQL,
    NEWRELIC,
    SCOPE,
    datadog_body,
    datadog_series,
    google_series,
    influxql_body,
    newrelic_body,
    newrelic_rows,
    secret,
)
from tests.canary.sources.stores import SPAN, Asked, Said, a_store

__all__ = ["secret"]

STEP_S = 60
BEGIN = SPAN.start


def events(first_s: float, last_s: float) -> float:
    """The events from one moment to another: one a second, and more from minute to minute."""
    return float(sum(1 + int(at_s) // 60 % 5 for at_s in range(math.ceil(first_s), math.ceil(last_s))))


def intervals(first_s: float, last_s: float, offset_s: float = 0.0) -> list[tuple[float, float]]:
    """The intervals of a store that touch a time; the last one holds only what had happened by then."""
    begin_s = math.floor((first_s - offset_s) / STEP_S) * STEP_S + offset_s
    count = math.ceil((last_s - begin_s) / STEP_S)
    starts = [begin_s + STEP_S * number for number in range(count)]
    return [(at_s, events(max(at_s, first_s), min(at_s + STEP_S, last_s))) for at_s in starts]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def datadog(asked: Asked) -> Any:
    return datadog_body(datadog_series(intervals(float(asked.params["from"]), float(asked.params["to"]))))


def newrelic(asked: Asked) -> Any:
    words = asked.json["variables"]["nrql"].split()
    first_s, last_s = float(words[-3]), float(words[-1])
    # Its intervals begin where the query does.
    return newrelic_body(newrelic_rows(intervals(first_s, last_s, first_s % STEP_S)))


def google(asked: Asked) -> Any:
    first_s, last_s = (seconds(asked.params[f"interval.{end}"]) for end in ("startTime", "endTime"))
    # Its intervals end where the query does.
    return {"timeSeries": [google_series(intervals(first_s, last_s, last_s % STEP_S))]}


def influxdb(asked: Asked) -> Any:
    first_s, last_s = (seconds(text) for text in asked.params["q"].split("'")[1:4:2])
    return influxql_body(intervals(first_s, last_s))


STORES = {
    "datadog": (DATADOG, datadog, "sum:web.errors{*}.as_count().rollup(sum,60)"),
    "newrelic": (NEWRELIC, newrelic, "SELECT count(*) FROM Log TIMESERIES 1 minute"),
    "google": (GOOGLE, google, GOOGLE.query.text),
    "influxdb": (INFLUXQL, influxdb, "SELECT count(a) FROM b WHERE ${timeFilter} GROUP BY time(1m)"),
}


@pytest.mark.parametrize("name", sorted(STORES))
@pytest.mark.parametrize("step", [timedelta(seconds=15), timedelta(seconds=60)])
def test_every_event_is_counted_once_when_its_interval_is_over(name: str, step: timedelta) -> None:
    recorded, answer, text = STORES[name]
    looks = [BEGIN + timedelta(seconds=37 * number) for number in range(5, 40)]
    queries = Queries.model_validate({"events": {"text": text, **recorded.query.options}})
    with a_store(lambda asked: Said(answer(asked))) as store:
        feed = Feed(queries, Target(recorded.open(store.url), SCOPE, BEGIN, step))
        counted = [feed.sample(at) for at in looks]
    whole = [math.floor(at.timestamp() / STEP_S) * STEP_S for at in looks]
    assert counted == [EventCount(round(events(BEGIN.timestamp(), until_s))) for until_s in whole]
