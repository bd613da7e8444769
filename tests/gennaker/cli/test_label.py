"""`gennaker label`: a person's word, kept as a record."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from canary.learning.recorded import Truth
from gennaker.cli import app
from operators.errors import RecordError
from operators.learning.labels import Labels, Source
from operators.records import Kind, Records, Subject

RUNS = ("shop/manual__1", "shop/manual__2", "till/manual__1")


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/records.db")
    with closing(Records.open()) as opened:
        for run in RUNS:
            opened.append(Kind.RUN, Subject(run=run, pipeline=run.split("/")[0], service="cart"), {})
        yield opened


def label(*words: str) -> Result:
    return CliRunner().invoke(app, ["label", *words])


def test_a_label_is_kept_with_who_and_why(records: Records) -> None:
    said = label("shop/manual__1", "bad", "--why", "carts were lost", "--by", "ada")
    assert said.exit_code == 0
    assert said.output.startswith("shop/manual__1 is labelled bad by ada")
    (kept,) = Labels(records).of("shop/manual__1")
    assert (kept.truth, kept.source, kept.who, kept.why) == (Truth.BAD, Source.PERSON, "ada", "carts were lost")


def test_a_part_that_only_one_run_has_names_it(records: Records) -> None:
    assert label("till", "good", "--why", "nothing happened").exit_code == 0
    assert [kept.truth for kept in Labels(records).of("till/manual__1")] == [Truth.GOOD]


def test_the_same_label_again_changes_nothing(records: Records) -> None:
    for _ in range(2):
        assert label("till", "good", "--why", "fine", "--by", "ada").exit_code == 0
    assert len(records.search(kind=Kind.LABEL)) == 1


def test_a_part_of_several_names_is_refused_with_them() -> None:
    error = label("manual__1", "good", "--why", "fine").exception
    assert isinstance(error, RecordError)
    assert "shop/manual__1, till/manual__1" in str(error)


def test_an_unknown_run_is_refused_with_its_neighbours() -> None:
    error = label("shop/manual__7", "good", "--why", "fine").exception
    assert isinstance(error, RecordError)
    assert "shop/manual__1" in str(error)


@pytest.mark.parametrize(
    "words",
    [
        ("till", "fine", "--why", "x"),
        ("till", "good", "--why", " "),
        ("till", "good", "--why", "x", "--judgment", "no"),
    ],
)
def test_what_is_no_label_is_refused_and_nothing_is_kept(records: Records, words: tuple[str, ...]) -> None:
    assert label(*words).exit_code == 2
    assert records.search(kind=Kind.LABEL) == []
