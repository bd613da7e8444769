"""The chain: what is appended stays, and whatever happens to it afterwards is found."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from operators.errors import RecordError
from operators.records import Kind, Records, Subject

PLAYBACK = Subject(run="run-1", service="playback", environment="production", region="eu-central-1", stage="deploy")
LENGTH = 5


def test_a_record_comes_back_as_it_was_appended(records: Records) -> None:
    appended = records.append(Kind.DECISION, PLAYBACK, {"verdict": "PASS", "interval": [0.25, 1e-300], "none": None})

    assert records.search() == [appended]
    assert appended.seq == 1
    assert appended.body == {"verdict": "PASS", "interval": [0.25, 1e-300], "none": None}
    assert appended.at.utcoffset() == timedelta(0)


def test_records_are_found_by_what_they_are_about(records: Records) -> None:
    records.append(Kind.IMAGE, Subject(run="run-1", service="playback"), {})
    records.append(Kind.DEPLOYMENT, PLAYBACK, {"n": 2})
    records.append(Kind.DEPLOYMENT, Subject(run="run-2", service="search", region="us-east-1"), {"n": 3})

    assert [r.seq for r in records.search(kind=Kind.DEPLOYMENT)] == [2, 3]
    assert [r.seq for r in records.search(run="run-1")] == [1, 2]
    assert [r.seq for r in records.search(service="playback", stage="deploy", environment="production")] == [2]
    assert [r.seq for r in records.search(region="us-east-1")] == [3]
    assert [r.seq for r in records.search(newest_first=True, limit=2)] == [3, 2]


def test_an_empty_chain_and_a_grown_one_are_whole(records: Records) -> None:
    empty = records.verify()
    for n in range(LENGTH):
        records.append(Kind.RUN, PLAYBACK, {"n": n})
    grown = records.verify()

    assert (empty.ok, empty.count) == (True, 0)
    assert (grown.ok, grown.count, grown.broken, grown.why) == (True, LENGTH, None, "")


@pytest.mark.parametrize("statement", ["UPDATE records SET body = '{}'", "DELETE FROM records", "DELETE FROM looks"])
def test_the_database_itself_refuses_to_change_what_is_append_only(records: Records, statement: str) -> None:
    records.append(Kind.RUN, PLAYBACK, {})
    records.looks.add("judgment-1", 1, {})

    with pytest.raises(RecordError, match="append-only"), records.database.write() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1: "a number as key"}, {"a", "set"}])
def test_what_json_cannot_say_is_refused_and_leaves_nothing_behind(records: Records, value: object) -> None:
    with pytest.raises(RecordError):
        records.append(Kind.RUN, PLAYBACK, {"value": value})  # type: ignore[dict-item]  # that is the point

    assert records.search() == []


def test_secrets_never_reach_the_database(records: Records) -> None:
    body = {"env": {"DB_PASSWORD": "hunter2"}, "url": "https://bob:hunter2@example.org/x", "log": "token=hunter2"}
    records.append(Kind.TEST, PLAYBACK, body)

    with records.database.read() as connection:
        stored = connection.execute(text("SELECT body FROM records")).scalar_one()
    assert "hunter2" not in stored
    assert json.loads(stored)["url"].endswith("example.org/x")


def test_a_time_is_kept_in_utc_and_must_have_a_zone(url: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=9)))
    with closing(Records.open(url)) as opened:
        local = Records(opened.database, clock=lambda: at).append(Kind.RUN, PLAYBACK, {})
        [stored] = opened.search()
        naive = Records(opened.database, clock=lambda: at.replace(tzinfo=None))
        with pytest.raises(RecordError, match="zone"):
            naive.append(Kind.RUN, PLAYBACK, {})

    assert local == stored
    assert stored.at == at
    assert stored.at.tzinfo == UTC


def test_processes_that_open_and_append_at_once_make_one_whole_chain(url: str) -> None:
    program = (
        "import sys; from operators.records import *\n"
        "sys.stdin.readline(); records = Records.open(sys.argv[1])\n"
        "for n in range(20): records.append(Kind.RUN, Subject(run=sys.argv[2]), {'n': n})\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, url, f"run-{n}"], stdin=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    for process in processes:  # all are started before the first may go
        _let_go(process)
    codes = [process.wait(60) for process in processes]

    with closing(Records.open(url)) as records:
        assert codes == [0] * 4
        assert (records.verify().ok, records.verify().count) == (True, 80)
        assert [r.body["n"] for r in records.search(run="run-2")] == list(range(20))


def _let_go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.close()


def test_parent_and_child_both_go_on_after_a_fork(records: Records) -> None:
    records.append(Kind.RUN, PLAYBACK, {})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            records.append(Kind.RUN, PLAYBACK, {})
            records.close()
            code = 0
        finally:
            os._exit(code)
    records.append(Kind.RUN, PLAYBACK, {})

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (records.verify().ok, records.verify().count) == (True, 3)


def test_an_unusable_database_is_one_clear_error_without_its_password() -> None:
    with pytest.raises(RecordError) as caught:
        Records.open("mysql://bob:hunter2@localhost/records")
    assert "expected a URL of sqlite or postgresql, found mysql" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_broken_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_text("this is not a database" * 100)
    with pytest.raises(RecordError, match="not a database"):
        Records.open(f"sqlite:///{tmp_path / 'records.db'}")


@pytest.fixture(scope="module")
def written() -> Iterator[Path]:
    """A chain of LENGTH records, to be copied and tampered with."""
    folder = Path(tempfile.mkdtemp())
    with closing(Records.open(f"sqlite:///{folder / 'records.db'}")) as records:
        for n in range(LENGTH):
            records.append(Kind.RUN, PLAYBACK, {"n": n})
    yield folder / "records.db"
    shutil.rmtree(folder)


def verification_after(written: Path, *statements: tuple[str, tuple[object, ...]]) -> tuple[bool, int | None, str]:
    """What verify says after someone with the database's password did this."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(written, folder)
        with closing(sqlite3.connect(copy)) as connection, connection:
            connection.execute("DROP TRIGGER records_no_update")
            connection.execute("DROP TRIGGER records_no_delete")
            for statement, values in statements:
                connection.execute(statement, values)
        with closing(Records.open(f"sqlite:///{copy}")) as records:
            found = records.verify()
    return found.ok, found.broken, found.why


COLUMNS = ("at", "kind", "run", "pipeline", "service", "environment", "region", "stage", "body", "previous", "digest")
VALUES = (
    st.text(st.characters(exclude_categories=["Cs"])) | st.binary() | st.sampled_from(["{}", '{"n": 1}', "RUN", " "])
)


@given(seq=st.integers(1, LENGTH), column=st.sampled_from(COLUMNS), value=VALUES)
def test_any_change_of_any_record_is_found(written: Path, seq: int, column: str, value: object) -> None:
    with closing(sqlite3.connect(written)) as connection:
        [(before,)] = connection.execute(f"SELECT {column} FROM records WHERE seq = ?", (seq,))
    change = (f"UPDATE records SET {column} = ? WHERE seq = ?", (value, seq))

    ok, broken, why = verification_after(written, change)

    assert (ok, broken) == ((True, None) if value == before else (False, seq)), why


@given(seq=st.integers(1, LENGTH))
def test_any_removal_is_found(written: Path, seq: int) -> None:
    ok, broken, why = verification_after(written, ("DELETE FROM records WHERE seq = ?", (seq,)))

    assert (ok, broken) == (False, seq)
    assert why.startswith("cut off" if seq == LENGTH else "removed")


@given(st.lists(st.integers(1, LENGTH), min_size=2, max_size=2, unique=True))
def test_any_two_records_swapped_are_found(written: Path, pair: list[int]) -> None:
    one, other = sorted(pair)
    move = "UPDATE records SET seq = ? WHERE seq = ?"

    ok, broken, why = verification_after(written, (move, (0, one)), (move, (one, other)), (move, (other, 0)))

    assert (ok, broken) == (False, one)
    assert why.startswith("reordered")


def test_a_cut_tail_and_a_rewritten_head_are_found(written: Path) -> None:
    cut = ("DELETE FROM records WHERE seq > 3", ())
    assert verification_after(written, cut)[:2] == (False, 4)
    assert verification_after(written, cut, ("UPDATE head SET seq = 3", ()))[:2] == (False, 3)
    assert verification_after(written, ("UPDATE head SET seq = 3", ()))[:2] == (False, 4)
    assert verification_after(written, ("DELETE FROM head", ()))[0] is False
    assert verification_after(written, ("UPDATE head SET digest = 'x'", ()))[0] is False
