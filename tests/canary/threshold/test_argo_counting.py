"""Measurements count as in an Argo Rollouts AnalysisRun."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canary.samples import NO_DATA, Lacking
from canary.threshold.argo import ArgoCount, ArgoRun, Phase, measured
from canary.threshold.config import ArgoMetric, Compat
from canary.threshold.values import Value

EMPTY = Lacking(NO_DATA, "the query gave no series")
BROKEN = Lacking("unreachable", "the store did not answer")
GOOD, BAD, BETWEEN = 0.5, 9.0, 3.0
SUCCESS, FAILURE = {"success": {"below": 1}}, {"failure": {"at_least": 5}}


def a_metric(**settings: Any) -> ArgoMetric:
    return ArgoMetric.model_validate({"name": "errors", "interval": "1m", **settings})


def after(values: Sequence[Value], compat: Compat = Compat.EXACT, **settings: Any) -> ArgoCount:
    count = ArgoCount(a_metric(**settings), compat)
    for value in values:
        count.take(value)
    return count


@pytest.mark.parametrize(
    ("value", "success_only", "failure_only", "both", "neither"),
    [
        (GOOD, "Successful", "Successful", "Successful", "Successful"),
        (BETWEEN, "Failed", "Successful", "Inconclusive", "Successful"),
        (BAD, "Failed", "Failed", "Failed", "Successful"),
        (math.nan, "Failed", "Successful", "Inconclusive", "Successful"),
        (math.inf, "Failed", "Failed", "Failed", "Successful"),
        (EMPTY, "Error", "Error", "Error", "Successful"),
        (BROKEN, "Error", "Error", "Error", "Error"),
    ],
)
def test_a_measurement_comes_out_as_argo_evaluates_it(
    value: Value, success_only: str, failure_only: str, both: str, neither: str
) -> None:
    assert measured(value, a_metric(**SUCCESS)) == success_only
    assert measured(value, a_metric(**FAILURE)) == failure_only
    assert measured(value, a_metric(**SUCCESS, **FAILURE)) == both
    assert measured(value, a_metric()) == neither


def test_a_failure_condition_wins_over_a_success_condition_that_holds_too() -> None:
    assert measured(3, a_metric(success={"below": 5}, failure={"above": 2})) == "Failed"


@pytest.mark.parametrize(
    ("value", "answer", "expected"),
    [
        (EMPTY, {"when_empty": True}, "Successful"),
        (EMPTY, {"when_empty": False}, "Failed"),
        (BROKEN, {"when_empty": True}, "Error"),
        (math.nan, {"when_nan": True}, "Successful"),
        (BAD, {"when_nan": True, "when_empty": True}, "Failed"),
    ],
)
def test_a_condition_may_say_what_it_is_of_nan_and_of_an_empty_result(
    value: Value, answer: dict[str, bool], expected: str
) -> None:
    assert measured(value, a_metric(success={"below": 1, **answer})) == expected


@pytest.mark.parametrize(
    ("bound", "at_the_bound", "under", "over"),
    [
        ("below", False, True, False),
        ("at_most", True, True, False),
        ("above", False, False, True),
        ("at_least", True, False, True),
    ],
)
def test_bounds_include_what_their_name_says(bound: str, at_the_bound: bool, under: bool, over: bool) -> None:
    metric = a_metric(success={bound: 2})
    held = [measured(value, metric) is Phase.SUCCESSFUL for value in (2, 1, 3)]
    assert held == [at_the_bound, under, over]


def test_by_default_one_failed_measurement_fails_the_metric() -> None:
    assert after([GOOD, BAD], **SUCCESS).phase == "Failed"


def test_failures_up_to_the_limit_are_borne_and_are_never_forgotten() -> None:
    assert after([BAD, GOOD, BAD, GOOD], failure_limit=2, **SUCCESS).phase == "Running"
    assert after([BAD, GOOD, BAD, GOOD, BAD], failure_limit=2, **SUCCESS).phase == "Failed"


def test_by_default_one_inconclusive_measurement_makes_the_metric_inconclusive() -> None:
    assert after([GOOD, BETWEEN], **SUCCESS, **FAILURE).phase == "Inconclusive"
    assert after([GOOD, BETWEEN], inconclusive_limit=1, **SUCCESS, **FAILURE).phase == "Running"


def test_four_errors_in_a_row_are_borne_and_a_fifth_is_not() -> None:
    assert after([EMPTY] * 4, **SUCCESS).phase == "Running"
    assert after([*[EMPTY] * 4, GOOD, *[EMPTY] * 4], **SUCCESS).phase == "Running"
    assert after([EMPTY] * 5, **SUCCESS).phase == "Error"


def test_an_error_does_not_count_towards_the_count() -> None:
    assert after([GOOD, EMPTY, GOOD], count=3, **SUCCESS).phase == "Running"
    assert after([GOOD, EMPTY, GOOD, GOOD], count=3, **SUCCESS).phase == "Successful"


def test_a_reached_count_is_successful_though_measurements_failed_within_the_limit() -> None:
    assert after([BAD, BAD, BAD, GOOD], count=4, failure_limit=3, **SUCCESS).phase == "Successful"


def test_without_an_interval_one_measurement_is_taken() -> None:
    assert after([GOOD], interval=None, **SUCCESS).phase == "Successful"


def test_with_an_interval_and_no_count_there_is_no_end() -> None:
    assert after([GOOD] * 500, **SUCCESS).phase == "Running"


def test_successes_in_a_row_suffice_where_that_is_asked_for() -> None:
    limits = {"consecutive_success_limit": 3, "failure_limit": 2}
    assert after([GOOD, GOOD, BAD, GOOD, GOOD], **limits, **SUCCESS).phase == "Running"
    assert after([GOOD, GOOD, BAD, GOOD, GOOD, GOOD], **limits, **SUCCESS).phase == "Successful"


def test_a_count_without_the_successes_in_a_row_is_inconclusive_or_failed_by_the_failure_limit() -> None:
    values = [GOOD, BAD, GOOD, BAD, GOOD]
    assert after(values, count=5, consecutive_success_limit=2, failure_limit=3, **SUCCESS).phase == "Inconclusive"
    assert after(values, count=5, consecutive_success_limit=2, failure_limit=-1, **SUCCESS).phase == "Failed"


def test_a_failure_limit_of_minus_one_bears_any_number() -> None:
    assert after([BAD] * 50, consecutive_success_limit=2, failure_limit=-1, **SUCCESS).phase == "Running"


def test_what_a_metric_came_to_stays() -> None:
    assert after([BAD, GOOD, GOOD], **SUCCESS).tally.count == 1


def test_what_is_undecided_when_it_is_terminated_is_successful() -> None:
    count = after([BAD, EMPTY], failure_limit=1, **SUCCESS)
    assert count.terminate() == "Successful"


def test_what_was_never_measured_and_is_terminated_is_successful_in_argo_and_inconclusive_when_repaired() -> None:
    assert after([EMPTY] * 4, Compat.EXACT, **SUCCESS).terminate() == "Successful"
    assert after([EMPTY] * 4, Compat.REPAIRED, **SUCCESS).terminate() == "Inconclusive"
    assert after([EMPTY, GOOD], Compat.REPAIRED, **SUCCESS).terminate() == "Successful"


def test_repaired_no_number_is_successful_only_where_the_success_condition_asks_for_it() -> None:
    assert after([math.nan], Compat.EXACT, **FAILURE).phase == "Running"
    assert after([math.nan], Compat.REPAIRED, **FAILURE).phase == "Inconclusive"
    assert after([math.nan], Compat.REPAIRED, success={"below": 1, "when_nan": True}).phase == "Running"


def a_run(**metrics: dict[str, Any]) -> ArgoRun:
    return ArgoRun([a_metric(name=name, **SUCCESS, **settings) for name, settings in metrics.items()])


def test_the_first_metric_that_fails_ends_the_run() -> None:
    run = a_run(errors={}, latency={"count": 10})
    assert run.take({"errors": BAD, "latency": GOOD}) == "Failed"
    assert run.counts["latency"].phase == "Successful"


def test_a_run_waits_for_all_its_metrics() -> None:
    run = a_run(errors={"count": 1}, latency={"count": 2})
    assert run.take({"errors": GOOD, "latency": GOOD}) == "Running"
    assert run.take({"latency": GOOD}) == "Successful"


def test_the_worst_metric_is_the_run() -> None:
    run = a_run(broken={"consecutive_error_limit": 0}, failing={})
    assert run.take({"broken": EMPTY, "failing": BAD}) == "Failed"
    run = a_run(broken={"consecutive_error_limit": 0}, unclear={"failure": {"at_least": 5}})
    assert run.take({"broken": EMPTY, "unclear": BETWEEN}) == "Error"


def test_a_dry_run_metric_is_told_of_and_changes_nothing() -> None:
    run = a_run(errors={"count": 1}, idea={"dry_run": True, "count": 1})
    assert run.take({"errors": GOOD, "idea": BAD}) == "Successful"
    assert run.counts["idea"].phase == "Failed"


def test_a_dry_run_metric_without_end_is_waited_for_as_argo_does() -> None:
    run = a_run(errors={"count": 1}, idea={"dry_run": True})
    assert run.take({"errors": GOOD, "idea": GOOD}) == "Running"
    assert run.terminate() == "Successful"


def test_a_run_of_dry_run_metrics_only_is_successful() -> None:
    assert a_run(idea={"dry_run": True, "count": 1}).take({"idea": BAD}) == "Successful"


@pytest.mark.parametrize(
    "settings",
    [
        {"failure_limit": -1},
        {"count": 3, "failure_limit": 4},
        {"count": 4, "failure_limit": 3, "consecutive_success_limit": 2},
        {"count": 2, "inconclusive_limit": 3},
        {"count": 2, "interval": None},
        {"failure_limit": -2},
        {"success": {}},
        {"failureLimit": 1},
    ],
)
def test_what_argo_refuses_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_metric(**settings)


VALUES = st.one_of(st.sampled_from([GOOD, BAD, BETWEEN, math.nan, math.inf, EMPTY, BROKEN]), st.floats(allow_nan=True))


@given(values=st.lists(VALUES, max_size=30), limit=st.integers(0, 5))
def test_a_higher_failure_limit_never_fails_earlier(values: list[Value], limit: int) -> None:
    strict, lenient = (after(values, failure_limit=each, **FAILURE) for each in (limit, limit + 1))
    assert strict.phase == "Failed" or lenient.phase != "Failed"


@given(values=st.lists(VALUES, max_size=30))
def test_repaired_is_never_kinder_than_argo(values: list[Value]) -> None:
    exact, repaired = (after(values, compat, **FAILURE) for compat in Compat)
    worse = list(Phase)
    assert worse.index(repaired.terminate()) >= worse.index(exact.terminate()) or exact.phase == "Failed"
