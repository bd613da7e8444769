"""The benchmarks' modules are there, and their pages say what their results say."""

import pytest

from tests.bench.canary.__main__ import SUITE as CANARY
from tests.bench.learning.__main__ import SUITE as LEARNING
from tests.bench.report import Suite, read_results, render
from tests.bench.rows import Row
from tests.bench.suite import modules

suites = pytest.mark.parametrize("suite", [CANARY, LEARNING], ids=lambda suite: suite.name)


@suites
def test_the_page_says_what_was_measured(suite: Suite) -> None:
    assert suite.document.read_text() == render(suite, read_results(suite))


@suites
def test_what_was_measured_was_measured_in_full_by_modules_that_are_there(suite: Suite) -> None:
    results = read_results(suite)
    assert set(results) <= set(modules(suite))
    assert {each["scale"] for each in results.values()} <= {1.0}


@pytest.mark.parametrize(("got", "reached"), [(1.0, True), (3.0, False)])
def test_a_figure_is_reached_or_not(got: float, reached: bool) -> None:
    assert Row("1 False alarms", "a", got, "%", bar=2.0, sense="at most").is_reached is reached
    assert Row("1 False alarms", "a", got, "%", bar=2.0, sense="at least").is_reached is not reached
    assert Row("1 False alarms", "a", got, "%").is_reached is None
