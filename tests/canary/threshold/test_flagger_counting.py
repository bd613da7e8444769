"""Checks count as in the analysis of a Flagger Canary."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canary.samples import NO_DATA, Lacking
from canary.threshold.config import FlaggerMetric, FlaggerRules
from canary.threshold.flagger import FlaggerCanary, checked, weights_of
from canary.threshold.values import Value

GOOD, BAD = 99.5, 98.0
EMPTY = Lacking(NO_DATA, "the query gave no series")


def some_rules(**settings: Any) -> FlaggerRules:
    steps = {} if {"step_weights", "iterations"} & set(settings) else {"step_weight": 10, "max_weight": 50}
    checks = [{"name": "success", "minimum": 99}]
    return FlaggerRules.model_validate({"rules": "flagger", "metrics": checks, **steps, **settings})


def after(values: Sequence[Value], **settings: Any) -> FlaggerCanary:
    """A canary after its first tick, which checks nothing, and one tick for each value."""
    canary = FlaggerCanary(some_rules(**settings))
    canary.tick(never)
    for value in values:
        canary.tick(lambda _, value=value: value)
    return canary


def never(_: FlaggerMetric) -> Value:
    raise AssertionError("nothing is measured at this tick")


@pytest.mark.parametrize(
    ("value", "is_passed"),
    [(99.0, True), (99.5, True), (98.99, False), (math.inf, True), (math.nan, False), (EMPTY, False)],
)
def test_a_check_passes_at_its_bound_and_fails_without_a_value(value: Value, is_passed: bool) -> None:
    assert (checked(value, FlaggerMetric(name="success", minimum=99)).flaw == "") is is_passed


def test_a_check_has_a_bound_on_either_side() -> None:
    metric = FlaggerMetric(name="duration", minimum=10, maximum=500)
    assert [checked(value, metric).flaw == "" for value in (9, 10, 500, 501)] == [False, True, True, False]


def test_the_first_tick_checks_nothing_and_gives_the_first_weight() -> None:
    assert after([]).weight == 10


def test_the_documented_example_takes_twenty_five_intervals() -> None:
    canary = after([GOOD] * 24, step_weight=2, max_weight=50)
    assert (canary.weight, canary.phase) == (50, "Progressing")
    canary.tick(lambda _: GOOD)
    assert canary.phase == "Promoting"


def test_steps_that_do_not_divide_the_maximum_overshoot_it() -> None:
    assert weights_of(some_rules(step_weight=20, max_weight=50)) == (20, 40, 60)
    assert weights_of(some_rules(step_weight=30, max_weight=100)) == (30, 60, 90, 100)


def test_a_failed_check_holds_the_weight() -> None:
    assert [after([GOOD] * n).weight for n in range(3)] == [10, 20, 30]
    assert after([GOOD, BAD, BAD], threshold=5).weight == 20


def test_the_roll_back_comes_one_tick_after_the_check_that_reaches_the_threshold() -> None:
    assert after([BAD, BAD, BAD], threshold=3).phase == "Progressing"
    canary = after([BAD, BAD, BAD], threshold=3)
    assert canary.tick(never) == "Failed"
    assert canary.weight == 0


def test_failed_checks_are_never_forgotten() -> None:
    values = [BAD, GOOD, BAD, GOOD, BAD, GOOD]
    assert after(values, threshold=3, step_weight=1).phase == "Failed"


def test_by_default_one_failed_check_rolls_back() -> None:
    assert after([GOOD, BAD, GOOD]).phase == "Failed"


@pytest.mark.parametrize("value", [EMPTY, math.nan, Lacking("unreachable", "no answer")])
def test_no_data_is_a_failed_check(value: Value) -> None:
    assert after([value]).failed_checks == 1


def test_the_first_metric_that_fails_ends_a_check() -> None:
    rules = some_rules(metrics=[{"name": "success", "minimum": 99}, {"name": "duration", "maximum": 500}])
    canary, seen = FlaggerCanary(rules), list[str]()

    def bad(metric: FlaggerMetric) -> Value:
        seen.append(metric.name)
        return BAD

    canary.tick(never)
    canary.tick(bad)
    assert seen == ["success"]
    assert canary.failed_checks == 1


def test_given_weights_are_taken_in_turn() -> None:
    assert [after([GOOD] * n, step_weights=[1, 10, 80]).weight for n in range(3)] == [1, 10, 80]
    assert after([GOOD] * 3, step_weights=[1, 10, 80]).phase == "Promoting"


def test_iterations_promote_after_as_many_checks() -> None:
    assert after([GOOD] * 9, iterations=10).phase == "Progressing"
    assert after([GOOD] * 10, iterations=10).phase == "Promoting"


@pytest.mark.parametrize(
    "settings",
    [
        {"step_weight": 0},
        {"step_weight": 5, "iterations": 3},
        {"step_weights": [10, 5]},
        {"threshold": 0},
        {"interval": "5s"},
        {"metrics": []},
        {"metrics": [{"name": "a"}]},
        {"metrics": [{"name": "a", "maximum": 1}, {"name": "a", "maximum": 2}]},
    ],
)
def test_what_could_never_be_run_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        some_rules(**settings)


@given(values=st.lists(st.sampled_from([GOOD, BAD, math.nan, EMPTY]), max_size=40), threshold=st.integers(1, 6))
def test_a_canary_fails_when_enough_checks_failed_before_it_was_through(values: list[Value], threshold: int) -> None:
    canary = after(values, threshold=threshold, iterations=10)
    failed = [index for index, value in enumerate(values) if value != GOOD]
    passed = [index for index, value in enumerate(values) if value == GOOD]
    reached = failed[threshold - 1] if len(failed) >= threshold else math.inf
    through = passed[9] if len(passed) >= 10 else math.inf
    if reached < through:
        assert canary.phase == ("Failed" if reached < len(values) - 1 else "Progressing")
    else:
        assert canary.phase == ("Promoting" if through < math.inf else "Progressing")
