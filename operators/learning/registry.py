"""Threshold profiles in MLflow's model registry, over its REST API; MLflow itself is not imported."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operators.errors import NoSuchVersion, ProfileError
from operators.learning.profile_version import ProfileVersion, usable
from operators.tracking import Away, Refused, answer_of, client_of

#: A profile's registered model has this before the profile's name.
MODEL: Final = "gennaker.profile."
#: Tags of a version: its settings as text and their digest, who registered it and why, and what it rests on.
SETTINGS_TAG, DIGEST_TAG, WHO_TAG, WHY_TAG = (f"gennaker.{name}" for name in ("settings", "digest", "who", "why"))
PROVENANCE_TAG: Final = "gennaker.from."
#: Longest text of settings that a tag takes (mlflow.utils.validation, 3.17).
LONGEST_SETTINGS: Final = 100_000
#: No answer is longer: a thousand versions with long settings are 10 MB.
_LONGEST_ANSWER: Final = 16_000_000
_PER_PAGE: Final = 200
#: Names that MLflow takes for a model, and that a filter can quote.
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.@-]{0,99}", re.ASCII)


class _Tag(BaseModel):
    key: str
    value: str = ""


class _Version(BaseModel):
    """What MLflow tells of a model version, as far as it is used."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int = Field(ge=1)
    creation_timestamp: int = Field(ge=0, le=10**14)
    tags: tuple[_Tag, ...] = ()
    aliases: tuple[str, ...] = ()


class Registry:
    """The threshold profiles that an MLflow server has registered.

    Args:
        url: its address; credentials as `Tracking` takes them.

    Every call may be made twice. Each raises Away when MLflow does not answer, Refused when it says no, and
    ProfileError when a version is not what Gennaker registered.
    """

    def __init__(self, url: str) -> None:
        self._client = client_of(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def aliased(self, profile: str, alias: str) -> ProfileVersion | None:
        """The version of a profile that has an alias; None where none has, or there is no such profile."""
        try:
            answer = self._get("registered-models/alias", name=model_of(profile), alias=alias)
        except Refused as refused:
            is_missing = refused.code == "RESOURCE_DOES_NOT_EXIST" or "not found" in refused.why
            if not is_missing:
                raise
            return None
        return _version_of(profile, answer.get("model_version"))

    def version(self, profile: str, number: int) -> ProfileVersion:
        """One version of a profile. Raises NoSuchVersion."""
        try:
            answer = self._get("model-versions/get", name=model_of(profile), version=str(number))
        except Refused as refused:
            if refused.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise NoSuchVersion(
                f"the threshold profile {profile} has no version {number}",
                why=refused.why,
                mend=f"see 'gennaker profiles list {profile}'",
            ) from refused
        found = _version_of(profile, answer.get("model_version"))
        if found.version != number:
            raise _rubbish(profile, f"asked for version {number}, it gave {found.version}")
        return found

    def versions(self, profile: str) -> list[ProfileVersion | ProfileError]:
        """All versions of a profile, oldest first; what is wrong with it in the place of one that cannot be used."""
        found: list[ProfileVersion | ProfileError] = []
        aliases = self._aliases(profile)
        wanted = {"filter": f"name = '{model_of(profile)}'", "order_by": "version_number ASC"}
        for raw in self._pages("model-versions/search", "model_versions", **wanted):
            try:
                number = int(raw["version"])
                known = [alias for alias, version in aliases.items() if version == number]
                found.append(_version_of(profile, {**raw, "aliases": known}))
            except ProfileError as error:
                found.append(error)
        return found

    def profiles(self) -> list[str]:
        """The names of all registered profiles, sorted."""
        found = self._pages("registered-models/search", "registered_models", filter=f"name LIKE '{MODEL}%'")
        return sorted(str(raw["name"]).removeprefix(MODEL) for raw in found)

    def number_of(self, profile: str, alias: str) -> int | None:
        """The number of the version that has an alias."""
        return self._aliases(profile).get(alias)

    def set_alias(self, profile: str, alias: str, number: int) -> None:
        """Gives an alias to a version, and takes it from the one that had it."""
        self._ask(
            "POST", "registered-models/alias", json={"name": model_of(profile), "alias": alias, "version": str(number)}
        )

    def delete_alias(self, profile: str, alias: str) -> None:
        """Takes an alias from whichever version has it."""
        self._ask("DELETE", "registered-models/alias", json={"name": model_of(profile), "alias": alias})

    def _aliases(self, profile: str) -> dict[str, int]:
        try:
            model = self._get("registered-models/get", name=model_of(profile)).get("registered_model")
            said: list[Mapping[str, Any]] = model.get("aliases", []) if isinstance(model, dict) else []
            return {str(each["alias"]): int(each["version"]) for each in said}
        except Refused as refused:
            if refused.code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        except (KeyError, TypeError, ValueError) as error:
            raise _rubbish(profile, str(error)) from error

    def _pages(self, endpoint: str, key: str, **wanted: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            more = {"page_token": token} if token else {}
            page = self._get(endpoint, **wanted, max_results=str(_PER_PAGE), **more)
            found += page.get(key, [])
            token = str(page.get("next_page_token") or "")
            if not token:
                return found

    def _get(self, endpoint: str, **params: str) -> dict[str, Any]:
        return self._ask("GET", endpoint, params=params)

    def _ask(self, method: str, endpoint: str, **content: Any) -> dict[str, Any]:
        """The answer, read no further than it can be long."""
        body = bytearray()
        try:
            with self._client.stream(method, f"/api/2.0/mlflow/{endpoint}", **content) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LONGEST_ANSWER:
                        raise Away("MLflow", why=f"its answer is longer than {_LONGEST_ANSWER} bytes")
        except httpx.HTTPError as error:
            raise Away(type(error).__name__, why=str(error)) from error
        return answer_of(response.status_code, bytes(body))


def model_of(profile: str) -> str:
    """The name of a profile's registered model. Raises ProfileError for a name that none can have."""
    if not _NAME.fullmatch(profile):
        raise ProfileError(
            f"{profile!r} cannot name a registered threshold profile",
            why="expected letters, digits and . _ @ -, at most 100",
            mend="give the profile another name",
        )
    return MODEL + profile


def _version_of(profile: str, answer: object) -> ProfileVersion:
    try:
        said = _Version.model_validate(answer)
    except ValidationError as error:
        raise _rubbish(profile, str(error.errors()[0]["msg"])) from error
    if said.name != model_of(profile):
        raise _rubbish(profile, f"it gave {said.name!r}")
    tags = {tag.key: tag.value for tag in said.tags}
    missing = [tag for tag in (SETTINGS_TAG, DIGEST_TAG) if tag not in tags]
    if missing:
        what = f"version {said.version} of {profile} cannot be used"
        raise ProfileError(what, why=f"it has no tag {missing[0]}", mend="register settings by Gennaker")
    return ProfileVersion(
        profile=profile,
        version=said.version,
        config=usable(tags[SETTINGS_TAG], profile, tags[DIGEST_TAG]),
        text=tags[SETTINGS_TAG],
        digest=tags[DIGEST_TAG],
        aliases=tuple(sorted(said.aliases)),
        at=datetime.fromtimestamp(said.creation_timestamp / 1000, UTC),
        who=tags.get(WHO_TAG, ""),
        why=tags.get(WHY_TAG, ""),
        provenance={
            key.removeprefix(PROVENANCE_TAG): value for key, value in tags.items() if key.startswith(PROVENANCE_TAG)
        },
    )


def _rubbish(profile: str, why: str) -> ProfileError:
    mend = "see that the tracking URI is that of an MLflow server"
    return ProfileError(f"MLflow's answer about {profile} makes no sense", why=why, mend=mend)
