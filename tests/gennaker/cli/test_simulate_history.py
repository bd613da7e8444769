"""`gennaker simulate-history` and `gennaker retune` on what it wrote."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gennaker.cli import app
from operators.records import Kind, Records, Subject
from tests.gennaker.builders import ROOT

DAGS = ["--dags", str(ROOT / "dags")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    for name in ("GENNAKER_RECORDS_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, *DAGS])
    return result.exit_code, result.output


def simulate(*arguments: str) -> tuple[int, str]:
    return run("simulate-history", "--services", "3", "--days", "4", "--until", "2026-03-05", *arguments)


def test_it_says_what_it_wrote_and_the_second_time_that_nothing_is_new() -> None:
    code, output = simulate()
    assert code == 0, output
    count = output.split()[0]
    assert f"{count} simulated releases of 3 services over 4 days, {count} of them new" in output
    assert "0 of them new" in simulate()[1]


def test_real_releases_are_not_mixed_with_simulated_ones_unasked() -> None:
    records = Records.open()
    records.append(Kind.RUN, Subject(run="cart/manual__1", service="cart"), {"state": "opened"})
    code, output = simulate()
    assert code == 2
    assert "--among-real" in output
    assert records.search(kind=Kind.LABEL) == []
    assert simulate("--among-real")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--services", "0"], "greater than or equal to 1"),
        (["--days", "-1"], "greater than or equal to 1"),
        (["--until", "soon"], "2026-03-01"),
        (["--profile", "nobody"], "there is no profile"),
    ],
)
def test_a_wrong_argument_is_one_clear_error_and_writes_nothing(arguments: list[str], what: str) -> None:
    code, output = run("simulate-history", *arguments)
    assert code == 2
    assert what in " ".join(output.replace("│", " ").split())
    assert Records.open().search() == []


def test_a_retuning_of_too_few_canaries_says_how_many_are_needed_and_keeps_what_it_rests_on(tmp_path: Path) -> None:
    simulate()
    code, output = run("retune", "standard", "--keep", str(tmp_path / "kept"), "--json")
    assert code == 4, output
    told = json.loads(output[output.index("{") :])
    assert told["challenger"] is None
    assert "50 are needed" in told["why"]
    assert (tmp_path / "kept" / "history" / "canaries.parquet").is_file()


def test_a_profile_that_is_not_there_is_one_clear_error() -> None:
    code, output = run("retune", "nobody")
    assert code == 2
    assert "there is no profile 'nobody'" in " ".join(output.replace("│", " ").split())
