"""`gennaker incident` and `gennaker unlabelled`."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gennaker.cli import app
from operators.errors import RecordError
from operators.learning.incidents import Incidents
from operators.records import Kind, Records, Subject

TIMES = ("--from", "2026-03-01T12:00", "--until", "2026-03-01T15:00+01:00")


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/records.db")
    with closing(Records.open()) as opened:
        subject = Subject(run="shop/manual__1", pipeline="shop", service="cart")
        opened.append(Kind.RUN, subject, {"state": "opened"})
        yield opened


def gennaker(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_an_incident_is_kept_once_with_who_when_and_why(records: Records) -> None:
    for _ in range(2):
        said = gennaker("incident", "cart", *TIMES, "--why", "carts were lost", "--by", "ada")
        assert said.output.startswith("incident of cart written down by ada")
    (kept,) = Incidents(records).all()
    assert (kept.service, kept.who, kept.why, kept.run) == ("cart", "ada", "carts were lost", "")
    assert (kept.end - kept.begin).total_seconds() == 2 * 3600


def test_an_incident_may_name_a_run(records: Records) -> None:
    assert gennaker("incident", "cart", *TIMES, "--why", "x", "--run", "shop/manual__1").exit_code == 0
    assert Incidents(records).all()[0].run == "shop/manual__1"


def test_an_unknown_service_or_run_is_refused_by_name(records: Records) -> None:
    error = gennaker("incident", "card", *TIMES, "--why", "x").exception
    assert isinstance(error, RecordError)
    assert "near: cart" in str(error)
    error = gennaker("incident", "cart", *TIMES, "--why", "x", "--run", "till/1").exception
    assert isinstance(error, RecordError)
    assert records.search(kind=Kind.INCIDENT) == []


@pytest.mark.parametrize(
    "words",
    [
        (*TIMES, "--why", " "),
        ("--from", "2026-03-01T12:00", "--until", "2026-03-01T11:00", "--why", "x"),
        ("--from", "noon", "--until", "2026-03-01T11:00", "--why", "x"),
    ],
)
def test_what_is_no_incident_is_refused_and_nothing_is_kept(records: Records, words: tuple[str, ...]) -> None:
    assert gennaker("incident", "cart", *words).exit_code == 2
    assert records.search(kind=Kind.INCIDENT) == []


def test_judged_runs_without_a_label_are_listed(records: Records) -> None:
    assert gennaker("unlabelled").output == "every judged run has a label\n"
    records.append(Kind.DECISION, Subject("shop/manual__1", "shop", "cart", "production", "r", "ramp"), {"looks": 1})
    assert "cart  shop/manual__1" in gennaker("unlabelled").output
