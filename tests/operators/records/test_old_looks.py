"""Old looks go whole or not at all, and the table refuses every other loss."""

from datetime import UTC, datetime, timedelta

import pytest

from operators.errors import RecordError
from operators.records import Records
from operators.records.old_looks import delete_looks, looks_before
from operators.records.tables import LOOKS

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def keep(records: Records, judgment: str, *ages_d: float) -> None:
    for number, age_d in enumerate(ages_d):
        assert records.looks.add(judgment, number, {"at": (NOON - timedelta(days=age_d)).isoformat()})


def test_a_judgment_is_as_old_as_its_last_look(records: Records) -> None:
    keep(records, "new", 9, 8, 1)
    keep(records, "older", 9, 8)
    keep(records, "old", 7)
    found = looks_before(records.database, NOON - timedelta(days=2))
    assert [(kept.judgment, (NOON - kept.at).days) for kept in found] == [("older", 8), ("old", 7)]
    assert found[0].bytes > found[1].bytes > 0


def test_looks_go_and_no_other_row_can(records: Records) -> None:
    keep(records, "old", 9, 8)
    keep(records, "new", 1)
    for _ in range(2):
        delete_looks(records.database, ["old", "unknown"])
    assert (records.looks.has("old"), records.looks.has("new")) == (False, True)
    for statement in (LOOKS.delete(), LOOKS.update().values(payload="{}")):
        with pytest.raises(RecordError, match="append-only"), records.database.write() as connection:
            connection.execute(statement)
    assert records.looks.has("new")
