"""Watches to their end, without a triggerer and without waiting."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import TaskDeferred

from operators.memory import Memory
from operators.records import Records
from operators.watch import Outcome, Watch, Watcher
from operators.watch_trigger import WatchTrigger
from tests.fakes.clock import Clock


def a_watcher(watch: Watch, records: Records, clock: Clock) -> Watcher:
    return Watcher(watch, records, Memory(records), clock)


def watch_on(watcher: Callable[[], Watcher], clock: Clock, most: int = 200) -> Outcome:
    """A look a second until the watch is over."""
    for _ in range(most):
        outcome = watcher().look()
        if outcome.is_over:
            return outcome
        clock.go_on()
    raise AssertionError(f"not over after {most} looks: {outcome.judgment.reason}")


def watch_alone(watch: Watch, records: Records, clock: Clock) -> Outcome:
    watcher = a_watcher(watch, records, clock)
    return watch_on(lambda: watcher, clock)


def watched(parked: TaskDeferred, records: Records, clock: Clock | None = None) -> dict[str, Any]:
    """The event of a parked task's watch, from real looks a second apart by a clock of their own."""
    assert isinstance(parked.trigger, WatchTrigger)
    watch, clock = Watch.from_json(parked.trigger.watch), clock or Clock()
    if watch.until is not None:
        watch = replace(watch, until=clock.now + (watch.until - datetime.now(UTC)))
    return watch_alone(watch, records, clock).to_json()
