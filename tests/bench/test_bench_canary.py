"""The benchmark of the judges runs, and its page says what its results say."""

import pytest

from tests.bench.canary.__main__ import modules
from tests.bench.canary.report import DOCUMENT, read_results, render
from tests.bench.canary.rows import Row


def test_the_page_says_what_was_measured() -> None:
    assert DOCUMENT.read_text() == render(read_results())


def test_what_was_measured_was_measured_in_full_by_modules_that_are_there() -> None:
    results = read_results()
    assert set(results) <= set(modules())
    assert {each["scale"] for each in results.values()} == {1.0}


@pytest.mark.parametrize(("got", "reached"), [(1.0, True), (3.0, False)])
def test_a_figure_is_reached_or_not(got: float, reached: bool) -> None:
    assert Row("1 False alarms", "a", got, "%", bar=2.0, sense="at most").is_reached is reached
    assert Row("1 False alarms", "a", got, "%", bar=2.0, sense="at least").is_reached is not reached
    assert Row("1 False alarms", "a", got, "%").is_reached is None
