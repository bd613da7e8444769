"""Statistics of an Envoy as it answers them in JSON."""

from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, open_source
from tests.canary.sources.stores import SPAN, Said, a_store

COUNTER = {"stats": [{"name": "cluster.playback_v2.upstream_rq_5xx", "value": 7}]}
BUCKETS = [{"upper_bound": 0.5, "interval": 0, "cumulative": 2}, {"upper_bound": 1, "interval": 1, "cumulative": 3}]
HISTOGRAM = {"stats": [{"histograms": [{"name": "cluster.playback_v2.upstream_rq_time", "buckets": BUCKETS}]}]}


def ask(body: Any, text: str, **query: Any) -> Answer:
    with a_store(lambda _: Said(body)) as store:
        source = open_source({"type": "envoy", "url": store.url, "attempts": 1})
        return source.fetch(Query(text, **query), Scope("playback:v2"), SPAN)


def test_a_counter_is_one_point_at_the_end_of_the_span() -> None:
    (series,) = ask(COUNTER, "cluster.${scope}.upstream_rq_5xx").series
    assert (series.times_s.tolist(), series.values.tolist()) == ([SPAN.end_s], [7])
    assert series.fidelity is Fidelity.COUNTER


def test_a_gauge_is_one_where_the_query_says_so() -> None:
    answer = ask(COUNTER, "cluster.${scope}.upstream_rq_5xx", fidelity=Fidelity.GAUGE)
    assert answer.series[0].fidelity is Fidelity.GAUGE


def test_a_histogram_comes_as_cumulative_buckets() -> None:
    answer = ask(HISTOGRAM, "cluster.${scope}.upstream_rq_time")
    assert {each.tags["le"]: each.values.tolist() for each in answer.series} == {"0.5": [2], "1.0": [5], "+Inf": [5]}


def test_a_statistic_that_is_not_there_is_no_match() -> None:
    assert ask(COUNTER, "cluster.${scope}.upstream_rq").outcome is Outcome.NO_MATCH


@pytest.mark.parametrize("body", [b"<html>", {}, {"stats": 3}, {"stats": [{"name": "a", "value": -1}]}])
def test_an_answer_of_another_form_is_malformed(body: Any) -> None:
    assert ask(body, "a").outcome is Outcome.MALFORMED


def test_a_query_that_is_not_a_name_is_an_error() -> None:
    with pytest.raises(CanaryError, match="name of a statistic"):
        ask(COUNTER, "")
