"""The examples of the guide to the canary judge do what it says."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gennaker.cli import app

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "canary.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Gennaker's own profiles, and looks in it."""
    (tmp_path / "dags").symlink_to(ROOT / "dags")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["canary", "simulate", "-o", "looks.jsonl"]).exit_code == 0
    looks = [json.loads(line) for line in (tmp_path / "looks.jsonl").read_text().splitlines()]
    (tmp_path / "questions.jsonl").write_text(json.dumps({"looks": looks}))
    return tmp_path


def test_every_command_of_the_guide_runs(folder: Path) -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) >= 8
    for command in commands:
        program, *words = shlex.split(command)
        result = CliRunner().invoke(app, words)
        assert program == "gennaker"
        assert result.exit_code in (0, 3), f"{command}: {result.output} {result.exception}"


def test_the_notebook_lines_of_the_guide_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    first, second = capsys.readouterr().out.splitlines()
    assert "certified safe" in first
    assert second.startswith("FAIL")


def test_the_course_of_the_guide_is_what_replay_shows(folder: Path) -> None:
    simulate, replay = blocks("sh")[0].splitlines()
    for command in (simulate, replay):
        result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert "FAIL after" in result.stdout
    shown = [line.split() for line in result.stdout.splitlines()]
    assert [word for word in shown[0] if word in ("error_rate", "latency")] == ["error_rate", "latency"]


def test_the_profile_of_the_guide_is_a_right_one(folder: Path) -> None:
    [profile] = blocks("yaml")
    (folder / "careful.yaml").write_text(profile)
    result = CliRunner().invoke(app, ["canary", "check", "careful.yaml"])
    assert result.exit_code == 0
    assert "at most 0.1 % fail" in result.stdout
