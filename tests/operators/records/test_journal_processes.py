"""The journal between real processes that are doubled, killed and paused. Invariant 3."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from operators.records import Journal, Json, Kind, Records, Subject
from operators.records.claims import STALE_S, Claims
from operators.records.owner import Owner
from operators.records.records import utc_now

KEY = "run-1/deploy/eu-central-1/create"
SUBJECT = Subject(run="run-1")
INTENT = {"change": "it"}
Actor = subprocess.Popen[str]
Start = Callable[..., Actor]


@pytest.fixture
def acts(tmp_path: Path) -> Path:
    """The file of the fences acted with, by any process."""
    path = tmp_path / "acts"
    path.touch()
    return path


@pytest.fixture
def start(url: str, acts: Path) -> Iterator[Start]:
    """Starts an actor that stops at the steps named; all are gone after the test."""
    actors: list[Actor] = []

    def start(*steps: str) -> Actor:
        command = [sys.executable, str(Path(__file__).with_name("actor.py")), url, KEY, *steps]
        environment = {**os.environ, "ACTS": str(acts)}
        actors.append(
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return actors[-1]

    yield start
    for actor in actors:
        actor.kill()
        actor.communicate()


def read(actor: Actor) -> str:
    assert actor.stdout is not None
    return actor.stdout.readline().strip()


def go_on(actor: Actor) -> None:
    assert actor.stdin is not None
    actor.stdin.write("\n")
    actor.stdin.flush()


def fences(acts: Path) -> list[int]:
    return [int(line) for line in acts.read_text().split()]


def act_here(acts: Path) -> Callable[[int], Mapping[str, Json]]:
    def act(fence: int) -> Mapping[str, Json]:
        with acts.open("a") as file:
            file.write(f"{fence}\n")
        return {"fence": fence, "pid": os.getpid()}

    return act


def events(records: Records) -> list[Json]:
    return [record.body["event"] for record in records.search(kind=Kind.OPERATION)]


def test_invariant_3_processes_that_call_at_once_act_exactly_once(records: Records, start: Start, acts: Path) -> None:
    actors = [start("ready") for _ in range(5)]
    assert {read(actor) for actor in actors} == {"ready"}
    for actor in actors:
        go_on(actor)
    results = [json.loads(read(actor)) for actor in actors]

    assert len(fences(acts)) == 1
    assert all(result == results[0] for result in results)
    assert events(records) == ["meant", "confirmed"]


@pytest.mark.parametrize("step", ["acting", "acted"])
@pytest.mark.parametrize("is_reaped", [True, False])
def test_invariant_3_what_a_killed_process_left_is_taken_over_at_once(
    records: Records, start: Start, acts: Path, step: str, is_reaped: bool
) -> None:
    actor = start(step)
    assert read(actor) == step
    [held] = records.journal.unfinished()
    actor.kill()
    os.waitid(os.P_PID, actor.pid, os.WEXITED | (0 if is_reaped else os.WNOWAIT))
    [left] = records.journal.unfinished()

    result = records.journal.once(KEY, SUBJECT, INTENT, act_here(acts))

    first, second = fences(acts)
    assert first < second
    assert result == {"fence": second, "pid": os.getpid()}
    assert (held.is_held, left.is_held) == (True, False)
    assert events(records) == ["meant", "taken over", "confirmed"]


def test_invariant_3_a_killed_process_that_had_confirmed_is_not_repeated(
    records: Records, start: Start, acts: Path
) -> None:
    actor = start()
    result = json.loads(read(actor))
    actor.kill()

    assert records.journal.once(KEY, SUBJECT, INTENT, act_here(acts)) == result
    assert len(fences(acts)) == 1


@pytest.mark.parametrize("step", ["acting", "acted"])
def test_invariant_3_a_paused_copy_that_comes_back_cannot_confirm_over_the_newer_claim(
    records: Records, start: Start, acts: Path, step: str
) -> None:
    actor = start(step)
    assert read(actor) == step
    actor.send_signal(signal.SIGSTOP)

    def later() -> datetime:
        return utc_now() + timedelta(seconds=STALE_S + 60)

    journal = Journal(Claims(records.database, later, Owner.current))
    result = journal.once(KEY, SUBJECT, INTENT, act_here(acts))
    actor.send_signal(signal.SIGCONT)
    go_on(actor)
    what_the_stale_copy_returns = json.loads(read(actor))

    first, second = fences(acts)
    assert first < second
    assert result == what_the_stale_copy_returns == records.journal.result(KEY) == {"fence": second, "pid": os.getpid()}
    assert events(records) == ["meant", "taken over", "confirmed"]


def test_a_copy_waits_for_the_living_one_and_returns_its_result(records: Records, start: Start, acts: Path) -> None:
    actor, copy = start("acting"), start("ready")
    assert (read(actor), read(copy)) == ("acting", "ready")
    go_on(copy)
    go_on(actor)

    assert read(copy) == read(actor)
    assert len(fences(acts)) == 1
    assert records.verify().ok
