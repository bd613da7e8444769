"""From the records to a model of risk: exported, proven, and nothing where there is too little."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from canary.errors import CanaryError
from canary.learning.risk import RiskModel
from canary.learning.world import SimulatedRelease, World
from operators.learning.release_facts import facts_of, labelled_releases
from operators.learning.risk import RiskPolicy
from operators.learning.risk_training import RiskTraining
from operators.learning.train_risk import ExportReleases, TrainRisk
from operators.records import Records
from operators.records.records import utc_now
from tests.fakes.context import a_context, run
from tests.operators.learning.worlds import TAKES, write_world

TOLD = {"longer_from": "0.2", "ask_from": "0.5", "factor": "3.0"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Records, list[SimulatedRelease]]]:
    """Records of 30 services in 100 days that end today."""
    days = 100
    begin = (utc_now() - timedelta(days=days + 7)).replace(hour=0, minute=0, second=0, microsecond=0)
    records = Records.open(f"sqlite:///{tmp_path_factory.mktemp('world')}/records.db")
    yield records, write_world(records, World(services=30, days=days, seed=4, begin=begin))
    records.close()


def exported(held_out_days: int = 30, simulated: bool = True) -> dict[str, Any]:
    task = ExportReleases(task_id="export", held_out_days=str(held_out_days), simulated=str(simulated), **TOLD)
    found: dict[str, Any] = run(task, a_context("manual__1"))
    return found


def test_the_records_tell_of_a_release_what_was_known_before_it(world: tuple[Records, list[SimulatedRelease]]) -> None:
    records, releases = world
    found = {
        (each.facts.service, each.facts.at): each for each in labelled_releases(records, utc_now(), simulated=True)
    }
    assert len(found) == len(releases)
    for release in releases:
        facts, told = release.facts, found[release.service, release.at]
        assert told.truth is release.truth
        ends = facts.hours_since_last and facts.hours_since_last - TAKES / timedelta(hours=1)
        assert told.facts.hours_since_last == pytest.approx(ends)
        same = replace(told.facts, hours_since_last=facts.hours_since_last, regions=facts.regions)
        assert same == replace(facts, releases=same.releases, rollbacks=same.rollbacks)
        assert abs(same.releases - facts.releases) <= 1, "one may end within 90 days that began before"
    last = releases[-1]
    assert facts_of(records, last.run, last.service) == found[last.service, last.at].facts


def test_releases_are_exported_learned_from_and_proven(
    world: tuple[Records, list[SimulatedRelease]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, releases = world
    monkeypatch.setenv("GENNAKER_RECORDS_URL", str(records.database.url))
    told = exported()
    assert told["releases"] == len(releases)
    trained = run(TrainRisk(task_id="train", export="export"), a_context("manual__1", returned={"export": told}))
    assert trained["is_good"] is True
    assert trained["metrics"]["calibration_error"] <= 0.05
    folder = Path(told["folder"])
    model = RiskModel.from_json(json.loads((folder / "model.json").read_text()))
    training = RiskTraining.read(folder)
    assert model == training.model()
    assert training.policy == RiskPolicy(longer_from=0.2, ask_from=0.5, factor=3.0)
    assert training.provenance()["simulated"] == "true"
    assert exported() == told


def test_simulated_releases_are_learned_from_only_when_asked_for(
    world: tuple[Records, list[SimulatedRelease]], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENNAKER_RECORDS_URL", str(world[0].database.url))
    told = exported(simulated=False)
    assert told["releases"] == 0
    with pytest.raises(AirflowSkipException, match="too few labelled releases"):
        run(TrainRisk(task_id="train", export="export"), a_context("manual__1", returned={"export": told}))


def test_a_folder_that_is_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CanaryError, match="cannot be read"):
        RiskTraining.read(tmp_path)
    training = RiskTraining((), utc_now(), timedelta(days=30), RiskPolicy())
    training.write(tmp_path)
    assert RiskTraining.read(tmp_path) == training
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(CanaryError, match="cannot be read"):
        RiskTraining.read(tmp_path)
