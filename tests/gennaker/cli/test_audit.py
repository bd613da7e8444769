"""`gennaker audit`, as the auditor sees it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gennaker.cli.audit import app
from operators.errors import RecordError
from operators.records import Kind, Records, Subject


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three records of two runs."""
    path = tmp_path / "records.db"
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{path}")
    with closing(Records.open()) as records:
        records.append(Kind.RUN, Subject(run="run-1", service="playback"), {"event": "begun"})
        records.append(Kind.DECISION, Subject(run="run-1", region="eu-central-1"), {"verdict": "FAIL"})
        records.append(Kind.RUN, Subject(run="run-2"), {"event": "begun"})
    return path


def audit(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_an_intact_chain_is_counted(database: Path) -> None:
    result = audit("verify")

    assert (result.exit_code, result.output) == (0, "3 records, chain intact\n")


def test_a_broken_chain_exits_1_and_names_the_first_broken_record(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("""UPDATE records SET body = '{"verdict":"PASS"}' WHERE seq = 2""")

    result = audit("verify")

    assert result.exit_code == 1
    assert result.output == "the chain is broken at record 2: changed: its digest does not fit its content\n"


def test_records_are_shown_a_line_each_by_run_and_kind(database: Path) -> None:
    assert len(audit("show").output.splitlines()) == 3
    [line] = audit("show", "--run", "run-1", "--kind", "DECISION").output.splitlines()
    assert line.endswith('  decision    run-1/eu-central-1  {"verdict": "FAIL"}')


def test_records_are_shown_as_json_with_all_that_the_chain_holds(database: Path) -> None:
    shown = [json.loads(line) for line in audit("show", "--json").output.splitlines()]

    assert [record["seq"] for record in shown] == [1, 2, 3]
    assert shown[1]["previous"] == shown[0]["digest"]
    assert shown[1]["subject"]["region"] == "eu-central-1"


def test_an_unknown_kind_is_an_error_that_lists_the_known_ones(database: Path) -> None:
    result = audit("show", "--kind", "decisions")

    assert isinstance(result.exception, RecordError)
    assert "'decisions'. To mend: use one of run, operation" in str(result.exception)
