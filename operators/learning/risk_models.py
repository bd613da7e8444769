"""Versions of the model of risk in MLflow: registered, one of them the champion, the last known one remembered."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Connection

from canary.errors import CanaryError
from canary.learning.risk import RiskModel
from canary.learning.risk_features import NAMES
from operators.learning.model_registry import FOLDER, ModelRegistry, ModelVersion, signature
from operators.learning.risk import RiskPolicy, ServedRisk
from operators.records import Json, Kind, Record, Records, Subject, chain
from operators.records.records import utc_now
from operators.tracking import Away

#: The registered model's name, also that of the experiment with the runs that made its versions.
NAME: Final = "gennaker.risk"
CHAMPION, CHALLENGER = "champion", "challenger"
_FILE: Final = "risk.json"
#: What provenance says of a model that was learned from releases that never were.
_SIMULATED: Final = "simulated"


class RiskModels:
    """The model's versions.

    Args:
        records: where every step is written, and where the last known champion is found.
        tracking_uri: the MLflow server; by default `MLFLOW_TRACKING_URI`.
        clock: the time now (aware).

    Raises Away when MLflow cannot answer, and Refused when it will not; `last_known` asks the records only.
    """

    def __init__(
        self, records: Records, tracking_uri: str | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._records, self._clock = records, clock
        self._server = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or ""

    def register(
        self,
        model: RiskModel,
        policy: RiskPolicy,
        *,
        who: str,
        why: str,
        provenance: Mapping[str, str] = {},
        metrics: Mapping[str, float] = {},
        artifacts: Mapping[str, Path] = {},
    ) -> int:
        """A version of this model and policy; the same again gives the same one.

        Args:
            model: the model.
            policy: what follows from its probabilities.
            who: the person or the run that made it.
            why: what shows that it is good, in a sentence.
            provenance: what it was made from; small texts.
            metrics: figures of its proof.
            artifacts: files to keep with it, such as the executed notebook.
        """
        text = _text(ServedRisk(0, model, policy))
        files = {f"{FOLDER}/{_FILE}": text, f"{FOLDER}/MLmodel": signature(NAMES, "probability")}
        files |= {name: path.read_bytes() for name, path in artifacts.items()}
        said = {"gennaker.who": who, "gennaker.why": why, **provenance}
        if provenance.get(_SIMULATED) == "true":
            said["gennaker.simulated"] = "true"
        digest = hashlib.sha256(text).hexdigest()
        with self._registry() as registry:
            made = registry.register(
                NAME,
                digest,
                files,
                at_ms=round(self._clock().timestamp() * 1000),
                tags=said,
                params={**provenance, **{name: str(value) for name, value in policy.model_dump().items()}},
                metrics=metrics,
                description=why,
            )
            champion = registry.by_alias(NAME, CHAMPION)
            if champion is None or made.version > champion.version:
                registry.set_alias(NAME, CHALLENGER, made.version)
        more: dict[str, Json] = {"digest": digest, "who": who, "why": why, "provenance": dict(provenance)}
        self._say_once("registered", made.version, {**more, **_mark(provenance)})
        return made.version

    def make_champion(self, version: int, *, who: str, why: str) -> None:
        """Makes a version the one in use, also an earlier one again; raises CanaryError when it cannot be used."""
        with self._registry() as registry:
            found = registry.version(NAME, version)
            if found is None:
                known = ", ".join(str(each.version) for each in registry.versions(NAME)) or "none"
                raise CanaryError(f"no version {version} of {NAME}", why=f"known are {known}", mend="name one of these")
            served = self._served(registry, found)
            registry.set_alias(NAME, CHAMPION, version)
        with self._records.database.write() as connection:
            last = next(iter(_said(connection, "champion")), None)
            if last is None or last.body["version"] != version:
                body: dict[str, Json] = {"event": "champion", "version": version, "who": who, "why": why}
                chain.append(connection, self._clock(), Kind.RISK, Subject(), {**body, **_mark(found.tags)})
        self._remember(served)

    def champion(self) -> ServedRisk | None:
        """The version in use, remembered in the records; None without one."""
        with self._registry() as registry:
            found = registry.by_alias(NAME, CHAMPION)
            served = self._served(registry, found) if found else None
        if served:
            self._remember(served)
        return served

    def last_known(self) -> ServedRisk | None:
        """The version that was in use when MLflow last answered; None when there never was one."""
        with self._records.database.read() as connection:
            last = next(iter(_said(connection, "in use")), None)
        if last is None:
            return None
        body: Any = last.body
        return ServedRisk.from_json(int(body["version"]), body["content"])

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        with self._registry() as registry:
            return registry.versions(NAME)

    @contextmanager
    def _registry(self) -> Iterator[ModelRegistry]:
        if not self._server.startswith(("http://", "https://")):
            raise Away("there is no MLflow server", why="MLFLOW_TRACKING_URI names none", mend="set it")
        try:
            registry = ModelRegistry(self._server)
        except (ValueError, httpx.InvalidURL) as error:
            raise Away(
                "there is no MLflow server", why="MLFLOW_TRACKING_URI is no address", mend="correct it"
            ) from error
        with registry:
            yield registry

    def _served(self, registry: ModelRegistry, found: ModelVersion) -> ServedRisk:
        """The version's content; raises CanaryError when it is none, or not what was registered."""
        served = ServedRisk.from_json(found.version, registry.read(found, _FILE))
        digest = hashlib.sha256(_text(served)).hexdigest()
        with self._records.database.read() as connection:
            told = [r.body for r in _said(connection, "registered") if r.body["version"] == found.version]
        if told and told[0]["digest"] != digest:
            what = f"version {found.version} of the model of risk is not what was registered"
            raise CanaryError(what, why="its digest is another one", mend="make another version the champion")
        return served

    def _remember(self, served: ServedRisk) -> None:
        """Writes which version is in use, when the records know another one as the last."""
        body: dict[str, Json] = {"event": "in use", "version": served.version, "content": served.to_json()}
        with self._records.database.write() as connection:
            last = next(iter(_said(connection, "in use")), None)
            if last is None or any(last.body.get(key) != value for key, value in body.items()):
                chain.append(connection, self._clock(), Kind.RISK, Subject(), body)

    def _say_once(self, event: str, version: int, body: Mapping[str, Json]) -> None:
        with self._records.database.write() as connection:
            if all(record.body.get("version") != version for record in _said(connection, event)):
                chain.append(
                    connection, self._clock(), Kind.RISK, Subject(), {"event": event, "version": version, **body}
                )


def _mark(provenance: Mapping[str, str]) -> dict[str, Json]:
    """What marks a record about a model of simulated releases."""
    return {"simulated": True} if provenance.get(_SIMULATED) == "true" else {}


def _text(served: ServedRisk) -> bytes:
    """Model and policy as they are kept; the same ones are the same bytes."""
    return json.dumps(served.to_json(), sort_keys=True, indent=1).encode()


def _said(connection: Connection, event: str) -> list[Record]:
    """The records of such an event in the model's life, newest first."""
    told = chain.search(connection, {"kind": Kind.RISK.value, "run": ""}, newest_first=True)
    return [record for record in told if record.body.get("event") == event]
