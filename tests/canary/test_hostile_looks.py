"""A look that cannot be right is an ERROR with its reason: never a pass, never an exception."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import Look, Side, Verdict, judge, start
from canary.samples import Gauge, Lacking
from canary.ticks import Pair, ticks_of
from tests.canary.builders import BEGIN, a_config

GOOD = Side(100, 1, (50, 49, 1), (10.0, 100.0))
CONFIG = a_config(metrics=["error_rate", "latency"])


def judged(**changes: Any) -> tuple[Verdict, str]:
    session = start(CONFIG)
    session.add(Look(BEGIN, GOOD, GOOD))
    judgment = session.add(replace(Look(BEGIN + timedelta(seconds=1), GOOD, GOOD), **changes))
    assert judgment.is_final
    return judgment.verdict, judgment.reason


@pytest.mark.parametrize("requests", [-1, float("nan"), "100", 2**60])
def test_requests_that_are_no_count_are_an_error_of_the_whole_look(requests: Any) -> None:
    verdict, why = judged(canary=replace(GOOD, requests=requests))
    assert verdict is Verdict.ERROR
    assert f"request counter is {requests!r}" in why


@pytest.mark.parametrize(
    ("side", "metric", "reason"),
    [
        (replace(GOOD, errors=float("inf")), "error_rate", "error counter is inf"),
        (replace(GOOD, errors=101), "error_rate", "errors (101) are more than its requests (100)"),
        (replace(GOOD, latency=(1, 2)), "latency", "histogram has 2 buckets for 2 edges"),
        (replace(GOOD, latency=(1, -2, 3)), "latency", "a bucket that is not a count"),
        (replace(GOOD, edges_ms=(100.0, 10.0)), "latency", "edges that do not rise"),
        (replace(GOOD, edges_ms=(10.0, float("nan"))), "latency", "edges that do not rise"),
        (replace(GOOD, edges_ms=(20.0, 200.0)), "latency", "other edges than before"),
    ],
)
def test_what_is_wrong_with_one_metric_is_named_there_and_the_others_are_judged(
    side: Side, metric: str, reason: str
) -> None:
    session = start(CONFIG)
    session.add(Look(BEGIN, GOOD, GOOD))
    judgment = session.add(Look(BEGIN + timedelta(seconds=1), GOOD, side))
    assert judgment.verdict is Verdict.INCONCLUSIVE
    wrong = next(each for each in judgment.metrics if each.name == metric)
    right = next(each for each in judgment.metrics if each.name != metric)
    assert (wrong.verdict, right.verdict) == (Verdict.ERROR, Verdict.INCONCLUSIVE)
    assert reason in wrong.sentence
    assert (wrong.outcome, right.outcome) != ("ok", "ok")
    assert right.outcome == "ok"


def test_a_metric_that_was_malformed_for_a_while_loses_none_of_its_counts() -> None:
    session = start(a_config())
    looks = [(100, 0), (200, 999), (300, 30)]
    for second, (requests, errors) in enumerate(looks):
        judgment = session.add(Look(BEGIN + timedelta(seconds=second), Side(requests, 0), Side(requests, errors)))
    assert judgment.metrics[0].canary_value == 30 / 200


def test_histograms_on_different_ladders_are_compared_on_the_edges_that_both_have() -> None:
    fine, coarse = Side(100, 0, (10, 40, 49, 1), (5.0, 10.0, 100.0)), Side(100, 0, (50, 50), (10.0,))
    more = Side(200, 0, (20, 80, 98, 2), (5.0, 10.0, 100.0)), Side(200, 0, (100, 100), (10.0,))
    session = start(a_config(metrics=["latency"]))
    session.add(Look(BEGIN, fine, coarse))
    latency = session.add(Look(BEGIN + timedelta(seconds=1), *more)).metrics[0]
    assert (latency.outcome, latency.threshold) == ("ok", 10.0)
    assert (latency.baseline_value, latency.canary_value) == (0.5, 0.5)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan"), None])
def test_a_share_outside_0_and_1_is_an_error(share: Any) -> None:
    assert "share of traffic" in judged(canary_share=share)[1]


ELSEWHERE = (BEGIN + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=1)))


@pytest.mark.parametrize("at", [BEGIN.replace(tzinfo=None), ELSEWHERE, "now"])
def test_a_time_that_is_not_utc_is_an_error(at: Any) -> None:
    assert "not in UTC" in judged(at=at)[1]


def test_a_look_from_the_past_is_an_error() -> None:
    assert "not after the last one" in judged(at=BEGIN - timedelta(seconds=1))[1]


def test_an_error_is_for_good_and_keeps_what_was_known() -> None:
    session = start(CONFIG)
    session.add(Look(BEGIN, GOOD, GOOD))
    bad = session.add(Look(BEGIN + timedelta(seconds=1), GOOD, replace(GOOD, requests=-1)))
    assert session.add(Look(BEGIN + timedelta(seconds=2), GOOD, GOOD)) == bad
    assert [metric.name for metric in bad.metrics] == ["error_rate", "latency"]


ANY = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), st.booleans())
ANYTHING = st.builds(Side, ANY, ANY, st.lists(ANY, max_size=3).map(tuple), st.lists(ANY, max_size=3).map(tuple))


@settings(deadline=None)
@given(st.lists(st.tuples(ANYTHING | st.just(GOOD), ANYTHING | st.just(GOOD), ANY), min_size=1, max_size=4))
def test_no_look_makes_the_judge_raise(looks: list[tuple[Side, Side, Any]]) -> None:
    times = [BEGIN + timedelta(seconds=second) for second in range(len(looks))]
    judgment = judge(CONFIG, [Look(at, *look) for at, look in zip(times, looks, strict=True)])
    assert judgment.verdict is not Verdict.PASS


def test_a_pod_without_a_number_is_left_out_of_its_gauge_and_the_others_are_compared() -> None:
    tick = ticks_of([_shown(nan) for nan in (False, True)], ["cpu"])[0].metrics["cpu"]
    assert isinstance(tick, Pair)
    assert tick.canary == Gauge({"a": 1.0})


def test_a_gauge_without_any_number_has_no_data() -> None:
    side = Side(1, 0, samples={"cpu": Gauge({"a": float("nan")})})
    lacking = ticks_of([Look(BEGIN, side, side), Look(BEGIN + timedelta(seconds=1), side, side)], ["cpu"])[0]
    assert lacking.metrics["cpu"] == Lacking("no data", "the baseline's gauge shows no number for any pod")


def _shown(nan: bool) -> Look:
    pods = {"a": 1.0, "b": float("nan") if nan else 2.0}
    at = BEGIN + timedelta(seconds=nan)
    return Look(at, Side(1, 0, samples={"cpu": Gauge({"a": 1.0})}), Side(1, 0, samples={"cpu": Gauge(pods)}))
