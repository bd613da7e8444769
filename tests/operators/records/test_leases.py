"""Leases and looks. Invariant 8: one change at a time per service, environment and region."""

from datetime import UTC, datetime

import pytest

from operators.errors import LeaseHeld
from operators.records import Kind, Records, Subject
from operators.records.leases import Leases

CLUSTER = "playback/production/eu-central-1"


def test_invariant_8_a_second_run_is_refused_by_the_name_of_the_first(records: Records) -> None:
    leases = Leases(records.database, lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
    leases.take(CLUSTER, "run-1")

    with pytest.raises(LeaseHeld, match=r"run-1 has it since 2026-03-01T12:00:00\+00:00"):
        leases.take(CLUSTER, "run-2")
    leases.take("playback/production/us-east-1", "run-2")


def test_taking_a_lease_again_for_the_same_run_changes_nothing(records: Records) -> None:
    records.leases.take(CLUSTER, "run-1")
    before = records.leases.all()
    records.leases.take(CLUSTER, "run-1")

    assert records.leases.all() == before
    assert len(records.search(kind=Kind.LEASE)) == 1


def test_only_the_run_that_has_a_lease_can_release_it(records: Records) -> None:
    records.leases.take(CLUSTER, "run-1")
    records.leases.release(CLUSTER, "run-2")
    assert records.leases.holder(CLUSTER) == "run-1"

    records.leases.release(CLUSTER, "run-1")
    records.leases.release(CLUSTER, "run-1")
    assert records.leases.holder(CLUSTER) is None
    records.leases.take(CLUSTER, "run-2")


def test_leases_are_listed_by_run_and_recorded(records: Records) -> None:
    for cluster in (CLUSTER, "search/test/local"):
        records.leases.take(cluster, "run-1")
    records.leases.take("search/test/other", "run-2")
    records.leases.release(CLUSTER, "run-1")

    assert records.leases.of_run("run-1") == ["search/test/local"]
    assert [lease.cluster for lease in records.leases.all()] == ["search/test/local", "search/test/other"]
    assert [record.body["event"] for record in records.search(service="playback")] == ["taken", "released"]
    assert records.search(limit=1)[0].subject == Subject(
        run="run-1", service="playback", environment="production", region="eu-central-1"
    )


def test_a_look_is_kept_once_by_its_number_and_read_in_order(records: Records) -> None:
    assert records.looks.add("judgment-1", 2, {"requests": 20, "edges_ms": (0.5, 1.5)})
    assert records.looks.add("judgment-1", 1, {"requests": 10})
    assert not records.looks.add("judgment-1", 2, {"requests": 99})
    assert records.looks.add("judgment-2", 2, {"requests": 5})

    assert records.looks.of("judgment-1") == [{"requests": 10}, {"requests": 20, "edges_ms": [0.5, 1.5]}]
    assert records.looks.of("judgment-3") == []
