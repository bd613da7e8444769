"""Threshold profiles on a real MLflow: versions, aliases and records, each once, whatever is repeated or broken off."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from canary.config import CanaryConfig
from operators.errors import NoSuchVersion, ProfileError
from operators.learning import profiles as profiles_module
from operators.learning.profile_steps import ProfileSteps
from operators.learning.profiles import ThresholdProfiles
from operators.learning.registry import DIGEST_TAG, SETTINGS_TAG, Registry
from operators.records import Kind, Records
from operators.tracking import Away
from tests.mlflow_server import MlflowServer


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with closing(Records.open(f"sqlite:///{tmp_path / 'records.db'}")) as records:
        yield records


@pytest.fixture
def profiles(mlflow_server: MlflowServer, records: Records) -> ThresholdProfiles:
    return ThresholdProfiles(records, mlflow_server.url)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A profile that no other test uses."""
    return str(request.node.originalname or request.node.name)[:80]


def settings(alpha: float = 0.01) -> CanaryConfig:
    return CanaryConfig(alpha=alpha)


def register(profiles: ThresholdProfiles, name: str, alpha: float = 0.01, **more: Any) -> int:
    said = {"who": "ada", "why": "fewer false alarms", "provenance": {"data": "sha256:1"}, **more}
    return profiles.register(name, settings(alpha), **said)


def steps(records: Records) -> list[tuple[object, object]]:
    return [(r.body["event"], r.body["version"]) for r in records.search(kind=Kind.PROFILE)]


class Killed(BaseException):
    """The process ended here."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def test_a_registered_version_has_settings_provenance_and_a_record(
    profiles: ThresholdProfiles, records: Records, name: str, mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    notebook = tmp_path / "retune.ipynb"
    notebook.write_text("{}")
    assert register(profiles, name, alpha=0.02, artifacts={"notebook": notebook}) == 1
    found = profiles.version(name, 1)
    assert found.config == settings(0.02).model_copy(update={"profile": name})
    assert (found.who, found.why, found.provenance) == ("ada", "fewer false alarms", {"data": "sha256:1"})
    assert found.aliases == ()
    (record,) = records.search(kind=Kind.PROFILE)
    assert (record.body["digest"], record.body["provenance"]) == (found.digest, {"data": "sha256:1"})
    model = mlflow_server.get("api/2.0/mlflow/model-versions/get", name=f"gennaker.profile.{name}", version="1").json()
    folder = f"api/2.0/mlflow-artifacts/artifacts/1/{model['model_version']['run_id']}/artifacts"
    assert mlflow_server.get(f"{folder}/provenance/notebook/retune.ipynb").text == "{}"
    assert mlflow_server.get(f"{folder}/settings.json").json()["alpha"] == 0.02


# MLflow (3.17) warns of its own type hints when this part of it is imported.
@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
def test_mlflow_loads_the_model_without_a_pickle_and_it_gives_the_settings(
    profiles: ThresholdProfiles, name: str, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow
    import pandas as pd

    register(profiles, name, alpha=0.03)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server.url)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/gennaker.profile.{name}/1", dst_path=str(tmp_path)))
    assert [path for path in folder.rglob("*.pkl")] == []
    model = mlflow.pyfunc.load_model(str(folder))
    answer = model.predict(pd.DataFrame({"service": ["cart", "till"]}))
    assert [CanaryConfig.model_validate_json(text).alpha for text in answer["settings"]] == [0.03, 0.03]
    assert model.metadata.signature.outputs.input_names() == ["settings"]


def test_the_same_settings_are_the_same_version_and_one_record(
    profiles: ThresholdProfiles, records: Records, name: str
) -> None:
    assert [register(profiles, name, alpha) for alpha in (0.01, 0.02, 0.01)] == [1, 2, 1]
    assert steps(records) == [("registered", 1), ("registered", 2)]


def test_the_champion_is_the_version_that_was_made_so_last(
    profiles: ThresholdProfiles, records: Records, name: str
) -> None:
    for alpha in (0.01, 0.02):
        register(profiles, name, alpha)
    assert profiles.champion(name) is None
    profiles.make_champion(name, 1, who="ada", why="the first")
    profiles.make_challenger(name, 2, who="retuning", why="costs less")
    assert [version.aliases for version in profiles.versions(name)] == [("champion",), ("challenger",)]
    profiles.make_champion(name, 2, who="ada", why="approved")
    assert [version.aliases for version in profiles.versions(name)] == [(), ("champion",)]
    champion = profiles.champion(name)
    assert champion is not None
    assert champion.version == 2
    assert steps(records)[2:] == [("champion", 1), ("challenger", 2), ("champion", 2)]


def test_steps_taken_again_are_recorded_once_and_going_back_is_a_step(
    profiles: ThresholdProfiles, records: Records, name: str
) -> None:
    for alpha in (0.01, 0.02):
        register(profiles, name, alpha)
    for version in (1, 1, 2, 2, 1, 1):
        profiles.make_champion(name, version, who="ada", why="so it is")
    profiles.make_challenger(name, 2, who="ada", why="again")
    for _ in range(2):
        profiles.reject(name, 2, who="ada", why="no better")
    assert steps(records)[2:] == [
        ("champion", 1), ("champion", 2), ("champion", 1), ("challenger", 2), ("rejected", 2),
    ]  # fmt: skip
    assert profiles.version(name, 2).aliases == ()


def test_the_champion_before_is_the_one_to_go_back_to_and_not_one_that_was_gone_back_from(
    profiles: ThresholdProfiles, name: str
) -> None:
    for alpha in (0.01, 0.02, 0.03):
        profiles.make_champion(name, register(profiles, name, alpha), who="ada", why="better")
    assert profiles.before(name) == 2
    profiles.make_champion(name, 2, who="ada", why="worse than thought")
    assert profiles.before(name) == 1
    profiles.make_champion(name, 1, who="ada", why="worse still")
    with pytest.raises(NoSuchVersion, match="was champion before"):
        profiles.before(name)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("operators.learning.registration", "_fill"),
        ("operators.learning.registration", "_make_model"),
        ("operators.learning.profiles", "delete_doubles"),
        ("operators.learning.profile_steps", "ProfileSteps.take"),
    ],
)
def test_a_registration_that_was_killed_is_ended_by_the_next(
    module: str, function: str, profiles: ThresholdProfiles, records: Records, mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    name = f"killed-{module}-{function}"
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{function}", killed)
        with pytest.raises(Killed):
            register(profiles, name)
    for _ in range(2):
        assert register(profiles, name) == 1
    assert [version.version for version in profiles.versions(name)] == [1]
    assert steps(records) == [("registered", 1)]
    experiment = mlflow_server.get("api/2.0/mlflow/experiments/get-by-name", experiment_name="gennaker/profiles").json()
    wanted = {"experiment_ids": [experiment["experiment"]["experiment_id"]], "filter": f"tags.profile = '{name}'"}
    assert len(mlflow_server.post("runs/search", **wanted)["runs"]) == 1


@pytest.mark.parametrize("step", ["delete_alias", "take", "_settle"])
def test_a_promotion_that_was_killed_is_ended_by_the_next(
    step: str, profiles: ThresholdProfiles, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"promoted-{step}"
    register(profiles, name)
    profiles.make_challenger(name, 1, who="retuning", why="costs less")
    owner = {"delete_alias": Registry, "take": ProfileSteps, "_settle": ThresholdProfiles}[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, killed)
        with pytest.raises(Killed):
            profiles.make_champion(name, 1, who="ada", why="approved")
    profiles.make_champion(name, 1, who="ada", why="approved")
    assert profiles.version(name, 1).aliases == ("champion",)
    assert steps(records) == [("registered", 1), ("challenger", 1), ("champion", 1)]


def test_two_who_register_the_same_at_once_get_one_version(
    mlflow_server: MlflowServer, records: Records, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, write = threading.Barrier(2), profiles_module.write_version

    def written_together(*args: Any) -> None:
        write(*args)
        both.wait(timeout=60)

    monkeypatch.setattr(profiles_module, "write_version", written_together)
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(register(ThresholdProfiles(records, mlflow_server.url), name)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1, 1]
    assert [version.version for version in ThresholdProfiles(records, mlflow_server.url).versions(name)] == [1]
    assert steps(records) == [("registered", 1)]


def test_two_who_promote_at_once_leave_the_champion_that_the_records_name_last(
    mlflow_server: MlflowServer,
    records: Records,
    profiles: ThresholdProfiles,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for alpha in (0.01, 0.02):
        register(profiles, name, alpha)
    take = ProfileSteps.take

    def overtaken(self: ProfileSteps, *args: Any, **more: Any) -> None:
        monkeypatch.setattr(ProfileSteps, "take", take)
        ThresholdProfiles(records, mlflow_server.url).make_champion(name, 2, who="bob", why="at the same time")
        take(self, *args, **more)

    monkeypatch.setattr(ProfileSteps, "take", overtaken)
    profiles.make_champion(name, 1, who="ada", why="approved")
    assert steps(records)[2:] == [("champion", 2), ("champion", 1)]
    assert profiles.version(name, 1).aliases == ("champion",)


def test_a_version_whose_settings_were_changed_in_mlflow_never_becomes_champion(
    profiles: ThresholdProfiles, mlflow_server: MlflowServer, name: str
) -> None:
    register(profiles, name)
    poison(mlflow_server, name, settings(0.4).model_copy(update={"profile": name}))
    with pytest.raises(ProfileError, match="it was registered as"):
        profiles.make_champion(name, 1, who="ada", why="approved")
    assert profiles.champion(name) is None


def poison(mlflow_server: MlflowServer, name: str, config: CanaryConfig, version: str = "1") -> None:
    """Other settings in the place of a version's, with the digest that they have."""
    from operators.learning.profile_version import digest_of, text_of

    text = text_of(config.model_dump(mode="json"))
    for key, value in ((SETTINGS_TAG, text), (DIGEST_TAG, digest_of(text))):
        mlflow_server.post(
            "model-versions/set-tag", name=f"gennaker.profile.{name}", version=version, key=key, value=value
        )


def test_what_is_simulated_is_marked_so_in_the_record_and_in_mlflow(
    profiles: ThresholdProfiles, records: Records, mlflow_server: MlflowServer, name: str
) -> None:
    register(profiles, name, provenance={"simulated": "true"})
    profiles.make_champion(name, 1, who="ada", why="a try")
    assert [record.body["simulated"] for record in records.search(kind=Kind.PROFILE)] == [True, True]
    model = mlflow_server.get("api/2.0/mlflow/model-versions/get", name=f"gennaker.profile.{name}", version="1").json()
    assert {"key": "gennaker.simulated", "value": "true"} in model["model_version"]["tags"]


def test_a_version_that_is_not_there_is_named(profiles: ThresholdProfiles, name: str) -> None:
    register(profiles, name)
    with pytest.raises(NoSuchVersion, match="has no version 7"):
        profiles.make_champion(name, 7, who="ada", why="approved")


def test_profiles_are_listed(profiles: ThresholdProfiles, name: str) -> None:
    register(profiles, name)
    assert name in profiles.profiles()
    assert json.dumps([version.to_json() for version in profiles.versions(name)])


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db"])
def test_without_a_server_the_error_says_how_to_name_one(
    uri: str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ProfileError, match="MLFLOW_TRACKING_URI"):
        ThresholdProfiles(records, uri).champion("standard")


def test_with_the_server_away_nothing_is_recorded(records: Records) -> None:
    with pytest.raises(Away):
        register(ThresholdProfiles(records, "http://127.0.0.1:9"), "standard")
    assert steps(records) == []


@pytest.mark.parametrize("name", ["", "a/b", "a b", "it's", "x" * 101])
def test_what_cannot_name_a_model_is_refused(name: str, profiles: ThresholdProfiles) -> None:
    with pytest.raises(ProfileError, match="cannot name"):
        register(profiles, name)


def test_a_file_that_is_not_there_is_named_before_anything_is_registered(
    profiles: ThresholdProfiles, name: str, tmp_path: Path
) -> None:
    with pytest.raises(ProfileError, match=r"gone\.ipynb"):
        register(profiles, name, artifacts={"notebook": tmp_path / "gone.ipynb"})
    assert profiles.versions(name) == []
