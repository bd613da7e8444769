"""`gennaker status` as a person reads it."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gennaker.cli.status import status
from operators.records import Records, Subject
from operators.runs import Conclusion, Run, RunVerdict


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """The records that the command opens."""
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("GENNAKER_RECORDS_URL", raising=False)
    return Records.open()


def shown(*words: str) -> str:
    app = typer.Typer()
    app.command()(status)
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0
    return result.output


def a_run(records: Records, run_id: str, pipeline: str) -> Run:
    run = Run(records, Subject(run=f"{pipeline}/{run_id}", pipeline=pipeline, service=pipeline))
    run.open({"definition": "d", "run_type": "manual"})
    return run


def test_before_the_first_run_it_says_that_there_is_nothing_yet(records: Records) -> None:
    assert shown().splitlines() == ["Traffic: nothing yet", "Being changed: nothing yet", "Newest runs: nothing yet"]


def test_it_says_how_the_newest_runs_ended_and_what_is_being_changed(records: Records) -> None:
    a_run(records, "1", "playback").close(Conclusion(RunVerdict.ROLLED_BACK, "[bold] error_rate is worse"))
    records.leases.take("ratings/test/us-east-1", a_run(records, "2", "ratings").subject.run)
    lines = [line.strip() for line in shown().splitlines()]
    assert lines[0] == "Traffic: nothing yet"
    (lease,) = [line.split() for line in lines if line.startswith("ratings/test")]
    assert lease == ["ratings/test/us-east-1", "ratings/2"]
    (ended,) = [line for line in lines if line.startswith("playback/1")]
    assert "rolled back" in ended
    assert "[bold] error_rate is worse" in ended


def test_it_shows_one_pipeline_and_as_many_runs_as_asked(records: Records) -> None:
    for run_id in ("1", "2", "3"):
        a_run(records, run_id, "playback")
        a_run(records, run_id, "ratings")
    text = shown("playback", "--runs", "2")
    assert [line.split()[0] for line in text.splitlines() if "/" in line] == ["playback/3", "playback/2"]
