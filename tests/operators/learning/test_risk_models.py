"""Versions of the model of risk on a real MLflow server, and the risk of runs, whether it answers or not."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from canary import CanaryConfig
from canary.errors import CanaryError
from operators.learning.model_registry import ModelRegistry
from operators.learning.risk import Action, RiskPolicy, ServedRisk
from operators.learning.risk_models import NAME, RiskModels
from operators.learning.risk_training import RiskTraining
from operators.learning.scoring import Risk, risk_of, with_caution, with_question
from operators.learning.train_risk import RegisterRisk
from operators.records import Kind, Subject
from operators.runs import Run
from operators.tracking import Away
from tests.fakes.context import a_context, run
from tests.mlflow_server import MlflowServer
from tests.operators.learning.histories import Story
from tests.operators.learning.test_risk import MODEL

CONFIG = CanaryConfig(min_duration=timedelta(minutes=5), duration=timedelta(minutes=30))
RISKY = replace(MODEL, intercept=0.0)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def server(mlflow_server: MlflowServer) -> MlflowServer:
    """The server without the model of another test."""
    with ModelRegistry(mlflow_server.url) as registry:
        if registry.versions(NAME):
            registry._request("DELETE", "/api/2.0/mlflow/registered-models/delete", json={"name": NAME})
    return mlflow_server


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = Story(f"sqlite:///{tmp_path}/records.db")
    yield told
    told.records.close()


def begun(story: Story, name: str = "now") -> Run:
    release = Run(story.records, Subject(run=f"shop/{name}", pipeline="shop", service="cart"))
    release.open({"run_type": "manual"})
    return release


def scored(story: Story, name: str = "now") -> dict[str, object]:
    (record,) = story.records.search(kind=Kind.RISK, run=f"shop/{name}")
    return dict(record.body)


def risk(release: Run) -> Risk:
    return risk_of(release.subject, release.records, str)


def caution(release: Run) -> CanaryConfig:
    return with_caution(CONFIG, replace(release.subject, stage="canary"), release.records, str)


def with_champion(story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch, ask_from: float = 0.4) -> None:
    """A champion that finds every release risky."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    models = RiskModels(story.records)
    version = models.register(RISKY, RiskPolicy(ask_from=ask_from), who="ada", why="proven")
    models.make_champion(version, who="ada", why="proven")


def test_the_same_model_is_one_version_and_another_one_the_next(
    story: Story, server: MlflowServer, tmp_path: Path
) -> None:
    models = RiskModels(story.records, server.url)
    page = tmp_path / "risk.html"
    page.write_text("<p>a proof")
    told: dict[str, Any] = {"who": "ada", "why": "proven", "provenance": {"releases": "900"}}
    told |= {"metrics": {"calibration_error": 0.01}, "artifacts": {"risk.html": page}}
    assert [models.register(MODEL, RiskPolicy(), **told) for _ in range(2)] == [1, 1]
    assert models.register(RISKY, RiskPolicy(), **told) == 2
    first, second = models.versions()
    assert (first.tags["gennaker.who"], first.tags["releases"], first.description) == ("ada", "900", "proven")
    assert second.aliases == ("challenger",)
    assert [r.body["version"] for r in story.records.search(kind=Kind.RISK)] == [1, 2]
    with ModelRegistry(server.url) as registry:
        made = registry._get("runs/get", run_id=first.run_id)["run"]
        assert [(each["key"], each["value"]) for each in made["data"]["metrics"]] == [("calibration_error", 0.01)]
        assert made["info"]["status"] == "FINISHED"


def test_a_model_of_simulated_releases_is_marked_as_such(story: Story, server: MlflowServer) -> None:
    models = RiskModels(story.records, server.url)
    number = models.register(MODEL, RiskPolicy(), who="ada", why="", provenance={"simulated": "true"})
    models.make_champion(number, who="ada", why="")
    assert models.versions()[0].tags["gennaker.simulated"] == "true"
    told = {record.body["event"]: record.body for record in story.records.search(kind=Kind.RISK)}
    assert told["registered"]["simulated"] is told["champion"]["simulated"] is True


def test_a_model_that_was_changed_after_it_was_registered_is_not_used(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_champion(story, server, monkeypatch)
    (version,) = RiskModels(story.records).versions()
    other = ServedRisk(0, replace(RISKY, intercept=-9.0), RiskPolicy())
    with ModelRegistry(server.url) as registry:
        folder = version.source.removeprefix("mlflow-artifacts:/").strip("/")
        path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/risk.json"
        registry._request("PUT", path, content=json.dumps(other.to_json()).encode())
    with pytest.raises(CanaryError, match="not what was registered"):
        RiskModels(story.records).champion()
    assert risk(begun(story)).probability == pytest.approx(0.168, abs=0.001), "the last known one"


def test_mlflow_itself_reads_what_goes_in_and_what_comes_out(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_champion(story, server, monkeypatch)
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    signature = mlflow.models.get_model_info(f"models:/{NAME}@champion").signature
    assert "files changed" in signature.inputs.input_names()
    assert signature.outputs.input_names() == ["probability"]


def test_a_champion_is_served_and_an_earlier_one_comes_back(story: Story, server: MlflowServer) -> None:
    models = RiskModels(story.records, server.url)
    assert models.champion() is None
    versions = [models.register(model, RiskPolicy(), who="ada", why="proven") for model in (MODEL, RISKY)]
    for number, model in ((versions[1], RISKY), (versions[0], MODEL), (versions[0], MODEL)):
        models.make_champion(number, who="ada", why="better")
        served = models.champion()
        assert served is not None
        assert (served.version, served.model) == (number, model)
    told = story.records.search(kind=Kind.RISK)
    assert [each.body["version"] for each in told if each.body["event"] == "champion"] == [2, 1]
    with pytest.raises(CanaryError, match="no version 7"):
        models.make_champion(7, who="ada", why="better")


def test_while_mlflow_is_away_the_last_known_champion_is_served_by_the_records(
    story: Story, server: MlflowServer
) -> None:
    assert RiskModels(story.records, NOWHERE).last_known() is None
    models = RiskModels(story.records, server.url)
    models.make_champion(models.register(RISKY, RiskPolicy(factor=3), who="ada", why="proven"), who="ada", why="")
    known = RiskModels(story.records, NOWHERE).last_known()
    assert known is not None
    assert (known.version, known.model, known.policy.factor) == (1, RISKY, 3)
    for away in (NOWHERE, "sqlite:///mlflow.db", "http://[", ""):
        with pytest.raises(Away):
            RiskModels(story.records, away).champion()
    assert len([r for r in story.records.search(kind=Kind.RISK) if r.body["event"] == "in use"]) == 1


def test_a_risky_run_is_watched_for_longer_and_its_record_says_why(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_champion(story, server, monkeypatch)
    assert caution(begun(story)).duration == timedelta(hours=1)
    body = scored(story)
    assert (body["version"], body["origin"], body["action"]) == (1, "registry", "longer")
    assert body["probability"] == pytest.approx(0.168, abs=0.001)
    assert body["contributions"] == [["files changed", -1.6]]
    assert str(body["why"]).startswith("a risk of 17 %: files changed -1.6")


@pytest.mark.parametrize(("ask_from", "asks"), [(0.1, True), (0.9, False)])
def test_a_person_is_asked_about_a_risky_run_that_passed_and_told_why(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch, ask_from: float, asks: bool
) -> None:
    with_champion(story, server, monkeypatch, ask_from)
    release = begun(story)
    for verdict in ("PASS", "FAIL", "INCONCLUSIVE"):
        judged = {"verdict": verdict, "reason": "All is well.", "judgment": "one"}
        found = with_question(judged, release.subject, release.records, str)
        if asks and verdict == "PASS":
            assert found["reason"] == f"All is well. A person is asked, as there is {found['ask']}."
            assert found["ask"].startswith("a risk of 17 %: files changed -1.6")
        else:
            assert found == judged


def test_a_run_is_scored_once_whatever_becomes_champion_later(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = begun(story)
    first = risk(release)
    assert first.action is Action.NONE
    with_champion(story, server, monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: caution(release) == CONFIG, range(8))) == {True}
    other = begun(story, "next")
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: risk(other).probability, range(8)))) == 1
    assert scored(story)["version"] == 0
    assert scored(story, "next")["version"] == 1


@pytest.mark.parametrize("away", ["", NOWHERE, "http://[", "http://127.0.0.1:1:1"])
def test_without_a_model_nothing_changes_and_the_record_says_so(
    story: Story, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", away)
    assert caution(begun(story)) == CONFIG
    body = scored(story)
    assert (body["probability"], body["version"], body["action"], body["origin"]) == (None, 0, "none", "none")
    assert str(body["why"]).startswith("the model in use could not be fetched")
    assert "facts" in body


def test_without_a_champion_nothing_changes(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    assert caution(begun(story)) == CONFIG
    assert scored(story)["why"] == "no model of risk is in use"


def test_mlflow_away_means_the_last_known_model(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_champion(story, server, monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    assert caution(begun(story)).duration == timedelta(hours=1)
    body = scored(story)
    assert (body["version"], body["origin"], body["action"]) == (1, "last known", "longer")
    assert "could not be fetched" in str(body["why"])


def test_a_champion_that_is_no_model_changes_nothing(
    story: Story, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    with ModelRegistry(server.url) as registry:
        made = registry.register(NAME, "odd", {"model/risk.json": b'{"model": 1}'}, at_ms=1, tags={})
        registry.set_alias(NAME, "champion", made.version)
    assert caution(begun(story)) == CONFIG
    assert scored(story)["version"] == 0
    with pytest.raises(CanaryError, match="no model of risk"):
        RiskModels(story.records).make_champion(made.version, who="ada", why="")


def test_a_run_without_records_has_no_risk(story: Story) -> None:
    never = Run(story.records, Subject(run="shop/never", pipeline="shop", service="cart"))
    assert risk(never).probability is None


def test_the_last_task_registers_with_its_proof_and_uses_only_what_is_proven(
    story: Story, server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/records.db")
    RiskTraining((), story.clock.now, timedelta(days=30), RiskPolicy(factor=3)).write(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps(MODEL.to_json()))
    (tmp_path / "report.html").write_text("<p>a proof")
    trained: dict[str, Any] = {"is_good": False, "why": "no better", "metrics": {"log_loss": 0.3}}
    told = {"export": {"folder": str(tmp_path)}, "train": trained, "report": {"html": str(tmp_path / "report.html")}}
    task = RegisterRisk(task_id="register", export="export", train="train", report="report", use="True")
    found = [run(task, a_context("manual__1", returned=told)) for _ in range(2)]
    assert found == [{"version": 1, "is_used": False}] * 2
    assert RiskModels(story.records).champion() is None
    trained["is_good"] = True
    assert run(task, a_context("manual__1", returned=told)) == {"version": 1, "is_used": True}
    served = RiskModels(story.records).champion()
    assert served is not None
    assert served.policy.factor == 3
    (version,) = RiskModels(story.records).versions()
    assert version.tags["gennaker.why"] == "no better"
