"""`gennaker canary simulate` and `replay`: the verdict over time, bit for bit what a watch says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from canary import CanaryConfig, CanaryError, Judgment, Look, Verdict, judge, start
from gennaker.cli.canary import app
from gennaker.errors import PipelineErrors
from gennaker.read import load
from operators.records import Kind, Records, Subject

PROFILE = """
profile: brief
interval: 5s
min_duration: 30s
duration: 5m
min_requests: 100
metrics:
  - {name: error_rate, margin: 3, negligible: 0.02}
"""


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder with one threshold profile."""
    (tmp_path / "canaries").mkdir()
    (tmp_path / "canaries/brief.yaml").write_text(PROFILE, encoding="utf-8")
    return tmp_path


def canary(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


@pytest.fixture
def harmful(tmp_path: Path) -> Path:
    """Looks at a canary that fails three times as often."""
    file = tmp_path / "looks.jsonl"
    result = canary("simulate", "--harm", 3, "--interval", "5s", "--duration", "3m", "--rate", 200, "-o", file)
    assert (result.exit_code, result.output) == (0, f"wrote 37 looks to {file}\n")
    return file


def looks_of(file: Path) -> list[Look]:
    return [Look.from_json(line) for line in file.read_text().splitlines()]


def live(config: CanaryConfig, looks: list[Look]) -> Iterator[str]:
    """What a watch says, look by look, until it stops."""
    session = start(config)
    for look in looks:
        judgment = session.add(look)
        yield judgment.to_json()
        if judgment.is_final:
            return


def test_simulate_writes_the_same_looks_for_the_same_seed() -> None:
    first, again = canary("simulate", "--duration", "2m"), canary("simulate", "--duration", "2m")
    other = canary("simulate", "--duration", "2m", "--seed", 2)
    assert first.output == again.output != other.output
    assert len([Look.from_json(line) for line in first.output.splitlines()]) == 9


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--rate", "0", "--rate"),
        ("--error-rate", "1.5", "--error-rate"),
        ("--ramp", "five", "percentages such as"),
        ("--duration", "soon", "is not a duration"),
        ("--interval", "0s", "longer than nothing"),
    ],
)
def test_simulate_refuses_traffic_that_cannot_be(option: str, value: str, said: str) -> None:
    result = canary("simulate", option, value)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_simulate_ramps_by_percentages() -> None:
    result = canary("simulate", "--ramp", "5%,50", "--duration", "1m")
    assert {Look.from_json(line).step for line in result.output.splitlines()} == {"5%", "50%"}


def brief(dags: Path) -> CanaryConfig:
    return load(dags).canary("brief", {})


def test_replay_says_what_a_watch_said_bit_for_bit(harmful: Path, dags: Path) -> None:
    result = canary("replay", harmful, "--profile", "brief", "--dags", dags, "--json")
    assert result.output.splitlines() == list(live(brief(dags), looks_of(harmful)))
    assert result.exit_code == 3


def test_replay_shows_a_person_the_course_the_verdict_and_why(harmful: Path, dags: Path) -> None:
    result = canary("replay", harmful, "--profile", "brief", "--dags", dags)
    *_, last = live(brief(dags), looks_of(harmful))
    said = " ".join(result.output.split())
    assert "INCONCLUSIVE" in said
    assert "FAIL after" in said
    assert Judgment.from_json(last).reason in said


def test_replay_of_a_canary_that_is_no_worse_passes(dags: Path) -> None:
    looks = canary("simulate", "--interval", "5s", "--duration", "5m", "--rate", 200).output
    result = canary("replay", "-", "--profile", "brief", "--dags", dags, stdin=looks)
    assert (result.exit_code, "PASS after" in result.output) == (0, True)


def test_replay_stops_where_a_watch_stops_unless_told_to_go_on(dags: Path) -> None:
    looks = canary("simulate", "--interval", "5s", "--duration", "5m", "--rate", 200).output
    words = ("replay", "-", "--profile", "brief", "--dags", dags, "--json")
    some, every = canary(*words, stdin=looks), canary(*words, "--to-the-end", stdin=looks)
    assert len(some.output.splitlines()) < len(every.output.splitlines()) == 61
    assert Judgment.from_json(every.output.splitlines()[-1]) == judge(
        brief(dags), [Look.from_json(line) for line in looks.splitlines()]
    )


def test_settings_on_top_change_what_is_judged_by(harmful: Path, dags: Path) -> None:
    words = ("replay", harmful, "--profile", "brief", "--dags", dags, "--json")
    strict = canary(*words, "--set", "alpha=0.000001").output.splitlines()
    loose = canary(*words, "--set", "alpha=0.2", "--set", "error_rate.tolerance=1").output.splitlines()
    assert len(strict) > len(loose)


def test_a_profile_may_be_any_file_and_extend_one_of_the_folder(harmful: Path, dags: Path, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "strict.yaml"
    file.parent.mkdir()
    file.write_text("profile: strict\nextends: brief\nalpha: 0.001\n", encoding="utf-8")
    result = canary("replay", harmful, "--config", file, "--dags", dags)
    assert result.exit_code == 3
    assert "profile strict" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--profile", "brif"), "unknown threshold profile 'brif'; did you mean 'brief'?"),
        (("--profile", "brief", "--set", "alfa=1"), "unknown setting 'alfa'; did you mean 'alpha'?"),
        (("--profile", "brief", "--set", "errors.margin=2"), "unknown metric 'errors'"),
        (("--profile", "brief", "--set", "alpha"), "expected KEY=VALUE, found 'alpha'"),
        (("--profile", "brief", "--config", "x.yaml"), "not both"),
    ],
)
def test_a_wrong_option_is_a_usage_error_and_no_verdict(
    words: tuple[str, ...], said: str, harmful: Path, dags: Path
) -> None:
    result = canary("replay", harmful, *words, "--dags", dags)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_setting_that_does_not_fit_says_why(harmful: Path, dags: Path) -> None:
    result = canary("replay", harmful, "--profile", "brief", "--dags", dags, "--set", "alpha=2")
    assert isinstance(result.exception, CanaryError)
    assert "--set alpha=2 does not fit: alpha:" in str(result.exception)


def test_a_wrong_profile_file_is_named_with_its_line(harmful: Path, dags: Path) -> None:
    file = dags / "wrong.yaml"
    file.write_text("profile: wrong\nalpha: much\n", encoding="utf-8")
    result = canary("replay", harmful, "--config", file, "--dags", dags)
    assert isinstance(result.exception, PipelineErrors)
    assert str(result.exception).startswith(f"{file}:2:8: alpha: expected a number")


def test_a_line_that_is_no_look_is_named(harmful: Path, dags: Path) -> None:
    lines = harmful.read_text().splitlines()
    harmful.write_text("\n".join([*lines[:3], "", '{"at": 1}']), encoding="utf-8")
    result = canary("replay", harmful, "--profile", "brief", "--dags", dags)
    assert isinstance(result.exception, CanaryError)
    assert str(result.exception).startswith(f"{harmful}:5: this is no look")


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "has no looks"), (b"\n\xff{}\n", ":2: this is no look: it is not UTF-8")]
)
def test_a_file_that_holds_no_looks_is_one_clear_error(content: bytes, said: str, dags: Path, tmp_path: Path) -> None:
    file = tmp_path / "looks.jsonl"
    file.write_bytes(content)
    result = canary("replay", file, "--profile", "brief", "--dags", dags)
    assert isinstance(result.exception, CanaryError)
    assert said in str(result.exception)


@pytest.fixture
def decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harmful: Path, dags: Path) -> list[str]:
    """A judgment `run.canary.eu` in the records, decided by `brief` with an alpha of its own; what was said then."""
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path / 'records.db'}")
    config, looks = brief(dags).model_copy(update={"alpha": 0.0001}), looks_of(harmful)
    said = list(live(config, looks))
    with closing(Records.open()) as records:
        for number, look in enumerate(looks[: len(said)]):
            records.looks.add("run.canary.eu", number, json.loads(look.to_json()))
        body = {"judgment_id": "run.canary.eu", "config": config.model_dump(mode="json"), "looks": len(said)}
        records.append(Kind.DECISION, Subject(run="run"), body)
    return said


def test_a_judgment_of_the_records_is_replayed_by_its_own_settings(decided: list[str], dags: Path) -> None:
    result = canary("replay", "run.canary.eu", "--dags", dags, "--json")
    assert result.output.splitlines() == decided
    assert Judgment.from_json(decided[-1]).verdict is Verdict.FAIL


def test_a_judgment_of_the_records_may_be_judged_by_others(decided: list[str], dags: Path) -> None:
    for others in (("--set", "alpha=0.1"), ("--profile", "brief")):
        result = canary("replay", "run.canary.eu", "--dags", dags, "--json", *others)
        assert len(result.output.splitlines()) < len(decided)


def test_a_judgment_that_nobody_knows_is_one_clear_error(decided: list[str], dags: Path) -> None:
    result = canary("replay", "run.canary.us", "--dags", dags)
    assert isinstance(result.exception, CanaryError)
    assert "no looks of 'run.canary.us'" in str(result.exception)


def test_what_is_slow_to_import_is_imported_when_a_command_runs() -> None:
    code = "import sys, gennaker.cli; print(sorted({'pydantic', 'numpy', 'fastapi', 'msgspec'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout == "[]\n"
