"""Wait: a pause that a retry does not begin anew."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import TaskSuccessEvent

from operators.records import Records
from operators.wait import Wait
from tests.fakes.context import a_context, deferral, run
from tests.fakes.release import a_run, a_scope


def a_wait(minutes: float = 10) -> Wait:
    return Wait(task_id="wait", scope=a_scope("wait"), duration=timedelta(minutes=minutes))


def test_a_wait_holds_no_slot_until_its_time_is_over(records: Records) -> None:
    task, context, began = a_wait(), a_context(), datetime.now(UTC)
    parked = deferral(task, context)
    assert isinstance(parked.trigger, DateTimeTrigger)
    assert timedelta(minutes=9) < parked.trigger.moment - began < timedelta(minutes=11)
    assert parked.trigger.end_from_trigger


def test_a_retry_waits_for_the_rest_and_not_all_over_again(records: Records) -> None:
    context = a_context()
    first, again = deferral(a_wait(), context), deferral(a_wait(), context)
    assert isinstance(first.trigger, DateTimeTrigger)
    assert isinstance(again.trigger, DateTimeTrigger)
    assert first.trigger.moment == again.trigger.moment


def test_the_trigger_ends_a_wait_by_itself_without_a_worker(records: Records) -> None:
    trigger = deferral(a_wait(minutes=0), a_context()).trigger
    assert isinstance(asyncio.run(anext(trigger.run())), TaskSuccessEvent)


def test_a_run_that_turned_back_does_not_wait(records: Records) -> None:
    a_run(records).turn_back("canary", "too many errors")
    with pytest.raises(AirflowSkipException):
        run(a_wait(), a_context())
