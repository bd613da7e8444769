"""The journal within one process: meant, done, confirmed, and never done again."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from operators.errors import RecordError, StaleFence
from operators.records import Journal, Json, Kind, Records, Subject
from operators.records.claims import STALE_S, Claim, Claims, Done, Held
from operators.records.database import Database
from operators.records.journal import Patience
from operators.records.owner import Owner
from operators.records.tables import OPERATIONS

KEY = "run-1/rollout/eu-central-1/route-20"
SUBJECT = Subject(run="run-1", service="playback", region="eu-central-1", stage="rollout")
INTENT = {"weights": {"playback-v001": 80, "playback-v002": 20}}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """Something that operations change; it remembers the fences it saw."""

    def __init__(self) -> None:
        self.fences: list[int] = []

    def change(self, fence: int) -> Mapping[str, Json]:
        self.fences.append(fence)
        return {"changed_with": fence}


def events(records: Records) -> list[Json]:
    return [record.body["event"] for record in records.search(kind=Kind.OPERATION)]


def test_an_operation_is_done_and_its_result_kept(records: Records) -> None:
    world = World()

    result = records.journal.once(KEY, SUBJECT, INTENT, world.change)

    assert result == {"changed_with": world.fences[0]} == records.journal.result(KEY)
    assert records.journal.unfinished() == []
    assert events(records) == ["meant", "confirmed"]
    assert {record.subject for record in records.search()} == {SUBJECT}


def test_invariant_3_a_confirmed_operation_is_not_done_again(records: Records) -> None:
    world = World()
    first = records.journal.once(KEY, SUBJECT, INTENT, world.change)
    again = records.journal.once(KEY, SUBJECT, INTENT, world.change)

    assert first == again
    assert len(world.fences) == 1
    assert len(records.search()) == 2


def test_every_new_operation_gets_a_higher_fence(records: Records) -> None:
    world = World()
    for n in range(5):
        records.journal.once(f"{KEY}/{n}", SUBJECT, {}, world.change)

    assert world.fences == sorted(set(world.fences))


def test_a_failed_operation_says_why_and_may_be_tried_again_with_a_higher_fence(records: Records) -> None:
    world = World()

    def refuse(fence: int) -> Mapping[str, Json]:
        world.change(fence)
        raise StaleFence("too late, password=hunter2")

    with pytest.raises(StaleFence):
        records.journal.once(KEY, SUBJECT, INTENT, refuse)
    [open_operation] = records.journal.unfinished()
    records.journal.once(KEY, SUBJECT, INTENT, world.change)

    assert (open_operation.key, open_operation.attempts, open_operation.is_held) == (KEY, 1, False)
    assert open_operation.error == "StaleFence: too late, password=[redacted]"
    assert world.fences[0] < world.fences[1]
    assert events(records) == ["meant", "failed", "tried again", "confirmed"]


def test_an_interrupted_operation_is_given_up_too(records: Records) -> None:
    def interrupted(_: int) -> Mapping[str, Json]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        records.journal.once(KEY, SUBJECT, INTENT, interrupted)

    assert [operation.is_held for operation in records.journal.unfinished()] == [False]


def test_a_result_that_cannot_be_kept_is_a_failure_and_not_a_hang(records: Records) -> None:
    with pytest.raises(RecordError):
        records.journal.once(KEY, SUBJECT, INTENT, lambda _: {"score": float("nan")})

    assert records.journal.result(KEY) is None
    assert records.journal.once(KEY, SUBJECT, INTENT, lambda _: {"score": 1.0}) == {"score": 1.0}


def test_the_same_key_with_another_intent_is_an_error_that_shows_both(records: Records) -> None:
    records.journal.once(KEY, SUBJECT, {"to": "v002"}, World().change)

    with pytest.raises(RecordError) as caught:
        records.journal.once(KEY, SUBJECT, {"to": "v003"}, World().change)
    assert "v002" in str(caught.value)
    assert "v003" in str(caught.value)


def test_the_first_caller_gets_the_redacted_result_that_later_callers_get(records: Records) -> None:
    first = records.journal.once(KEY, SUBJECT, INTENT, lambda _: {"token": "hunter2", "pair": (1, 2)})

    assert first == records.journal.result(KEY) == {"token": "[redacted]", "pair": [1, 2]}


def test_invariant_3_threads_that_call_at_once_act_once(records: Records) -> None:
    world, start, results = World(), Barrier(4), list[Mapping[str, Json]]()

    def call() -> None:
        start.wait()
        results.append(records.journal.once(KEY, SUBJECT, INTENT, world.change))

    threads = [Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(world.fences) == 1
    assert results == [{"changed_with": world.fences[0]}] * 4


def test_what_was_meant_and_not_confirmed_is_listed_oldest_first(records: Records) -> None:
    def fail(_: int) -> Mapping[str, Json]:
        raise ValueError("no")

    for n, run in enumerate(["run-2", "run-1", "run-1"]):
        with pytest.raises(ValueError):
            records.journal.once(f"{run}/{n}", Subject(run=run), {"n": n}, fail)

    assert [operation.key for operation in records.journal.unfinished()] == ["run-2/0", "run-1/1", "run-1/2"]
    assert [operation.intent for operation in records.journal.unfinished("run-1")] == [{"n": 1}, {"n": 2}]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


HERE = Owner.current()
FAR_AWAY = Owner("another-host", 4711, "1")
DEAD = Owner(HERE.host, HERE.pid, "started before this one")


def claims_of(records: Records, owner: Owner, clock: Clock) -> Claims:
    return Claims(records.database, clock, lambda: owner)


def test_the_claim_of_a_dead_process_on_this_host_is_taken_over_at_once(records: Records) -> None:
    dead, here = (claims_of(records, owner, Clock()) for owner in (DEAD, HERE))
    first = dead.claim(KEY, SUBJECT, INTENT)
    second = here.claim(KEY, SUBJECT, INTENT)

    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    assert second.fence > first.fence
    assert not dead.confirm(first, {"by": "the dead"})
    assert not dead.give_up(first, ValueError())
    assert here.confirm(second, {"by": "the living"})
    assert dead.claim(KEY, SUBJECT, INTENT) == Done({"by": "the living"})
    assert events(records) == ["meant", "taken over", "confirmed"]


def test_the_claim_of_another_host_is_taken_over_only_when_it_is_not_renewed(records: Records) -> None:
    clock = Clock()
    far, here = (claims_of(records, owner, clock) for owner in (FAR_AWAY, HERE))
    claim = far.claim(KEY, SUBJECT, INTENT)
    assert isinstance(claim, Claim)

    clock.now += timedelta(seconds=STALE_S)
    assert here.claim(KEY, SUBJECT, INTENT) == Held(FAR_AWAY)
    assert far.renew(claim)
    clock.now += timedelta(seconds=STALE_S)
    assert here.claim(KEY, SUBJECT, INTENT) == Held(FAR_AWAY)
    clock.now += timedelta(seconds=1)
    assert isinstance(here.claim(KEY, SUBJECT, INTENT), Claim)
    assert not far.renew(claim)


def test_a_caller_waits_for_a_living_one_only_so_long(records: Records) -> None:
    claims_of(records, FAR_AWAY, Clock()).claim(KEY, SUBJECT, INTENT)
    journal = Journal(claims_of(records, HERE, Clock()), Patience(wait_s=0.2, poll_s=0.01))

    with pytest.raises(RecordError, match="process 4711 on another-host has been at it"):
        journal.once(KEY, SUBJECT, INTENT, World().change)


def test_a_long_act_keeps_its_claim_fresh(url: str) -> None:
    clock = Clock()
    with closing(Records.open(url)) as records, closing(Database(url)) as watching:
        far = Journal(Claims(records.database, clock, lambda: FAR_AWAY), Patience(renew_s=0.01))
        here = Claims(watching, clock, lambda: HERE)

        def act(_: int) -> Mapping[str, Json]:
            for _ in range(3):
                clock.now += timedelta(seconds=STALE_S * 0.9)
                _wait_until_renewed(watching, clock.now)
                assert here.claim(KEY, SUBJECT, INTENT) == Held(FAR_AWAY)
            return {}

        assert far.once(KEY, SUBJECT, INTENT, act) == {}


def _wait_until_renewed(database: Database, at: datetime) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while datetime.now(UTC) < deadline:
        with database.read() as connection:
            if connection.execute(select(OPERATIONS.c.renewed_at)).scalar_one() == at.timestamp():
                return
    pytest.fail("the claim was not renewed")


def test_an_abandoned_operation_can_be_neither_done_nor_confirmed_any_more(records: Records) -> None:
    dead, here = (claims_of(records, owner, Clock()) for owner in (DEAD, HERE))
    claim = dead.claim(KEY, SUBJECT, INTENT)
    assert isinstance(claim, Claim)

    assert here.abandon(KEY, "the run was rolled back")

    assert here.unfinished(None) == []
    assert not dead.confirm(claim, {})
    with pytest.raises(RecordError, match=r"was abandoned.*rolled back"):
        here.claim(KEY, SUBJECT, INTENT)
    assert events(records) == ["meant", "abandoned"]


def test_only_an_open_operation_that_nobody_holds_can_be_abandoned(records: Records) -> None:
    here = claims_of(records, HERE, Clock())
    assert not here.abandon(KEY, "never meant")
    claim = here.claim(KEY, SUBJECT, INTENT)
    assert isinstance(claim, Claim)
    assert not here.abandon(KEY, "someone is at it")
    here.confirm(claim, {})
    assert not here.abandon(KEY, "it is done")
