"""`gennaker release`: 0 is promoted, 1 is any other end with the reason as the last line, 2 a wrong command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gennaker.cli import main
from tests.fakes.airflow import RUN_ID, FakeAirflow, serving

PROMOTED = {"verdict": "promoted", "reason": "promoted in deploy/us-east-1"}
ROLLED_BACK = {"verdict": "rolled back", "reason": "automated-canary in us-east-1: error_rate is worse"}
ENDED = [("running", {"deploy": "running"}), ("failed", {"deploy": "success", "finish-and-archive": "failed"})]


class Command:
    """The command as a person runs it, beside an Airflow."""

    def __init__(
        self, airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.airflow, self._monkeypatch, self._capsys = airflow, monkeypatch, capsys

    def __call__(self, *words: object) -> tuple[int, list[str], str]:
        """Exit code, lines of output, and what went to the error stream."""
        self._monkeypatch.setattr("sys.argv", ["gennaker", "release", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        output = self._capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), output.out.splitlines(), output.err


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    with serving(FakeAirflow(ENDED, PROMOTED, params=("artifact_playback", "size", "reason"))) as airflow:
        monkeypatch.setenv("GENNAKER_AIRFLOW_URL", airflow.url)
        monkeypatch.setenv("GENNAKER_AIRFLOW_TOKEN", "token")
        monkeypatch.setenv("COLUMNS", "200")
        yield Command(airflow, monkeypatch, capsys)


def test_without_wait_it_starts_the_run_and_says_where_to_look(release: Command) -> None:
    code, lines, _ = release("playback", "--note", "because")
    assert (code, lines) == (0, [f"playback {RUN_ID}", f"{release.airflow.url}/dags/playback/runs/{RUN_ID}"])
    assert release.airflow.looks == 0
    assert release.airflow.asked[-1][2]["note"] == "because"


def test_a_promoted_release_is_exit_0(release: Command) -> None:
    code, lines, _ = release("playback", "--wait")
    assert (code, lines[-1]) == (0, f"playback {RUN_ID}: promoted: promoted in deploy/us-east-1")
    assert lines[2:-1] == [
        "  running          deploy",
        "  success          deploy",
        "  failed           finish-and-archive",
    ]


@pytest.mark.parametrize("verdict", ["rolled back", "failed"])
def test_any_other_end_is_exit_1_with_the_reason_as_the_last_line(release: Command, verdict: str) -> None:
    release.airflow.conclusion = {**ROLLED_BACK, "verdict": verdict}
    code, lines, _ = release("playback", "--wait")
    assert (code, lines[-1]) == (1, f"playback {RUN_ID}: {verdict}: {ROLLED_BACK['reason']}")


def test_a_run_that_outlasts_the_patience_is_exit_1_and_goes_on(release: Command) -> None:
    release.airflow.steps = [("running", {})]
    code, _, error = release("playback", "--wait", "--patience", 0)
    assert code == 1
    assert "has not ended within" in error.splitlines()[-1]


def test_an_artifact_is_given_as_an_absolute_path(
    release: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "build").mkdir()
    monkeypatch.chdir(tmp_path)
    release("playback", "--artifact", "playback=build")
    assert release.airflow.started_with() == {"artifact_playback": str(tmp_path / "build")}


def test_a_parameter_is_json_or_else_text(release: Command) -> None:
    release("playback", "--param", "size=3", "--param", "reason=a = b")
    assert release.airflow.started_with() == {"size": 3, "reason": "a = b"}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("0.5", 0.5), ('"3"', "3"), ("[1, 2]", [1, 2]), ("", ""), ("1.2.3", "1.2.3")]
)
def test_the_kind_of_a_parameter_is_as_it_is_written(release: Command, text: str, value: object) -> None:
    release("playback", "--param", f"reason={text}")
    assert release.airflow.started_with() == {"reason": value}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--artifact", "playback"], "expected NAME=VALUE, found 'playback'"),
        (["--param", "=3"], "expected NAME=VALUE, found '=3'"),
        (["--artifact", "playback=nowhere"], "artifact playback: nowhere is not a directory"),
        (["--artifact", "playback="], "artifact playback: nothing is not a directory"),
        (["--artifact", "playbak=."], "unknown artifact 'playbak'; did you mean 'playback'?"),
        (["--param", "sise=3"], "unknown parameter 'sise'; did you mean 'size'?"),
        (["--patience", "long"], "Input should be a valid integer"),
    ],
)
def test_a_wrong_command_is_exit_2_and_starts_nothing(release: Command, words: list[str], message: str) -> None:
    code, _, error = release("playback", *words)
    assert code == 2
    assert message in " ".join(error.replace("│", " ").split())
    assert "POST" not in {method for method, _, _ in release.airflow.asked}


def test_a_value_that_airflow_refuses_is_exit_1_and_says_why(release: Command) -> None:
    release.airflow.refuses = "Invalid input for param size: 99 is greater than the maximum of 9"
    code, lines, error = release("playback", "--param", "size=99", "--wait")
    assert (code, lines) == (1, [])
    assert "99 is greater than the maximum of 9" in error


def test_a_pipeline_that_is_not_there_is_exit_1(release: Command) -> None:
    code, _, error = release("playbak")
    assert code == 1
    assert "404" in error


def test_without_an_airflow_it_says_what_to_start(
    release: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENNAKER_AIRFLOW_URL")
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    code, _, error = release("playback")
    assert code == 1
    assert "gennaker up" in error


def test_a_hot_fix_is_said_to_be_one(release: Command) -> None:
    assert release("playback", "--hot-fix", "--param", "size=3")[0] == 0
    assert release.airflow.asked[-1][2]["conf"] == {"size": 3, "hot_fix": True}
    release("playback")
    assert "hot_fix" not in release.airflow.asked[-1][2]["conf"]
