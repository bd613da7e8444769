"""`gennaker canary power` and `aa`: what a canary can see, and how often it is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from canary import CanaryError
from canary.power import Power
from canary.simulation import Traffic
from gennaker.cli.canary import app
from gennaker.cli.canary.traffic import TRAFFIC

PROFILE = """
profile: brief
interval: 15s
min_duration: 1m
duration: 3m
metrics:
  - {name: error_rate, margin: 3, negligible: 0.001}
"""


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder with one threshold profile."""
    (tmp_path / "canaries").mkdir()
    (tmp_path / "canaries/brief.yaml").write_text(PROFILE, encoding="utf-8")
    return tmp_path


def canary(dags: Path, *words: object, stdin: str | None = None) -> Result:
    command, *rest = map(str, words)
    return CliRunner().invoke(app, [command, "--dags", str(dags), *rest], input=stdin)


def test_power_tells_a_person_chances_and_minutes(dags: Path) -> None:
    result = canary(dags, "power", "--profile", "brief", "--trials", 20, "--harm", 3)
    assert result.exit_code == 0
    assert "3m of profile brief, by 20 simulated canaries each:" in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:3] for line in lines[2:]] == [
        ["no", "worse", "PASS"],
        ["FAIL", "0.0%", "0.0%"],
        ["3", "times", "the"],
    ]
    assert lines[4][4:6] == ["FAIL", "100.0%"]


def test_power_prints_json_that_reads_back(dags: Path) -> None:
    words = ("power", "--profile", "brief", "--trials", 10, "--harm", 2, "--harm", 4, "--json")
    first, again = canary(dags, *words), canary(dags, *words)
    assert first.stdout == again.stdout
    found = Power.from_json(first.stdout)
    assert [prospect.harm for prospect in found.prospects] == [1, 2, 4]
    assert found.trials == 10


def test_power_looks_for_slowness_alone_when_asked_only_for_that(dags: Path) -> None:
    result = canary(dags, "power", "--profile", "brief", "--trials", 5, "--slower", 2, "--json")
    assert [(p.harm, p.slower) for p in Power.from_json(result.stdout).prospects] == [(1, 1), (1, 2)]


def test_power_takes_the_traffic_it_is_told(dags: Path) -> None:
    words = ("power", "--profile", "brief", "--trials", 20, "--harm", 2, "--json")
    few, many = (Power.from_json(canary(dags, *words, "--rate", rate).stdout) for rate in (2, 500))
    assert few.prospects[1].fails.share < many.prospects[1].fails.share


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--harm", "0"), "--harm: expected a factor above 0"),
        (("--slower", "-1"), "--slower: expected a factor above 0"),
        (("--rate", "0"), "--rate:"),
        (("--trials", "0"), "trials"),
    ],
)
def test_power_refuses_what_cannot_be(dags: Path, words: tuple[str, ...], said: str) -> None:
    result = canary(dags, "power", "--profile", "brief", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_aa_tells_the_false_alarms_of_simulated_traffic(dags: Path) -> None:
    result = canary(dags, "aa", "--profile", "brief", "--trials", 50)
    said = " ".join(result.stdout.split())
    assert result.exit_code == 0
    assert "0.00% of 50 canaries that are no worse failed by profile brief" in said
    assert "1.00% are allowed" in said


def test_aa_exits_1_when_there_are_more_than_alpha(dags: Path) -> None:
    words = ("--set", "error_rate.dispersion=1", "--cluster", 8, "--rate", 300, "--trials", 40)
    result = canary(dags, "aa", "--profile", "brief", *words)
    assert result.exit_code == 1
    assert "more false alarms than allowed" in result.stdout


def test_aa_splits_the_baseline_of_stored_looks(dags: Path) -> None:
    looks = CliRunner().invoke(app, ["simulate", "--harm", "9", "--duration", "3m"]).stdout
    result = canary(dags, "aa", "-", "--profile", "brief", "--trials", 30, "--json", stdin=looks)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["trials"], told["fails"]["share"]) == (0, 30, 0.0)


def test_aa_of_a_file_that_is_not_there_is_one_clear_error(dags: Path) -> None:
    result = canary(dags, "aa", dags / "nothing.jsonl", "--profile", "brief")
    assert isinstance(result.exception, CanaryError)
    assert "cannot be read" in str(result.exception)


def test_the_options_of_traffic_are_those_of_its_model() -> None:
    fields = {name: (field.default, field.description) for name, field in Traffic.model_fields.items()}
    fields["ramp"] = TRAFFIC["ramp"]
    assert fields == TRAFFIC
