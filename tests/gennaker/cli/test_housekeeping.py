"""`gennaker housekeeping`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gennaker.cli import app
from operators.records import Kind, Records


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.setenv("GENNAKER_DAGS", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with closing(Records.open()) as opened:
        opened.looks.add("old", 0, {"at": "2020-01-01T00:00:00+00:00"})
        yield opened


def test_a_dry_run_says_what_would_go_and_the_next_run_removes_it(records: Records) -> None:
    dry = CliRunner().invoke(app, ["housekeeping", "--dry-run"])
    assert dry.exit_code == 0
    assert dry.output.splitlines()[0].split() == ["looks", "2020-01-01", "0.00", "MB", "old"]
    assert dry.output.splitlines()[-1] == "1 things, 0.00 MB, would go"
    assert records.looks.has("old")
    assert "1 things, 0.00 MB, are gone" in CliRunner().invoke(app, ["housekeeping"]).output
    assert not records.looks.has("old")
    assert len(records.search(kind=Kind.PRUNED)) == 1


def test_a_store_that_cannot_be_looked_through_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with closing(Records.open()) as records, records.database.write() as connection:
        row = {"judgment": "j", "experiment_id": "1", "run_id": "r", "artifact_uri": "", "claim": ""}
        from operators.records.tables import TRACKED

        connection.execute(TRACKED.insert().values(**row, claimed_until=0.0))
    done = CliRunner().invoke(app, ["housekeeping"])
    assert done.exit_code == 1
    assert "not looked through: mlflow_runs: " in done.output
