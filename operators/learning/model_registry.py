"""Registered models of an MLflow server, over its REST API: JSON files with versions and aliases.

Reading one takes no import of MLflow's own client, so that a pipeline's run may do it.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import quote

from operators.records.outbox import Tracked
from operators.tracking import Away, Refused, Tracking

#: Where a version's files are among those of its run.
FOLDER: Final = "model"
#: How MLflow says that there is no such model, version or alias.
_MISSING: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
#: The tag of a version by which the same content is found again.
_CONTENT_TAG: Final = "gennaker.digest"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model.

    Args:
        name: of the model.
        version: its number, from 1.
        source: where its files are.
        run_id: the MLflow run that they belong to.
        tags: what is said of it.
        aliases: of the model, that point at it.
        description: why it was made.
        created_ms: when, in milliseconds since 1970.
    """

    name: str
    version: int
    source: str
    run_id: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    description: str
    created_ms: int

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What the server tells of a version; raises Away for what is none, as another server might say."""
        try:
            return cls(
                name=str(told["name"]),
                version=int(told["version"]),
                source=str(told.get("source", "")),
                run_id=str(told.get("run_id", "")),
                tags={str(tag["key"]): str(tag["value"]) for tag in told.get("tags", [])},
                aliases=tuple(sorted(map(str, told.get("aliases", [])))),
                description=str(told.get("description", "")),
                created_ms=int(told.get("creation_timestamp", 0)),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            mend = "see that the tracking URI is that of an MLflow server"
            raise Away("MLflow's answer makes no sense", why=repr(error), mend=mend) from error


class ModelRegistry(Tracking):
    """The registered models of an MLflow server; every call may be made twice, and raises Away or Refused."""

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version that an alias points at; None without."""
        try:
            told = self._get("registered-models/alias", name=name, alias=alias)
        except Refused as refused:
            if refused.code in _MISSING:
                return None
            raise
        return ModelVersion.from_json(told.get("model_version", {}))

    def version(self, name: str, number: int) -> ModelVersion | None:
        """A version by its number; None without."""
        try:
            told = self._get("model-versions/get", name=name, version=str(number))
        except Refused as refused:
            if refused.code in _MISSING:
                return None
            raise
        return ModelVersion.from_json(told.get("model_version", {}))

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, oldest first."""
        wanted, found, token = f"name = '{name}'", list[ModelVersion](), ""
        aliases = self._aliases(name)
        while True:
            page = self._get("model-versions/search", filter=wanted, max_results="200", page_token=token)
            found += [ModelVersion.from_json(told) for told in page.get("model_versions", [])]
            token = str(page.get("next_page_token", ""))
            if not token:
                named = [replace(each, aliases=tuple(sorted(aliases[each.version]))) for each in found]
                return sorted(named, key=lambda version: version.version)

    def read(self, version: ModelVersion, path: str) -> dict[str, Any]:
        """A JSON object among the files of a version; empty when it is something else."""
        folder = version.source.removeprefix("mlflow-artifacts:/").strip("/")
        return self._request("GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{folder}/{path}')}")

    def register(
        self,
        name: str,
        digest: str,
        files: Mapping[str, bytes],
        *,
        at_ms: int,
        tags: Mapping[str, str],
        params: Mapping[str, str] = {},
        metrics: Mapping[str, float] = {},
        description: str = "",
    ) -> ModelVersion:
        """A version with these files, in a run of its own; the same digest again gives the same version."""
        for known in self.versions(name):
            if known.tags.get(_CONTENT_TAG) == digest:
                return known
        self._model(name)
        run = self._run(name, digest, at_ms, tags)
        self.params(run.run_id, params)
        points = [{"key": key, "value": value, "timestamp": at_ms, "step": 0} for key, value in metrics.items()]
        self.metrics(run.run_id, points)
        for path, content in files.items():
            self.artifact(run, path, content)
        self.finish(run.run_id, end_ms=at_ms, tags={})
        told = self._post(
            "model-versions/create",
            name=name,
            source=f"{run.artifact_uri}/{FOLDER}",
            run_id=run.run_id,
            description=description,
            tags=[{"key": key, "value": value} for key, value in {**tags, _CONTENT_TAG: digest}.items()],
        )
        return ModelVersion.from_json(told.get("model_version", {}))

    def set_alias(self, name: str, alias: str, number: int) -> None:
        """Points an alias at a version."""
        self._post("registered-models/alias", name=name, alias=alias, version=str(number))

    def _aliases(self, name: str) -> Mapping[int, list[str]]:
        """The aliases of each version, which MLflow's search leaves out."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        try:
            model = self._get("registered-models/get", name=name).get("registered_model", {})
        except Refused as refused:
            if refused.code in _MISSING:
                return found
            raise
        for told in model.get("aliases", []):
            found[int(told["version"])].append(str(told["alias"]))
        return found

    def _model(self, name: str) -> None:
        try:
            self._post("registered-models/create", name=name)
        except Refused as refused:
            if refused.code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _run(self, name: str, digest: str, at_ms: int, tags: Mapping[str, str]) -> Tracked:
        """The run of this content: one that was made before and killed is gone on with."""
        experiment, key = self.experiment(name), f"{name}:{digest}"
        known = self.runs(experiment, key)
        return known[0] if known else self.create(experiment, key, name=name, start_ms=at_ms, tags=tags)

    def _get(self, endpoint: str, **parameters: str) -> dict[str, Any]:
        given = {key: value for key, value in parameters.items() if value}
        return self._request("GET", f"/api/2.0/mlflow/{endpoint}", params=given)


def signature(inputs: Sequence[str], output: str) -> bytes:
    """The `MLmodel` file that tells MLflow what goes in and what comes out, all of them numbers."""
    # JSON is YAML; MLflow looks for `artifact_path`, `flavors` and `signature`.
    told = {
        "artifact_path": FOLDER,
        "flavors": {"gennaker": {}},
        "signature": {"inputs": _columns(inputs), "outputs": _columns([output]), "params": None},
    }
    return json.dumps(told, indent=1).encode()


def _columns(names: Sequence[str]) -> str:
    return json.dumps([{"type": "double", "name": name, "required": True} for name in names])
