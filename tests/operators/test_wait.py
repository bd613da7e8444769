"""Wait: a pause that a retry does not begin anew."""

from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowSkipException

from operators.records import Records
from operators.wait import Wait
from tests.fakes.context import a_context, deferral, resume, run, to_the_end
from tests.fakes.release import a_run, a_scope


def a_wait(minutes: float = 10) -> Wait:
    return Wait(task_id="wait", scope=a_scope("wait"), duration=timedelta(minutes=minutes))


def test_a_wait_holds_no_slot_until_its_time_is_over(records: Records) -> None:
    task, context, began = a_wait(), a_context(), datetime.now(UTC)
    parked = deferral(task, context)
    assert isinstance(parked.trigger, DateTimeTrigger)
    assert timedelta(minutes=9) < parked.trigger.moment - began < timedelta(minutes=11)
    assert resume(task, context, parked, None) is None


def test_a_retry_waits_for_the_rest_and_not_all_over_again(records: Records) -> None:
    context = a_context()
    first, again = deferral(a_wait(), context), deferral(a_wait(), context)
    assert isinstance(first.trigger, DateTimeTrigger)
    assert isinstance(again.trigger, DateTimeTrigger)
    assert first.trigger.moment == again.trigger.moment


def test_a_wait_of_no_time_is_over_at_once(records: Records) -> None:
    assert to_the_end(a_wait(minutes=0), a_context()) is None


def test_a_run_that_turned_back_does_not_wait(records: Records) -> None:
    a_run(records).turn_back("canary", "too many errors")
    with pytest.raises(AirflowSkipException):
        run(a_wait(), a_context())
