"""A simulated history is written as real ones are, marked, once, and reads back with its truth."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.config import CanaryConfig
from canary.learning.parquet_history import ParquetHistory
from canary.learning.recorded import Truth
from canary.learning.world import World
from operators.learning.history import RecordsHistory, export_history
from operators.learning.release_facts import past_releases
from operators.learning.simulated import has_real_releases, simulate_history
from operators.records import Kind, Records, Subject

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
CONFIG = CanaryConfig(profile="standard", interval=timedelta(minutes=1))


def a_world(days: int = 6) -> World:
    return World(services=4, days=days, seed=5, begin=BEGIN)


def told(records: Records) -> list[tuple[object, ...]]:
    """What the records say, whatever its place in the chain."""
    return sorted(
        (r.at.isoformat(), r.kind.value, r.subject.run, r.subject.stage, json.dumps(dict(r.body), sort_keys=True))
        for r in records.search()
        if r.kind is not Kind.OPERATION and not (r.kind is Kind.RUN and r.body["state"] == "opened")
    )


def test_every_record_is_marked_and_every_release_has_its_truth(records: Records) -> None:
    done = simulate_history(records, a_world(), CONFIG)

    assert done.releases == done.written == len(a_world().releases())
    assert all(r.body["simulated"] is True and "/simulated__" in r.subject.run for r in records.search())
    assert not has_real_releases(records)
    history = {each.id: each for each in RecordsHistory(records).canaries()}
    assert len(history) == done.releases
    truths = {each.run: each.truth for each in history.values()}
    assert truths == {release.run: release.truth for release in a_world().releases()}
    assert {(each.truth_source, each.is_simulated, each.version) for each in history.values()} == {
        ("rehearsal", True, 0)
    }
    assert records.verify().ok


def test_what_a_canary_saw_and_how_it_ended_read_back(records: Records) -> None:
    simulate_history(records, a_world(), CONFIG)

    for record in records.search(kind=Kind.DECISION):
        looks = records.looks.of(str(record.body["judgment_id"]))
        assert len(looks) == record.body["looks"]
    batches = list(RecordsHistory(records, profile="standard").batches(5))
    assert max(len(batch.canaries) for batch in batches) <= 5
    assert list(RecordsHistory(records, profile="other").batches()) == []
    assert RecordsHistory(records, since=BEGIN + timedelta(days=400)).canaries() == []


#: Simulates until so many more records are written, and dies.
DIES = """
import os, sys
from datetime import UTC, datetime, timedelta
from canary.config import CanaryConfig
from canary.learning.world import World
from operators.learning.simulated import simulate_history
from operators.records import Records, chain

real, left = chain.append, [int(sys.argv[1])]

def append(*given):
    if left[0] == 0:
        os._exit(9)
    left[0] -= 1
    return real(*given)

chain.append = append
world = World(services=4, days=2, seed=5, begin=datetime(2026, 3, 2, tzinfo=UTC))
simulate_history(Records.open(), world, CanaryConfig(profile="standard", interval=timedelta(minutes=1)))
"""


def test_killed_anywhere_and_begun_again_it_ends_with_the_same_records(home: Path, tmp_path: Path) -> None:
    other = Records.open(f"sqlite:///{tmp_path / 'whole.db'}")
    simulate_history(other, a_world(2), CONFIG)
    for survived in (9, 14, 3, 22, 17):
        subprocess.run([sys.executable, "-c", DIES, str(survived)], check=False)

    simulate_history(Records.open(), a_world(2), CONFIG)

    assert told(Records.open()) == told(other)


def test_again_writes_nothing(records: Records) -> None:
    simulate_history(records, a_world(3), CONFIG)
    before = records.verify().count

    assert simulate_history(records, a_world(3), CONFIG).written == 0
    assert records.verify().count == before


def test_service_history_and_bad_releases_noticed_later_can_be_read(records: Records) -> None:
    world = World(services=6, days=20, seed=7, begin=BEGIN)
    simulate_history(records, world, CONFIG)

    found = [each for each_service in past_releases(records).values() for each in each_service]
    assert len(found) == len(world.releases())
    changes = {each.run: each.change for each in found}
    assert changes == {each.run: each.facts.change for each in world.releases()}
    bad = {each.run for each in world.releases() if each.truth is Truth.BAD}
    promoted = {r.subject.run for r in records.search(kind=Kind.DEPLOYMENT) if r.body["state"] == "promoted"}
    back = {r.subject.run for r in records.search(kind=Kind.DEPLOYMENT) if r.body["state"] == "rolled back"}
    assert bad & promoted <= back


def test_an_exported_history_is_the_recorded_one(records: Records, tmp_path: Path) -> None:
    simulate_history(records, a_world(), CONFIG)

    count = export_history(records, tmp_path / "history", profile="standard")

    read = ParquetHistory(tmp_path / "history").canaries()
    assert count == len(read)
    assert read == RecordsHistory(records).canaries()


def test_decisions_that_cannot_be_read_are_left_out_with_a_warning(
    records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    simulate_history(records, a_world(2), CONFIG)
    count = len(RecordsHistory(records).canaries())
    (one, *_) = records.search(kind=Kind.DECISION)
    hostile = [{}, {"judgment_id": 7}, {**one.body, "judgment": []}, {**one.body, "config": {"alpha": 9}}]
    for number, body in enumerate(hostile):
        name = f"hostile-{number}"
        records.looks.add_all(name, records.looks.of(str(one.body["judgment_id"])))
        records.append(Kind.DECISION, Subject(run=f"api/{number}"), {**body, **({"judgment_id": name} if body else {})})

    assert len(RecordsHistory(records).canaries()) == count
    assert sum("decision_left_out" in message for message in caplog.messages) == len(hostile)


def test_decisions_whose_looks_are_gone_are_left_out(records: Records) -> None:
    simulate_history(records, a_world(2), CONFIG)
    (one, *_) = records.search(kind=Kind.DECISION)
    records.append(Kind.DECISION, one.subject, {**one.body, "judgment_id": "pruned"})

    assert "pruned" not in [each.id for each in RecordsHistory(records).canaries()]
