"""A look that cannot be right is an ERROR with its reason: never a pass, never an exception."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import Look, Side, Verdict, judge, start
from tests.canary.builders import BEGIN, a_config

GOOD = Side(100, 1, (50, 49, 1), (10.0, 100.0))
CONFIG = a_config(metrics=["error_rate", "latency"])


def judged(**changes: Any) -> tuple[Verdict, str]:
    session = start(CONFIG)
    session.add(Look(BEGIN, GOOD, GOOD))
    judgment = session.add(replace(Look(BEGIN + timedelta(seconds=1), GOOD, GOOD), **changes))
    assert judgment.is_final
    return judgment.verdict, judgment.reason


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (replace(GOOD, requests=-1), "request counter is -1"),
        (replace(GOOD, requests=float("nan")), "request counter is nan"),
        (replace(GOOD, requests="100"), "request counter is '100'"),
        (replace(GOOD, requests=2**60), "request counter is 1152921504606846976"),
        (replace(GOOD, errors=float("inf")), "error counter is inf"),
        (replace(GOOD, errors=101), "errors (101) are more than its requests (100)"),
        (replace(GOOD, latency=(1, 2)), "histogram has 2 buckets for 2 edges"),
        (replace(GOOD, latency=(1, -2, 3)), "a bucket that is not a count"),
        (replace(GOOD, edges_ms=(100.0, 10.0)), "edges that do not rise"),
        (replace(GOOD, edges_ms=(10.0, float("nan"))), "edges that do not rise"),
        (replace(GOOD, edges_ms=(10.0, 200.0)), "different edges"),
    ],
)
def test_a_side_that_cannot_be_right_is_an_error(side: Side, reason: str) -> None:
    verdict, why = judged(canary=side)
    assert verdict is Verdict.ERROR
    assert reason in why


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan"), None])
def test_a_share_outside_0_and_1_is_an_error(share: Any) -> None:
    assert "share of traffic" in judged(canary_share=share)[1]


ELSEWHERE = (BEGIN + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=1)))


@pytest.mark.parametrize("at", [BEGIN.replace(tzinfo=None), ELSEWHERE, "now"])
def test_a_time_that_is_not_utc_is_an_error(at: Any) -> None:
    assert "not in UTC" in judged(at=at)[1]


def test_a_look_from_the_past_is_an_error() -> None:
    assert "not after the last one" in judged(at=BEGIN - timedelta(seconds=1))[1]


def test_edges_that_change_on_the_way_are_an_error() -> None:
    changed = replace(GOOD, edges_ms=(10.0, 200.0))
    assert "other edges than those before" in judged(canary=changed, baseline=changed)[1]


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
