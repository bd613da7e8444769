"""Waiting for an answer, and no longer."""

from threading import Event

import pytest

from operators.patience import within
from operators.tracking import Away


def test_an_answer_in_time_is_given() -> None:
    assert within(60, lambda: 7) == 7


def test_what_is_raised_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(60, lambda: 1 // 0)


def test_whatever_hangs_is_not_waited_for() -> None:
    never = Event()
    try:
        with pytest.raises(Away, match=r"no answer within 0\.01 s"):
            within(0.01, never.wait)
    finally:
        never.set()
