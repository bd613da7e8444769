"""`gennaker profiles` on a real MLflow: what is registered, what differs, and the way there and back."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from canary.config import CanaryConfig
from canary.errors import GennakerError
from gennaker.cli import app
from operators.learning.profiles import ThresholdProfiles
from operators.records import Kind, Records
from tests.mlflow_server import MlflowServer


@pytest.fixture
def records(mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/records.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url)
    with closing(Records.open()) as opened:
        yield opened


@pytest.fixture
def name(records: Records, request: pytest.FixtureRequest) -> str:
    """A profile with two versions, the first the champion."""
    name, profiles = str(request.node.originalname)[:80], ThresholdProfiles(records)
    metrics = [{"name": "error_rate"}, {"name": "latency", "margin": 2}]
    for config in (CanaryConfig(), CanaryConfig.model_validate({"alpha": 0.02, "metrics": metrics})):
        profiles.register(name, config, who="ada", why="fewer false alarms", provenance={"data": "a year"})
    profiles.make_champion(name, 1, who="ada", why="the first")
    return name


def profiles(*words: str) -> Result:
    return CliRunner().invoke(app, ["profiles", *words])


def test_versions_are_listed_with_a_star_before_the_one_in_use(name: str) -> None:
    first, second = profiles("list", name).output.splitlines()
    assert first.startswith(f"* {name}@1  ")
    assert first.endswith("champion    fewer false alarms (ada)")
    assert second.startswith(f"  {name}@2  ")
    assert f"* {name}@1" in profiles("list").output
    assert [version["version"] for version in json.loads(profiles("list", name, "--json").output)] == [1, 2]


def test_a_profile_without_versions_is_said_to_have_none(records: Records) -> None:
    assert profiles("list", "nobody").output == "no version of nobody is registered\n"


def test_a_version_is_shown_with_its_settings_and_what_it_rests_on(name: str) -> None:
    shown = profiles("show", name, "2").output
    assert shown.startswith(f"{name}@2, registered ")
    assert {"data: a year", "alpha: 0.02", "latency.margin: 2.0"} <= set(shown.splitlines())
    assert profiles("show", name).output.startswith(f"{name}@1, champion")
    assert json.loads(profiles("show", name, "--json").output)["settings"]["alpha"] == 0.01


def test_two_versions_differ_setting_by_setting(name: str) -> None:
    assert profiles("diff", name, "1", "2").output == "alpha: 0.01 -> 0.02\nlatency.margin: 1.5 -> 2.0\n"
    assert profiles("diff", name, "1", "1").output == "the settings are the same\n"
    assert json.loads(profiles("diff", name, "2", "1", "--json").output)[0] == {
        "setting": "alpha", "before": 0.02, "after": 0.01,
    }  # fmt: skip


def test_a_version_is_promoted_and_gone_back_from_and_each_step_is_recorded(name: str, records: Records) -> None:
    assert profiles("promote", name, "2", "--why", "costs less", "--by", "bob").exit_code == 0
    assert profiles("back", name, "--why", "missed a bad one").output == f"runs use {name}@1 again\n"
    assert profiles("back", name, "2", "--why", "it was something else").output == f"runs use {name}@2 again\n"
    steps = [r.body for r in records.search(kind=Kind.PROFILE) if r.body["event"] == "champion"]
    assert [(step["version"], step["why"]) for step in steps[1:]] == [
        (2, "costs less"), (1, "missed a bad one"), (2, "it was something else"),
    ]  # fmt: skip
    assert steps[1]["who"] == "bob"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "{}", "9", "--why", "x"), "has no version 9"),
        (("show", "{}", "9"), "has no version 9"),
        (("show", "nobody"), "no version of nobody is champion"),
        (("back", "{}", "--why", "x"), "was champion before"),
        (("diff", "a/b", "1", "2"), "cannot name"),
    ],
)
def test_what_there_is_not_is_one_clear_error(words: tuple[str, ...], said: str, name: str) -> None:
    error = profiles(*(word.format(name) for word in words)).exception
    assert isinstance(error, GennakerError)
    assert said in str(error)


def test_a_step_needs_its_reason(name: str, records: Records) -> None:
    before = records.search(kind=Kind.PROFILE)
    assert profiles("promote", name, "2", "--why", " ").exit_code == 2
    assert records.search(kind=Kind.PROFILE) == before


def test_without_mlflow_the_error_says_so(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    error = profiles("promote", "standard", "1", "--why", "x").exception
    assert isinstance(error, GennakerError)
    assert error.what == "MLflow does not answer"
