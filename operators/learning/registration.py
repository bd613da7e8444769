"""Writing a version of a threshold profile to MLflow: a run with its files, a model, a model version."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from canary.config import CanaryConfig
from canary.learning.bounds import settings_of
from operators.learning import registry as tags
from operators.learning.registry import model_of
from operators.tracking import Refused

#: The MLflow experiment that has a run for each version of a profile.
EXPERIMENT: Final = "gennaker/profiles"
#: The code of the model, of which each version has a copy.
_CODE: Final = Path(__file__).with_name("profile_model.py")
_MODULE: Final = "gennaker_profile"
#: What the model is asked with, and what it answers.
_COLUMNS: Final = {"inputs": "service", "outputs": "settings"}


@dataclass(frozen=True, slots=True)
class Registration:
    """What is registered.

    Args:
        profile: name of the profile.
        text: the settings' text.
        digest: of the text.
        who: who registers it.
        why: why, in a sentence.
        provenance: what it rests on.
        artifacts: files to keep with it, by the name of their folder.
    """

    profile: str
    text: str
    digest: str
    who: str
    why: str
    provenance: Mapping[str, str]
    artifacts: Mapping[str, Path] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """What MLflow keeps beside the version, and finds it by."""
        said = {tags.DIGEST_TAG: self.digest, tags.WHO_TAG: self.who, tags.WHY_TAG: self.why}
        if self.provenance.get("simulated") == "true":
            said["gennaker.simulated"] = "true"
        return {**said, **{f"{tags.PROVENANCE_TAG}{name}": value for name, value in self.provenance.items()}}


def write_version(uri: str, registration: Registration) -> None:
    """Makes a run with the settings, the files and the model, and of it a version of the registered model.

    A run that was left without a version is filled up and used. MLflow's own client takes seconds to import.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client, name = MlflowClient(tracking_uri=uri, registry_uri=uri), model_of(registration.profile)
    try:
        run = _run(client, registration)
        _fill(client, run, registration)
        _make_model(client, name)
        settings = {tags.SETTINGS_TAG: registration.text}
        client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/model",
            run_id=run.info.run_id,
            tags={**registration.tags, **settings},
            description=registration.why,
            await_creation_for=0,
        )
    except MlflowException as error:
        raise Refused(str(error.error_code), str(error)) from error


def delete_doubles(uri: str, registration: Registration, keep: int) -> None:
    """Removes other versions of the same settings, which somebody wrote at the same time."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client, name = MlflowClient(tracking_uri=uri, registry_uri=uri), model_of(registration.profile)
    try:
        for other in client.search_model_versions(f"name = '{name}'"):
            if other.tags.get(tags.DIGEST_TAG) == registration.digest and int(other.version) > keep:
                client.delete_model_version(name, other.version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # they have removed it themselves
            raise Refused(str(error.error_code), str(error)) from error


def _run(client: Any, registration: Registration) -> Any:
    """The run of the same settings of a try that broke off, or a new one."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = experiment.experiment_id if experiment else _made(client)
    said = {**registration.tags, "profile": registration.profile}
    wanted = f"tags.`{tags.DIGEST_TAG}` = '{registration.digest}' and tags.profile = '{registration.profile}'"
    found = client.search_runs([number], wanted, order_by=["attributes.start_time ASC"])
    return found[0] if found else client.create_run(number, tags=said, run_name=registration.profile)


def _made(client: Any) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(EXPERIMENT))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(EXPERIMENT).experiment_id)


def _make_model(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description="A threshold profile of Gennaker.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _fill(client: Any, run: Any, registration: Registration) -> None:
    """Writes the settings as parameters, the model, and all files; again changes nothing."""
    from mlflow.entities import Param

    run_id = run.info.run_id
    config = CanaryConfig.model_validate_json(registration.text)
    client.log_batch(run_id, params=[Param(name, repr(value)) for name, value in settings_of(config).items()])
    client.log_text(run_id, json.dumps(json.loads(registration.text), indent=2), "settings.json")
    for name, path in registration.artifacts.items():
        client.log_artifact(run_id, str(path), f"provenance/{name}")
    with TemporaryDirectory() as folder:
        client.log_artifacts(run_id, str(_saved(Path(folder), registration)), "model")
    client.update_run(run_id, status="FINISHED")


def _saved(folder: Path, registration: Registration) -> Path:
    """The model as a folder of code and JSON, without a pickle.

    The format is MLflow's own (MLflow Models, "Storage format"; Python function, "Filesystem format"). Its own way of
    writing it takes seconds more, as it tries the model out first.
    """
    code = folder / "code"
    code.mkdir()
    (code / f"{_MODULE}.py").write_bytes(_CODE.read_bytes())
    (folder / "settings.json").write_text(registration.text, encoding="utf-8")
    function = {"loader_module": _MODULE, "code": "code", "data": "settings.json"}
    described = {
        "flavors": {"python_function": {**function, "python_version": platform.python_version()}},
        "signature": {name: json.dumps([{"type": "string", "name": column}]) for name, column in _COLUMNS.items()},
        "metadata": {"profile": registration.profile, "digest": registration.digest},
        "model_uuid": registration.digest.removeprefix("sha256:")[:32],
        "mlflow_version": version("mlflow"),
    }
    (folder / "MLmodel").write_text(json.dumps(described, indent=2), encoding="utf-8")  # YAML takes JSON
    return folder
