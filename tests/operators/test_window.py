"""Window: goes on only when the calendar is open, asked again after every wait."""

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from operators.records import Records
from operators.window import Window
from tests.fakes.context import a_context, deferral, resume, resumed_deferral, run
from tests.fakes.release import ALWAYS, a_run, a_scope, closed_for


def a_window(calendar: Any) -> Window:
    return Window(task_id="window", scope=a_scope("window"), calendar=calendar)


def test_an_open_window_lets_the_run_go_on_at_once(records: Records) -> None:
    assert run(a_window(ALWAYS), a_context()) is None


def test_a_closed_window_defers_until_it_opens_and_is_asked_again(records: Records) -> None:
    task, context = a_window(closed_for(timedelta(hours=1))), a_context()
    parked = deferral(task, context)
    assert isinstance(parked.trigger, DateTimeTrigger)
    task.calendar = closed_for(timedelta(hours=3))
    longer = resumed_deferral(task, context, parked, None)
    assert isinstance(longer.trigger, DateTimeTrigger)
    assert longer.trigger.moment > parked.trigger.moment
    task.calendar = ALWAYS
    assert resume(task, context, longer, None) is None


def test_a_window_that_never_opens_fails(records: Records) -> None:
    with pytest.raises(AirflowFailException, match="does not open"):
        run(a_window(closed_for(timedelta(days=500))), a_context())


def test_a_run_that_turned_back_does_not_wait_for_its_window(records: Records) -> None:
    a_run(records).turn_back("canary", "too many errors")
    with pytest.raises(AirflowSkipException):
        run(a_window(closed_for(timedelta(hours=1))), a_context())
