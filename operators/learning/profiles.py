"""Threshold profiles as registered models of MLflow; every step is also a record."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from canary.config import CanaryConfig
from operators.errors import NoSuchVersion, ProfileError
from operators.learning.profile_steps import ProfileSteps, Step
from operators.learning.profile_version import CHALLENGER, CHAMPION, digest_of, text_of, usable
from operators.learning.profile_version import ProfileVersion as ProfileVersion
from operators.learning.registration import Registration, delete_doubles, write_version
from operators.learning.registry import LONGEST_SETTINGS, Registry, model_of
from operators.records import Records
from operators.records.records import utc_now

#: Times that the champion's alias is set to what the records say, while others change it.
_MOST_CHANGES: Final = 10


class ThresholdProfiles:
    """The threshold profiles of an MLflow server.

    A step changes MLflow first and is recorded then; a step that broke off is taken again by the same call, and what
    was done or recorded is not done twice.

    Args:
        records: where every step is written.
        tracking_uri: the MLflow server, by default `MLFLOW_TRACKING_URI`.
        clock: the time now (aware).

    Every method raises ProfileError for what there is not or cannot be used, Away while MLflow does not answer, and
    Refused when it says no.
    """

    def __init__(
        self, records: Records, tracking_uri: str | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or ""
        self._steps = ProfileSteps(records, clock)

    def register(
        self,
        profile: str,
        config: CanaryConfig,
        *,
        who: str,
        why: str,
        provenance: Mapping[str, str],
        artifacts: Mapping[str, Path] = {},
    ) -> int:
        """Registers settings as a version of a profile and gives its number; the same settings are the same version.

        Args:
            profile: its name.
            config: the settings; their `profile` becomes this one.
            who: who registers them.
            why: why, in a sentence.
            provenance: what they rest on; kept as tags. `simulated: true` marks what rests on simulated canaries.
            artifacts: files that are kept with the version, each in a folder of its name.
        """
        text = text_of(config.model_copy(update={"profile": profile}).model_dump(mode="json"))
        registration = Registration(profile, text, digest_of(text), who, why, provenance, artifacts)
        _check(registration)
        with self._registry() as registry:
            number = _number_of(registry, registration)
            if number is None:
                write_version(self._uri, registration)
                number = _number_of(registry, registration)
                assert number is not None, "a version that was written is there"
                delete_doubles(self._uri, registration, keep=number)
        self._steps.take(Step.REGISTERED, profile, number, registration.digest, who=who, why=why, more=provenance)
        return number

    def make_challenger(self, profile: str, version: int, *, who: str, why: str) -> None:
        """Says that a version is to replace the champion."""
        with self._registry() as registry:
            found = self._trusted(registry.version(profile, version))
            registry.set_alias(profile, CHALLENGER, version)
        self._steps.take(Step.CHALLENGER, profile, version, found.digest, who=who, why=why, more=found.provenance)

    def make_champion(self, profile: str, version: int, *, who: str, why: str) -> None:
        """Says that runs use a version from now on; also the way back to an earlier one."""
        with self._registry() as registry:
            found = self._trusted(registry.version(profile, version))
            registry.set_alias(profile, CHAMPION, version)
            if CHALLENGER in found.aliases:
                registry.delete_alias(profile, CHALLENGER)
            self._steps.take(Step.CHAMPION, profile, version, found.digest, who=who, why=why, more=found.provenance)
            self._settle(registry, profile)

    def reject(self, profile: str, version: int, *, who: str, why: str) -> None:
        """Says that a challenger does not become champion."""
        with self._registry() as registry:
            found = registry.version(profile, version)
            if CHALLENGER in found.aliases:
                registry.delete_alias(profile, CHALLENGER)
        self._steps.take(Step.REJECTED, profile, version, found.digest, who=who, why=why, more=found.provenance)

    def champion(self, profile: str) -> ProfileVersion | None:
        """The version that runs use; None where there is none."""
        with self._registry() as registry:
            return registry.aliased(profile, CHAMPION)

    def version(self, profile: str, number: int) -> ProfileVersion:
        """One version. Raises NoSuchVersion."""
        with self._registry() as registry:
            return registry.version(profile, number)

    def versions(self, profile: str) -> list[ProfileVersion]:
        """The versions of a profile that can be used, oldest first."""
        with self._registry() as registry:
            return [each for each in registry.versions(profile) if isinstance(each, ProfileVersion)]

    def profiles(self) -> list[str]:
        """The names of the registered profiles, sorted."""
        with self._registry() as registry:
            return registry.profiles()

    def before(self, profile: str) -> int:
        """The champion that the present one took the place of. Raises NoSuchVersion."""
        with self._registry() as registry:
            now = registry.number_of(profile, CHAMPION)
        earlier = self._steps.champions(profile)
        if earlier and earlier[-1] == now:
            earlier.pop()
        if not earlier:
            raise NoSuchVersion(
                f"no version of {profile} was champion before",
                why=f"the champion is {f'version {now}' if now else 'none'}",
                mend=f"name a version; see 'gennaker profiles list {profile}'",
            )
        return earlier[-1]

    def _registry(self) -> Registry:
        if not self._uri.startswith(("http://", "https://")):
            raise ProfileError(
                "threshold profiles are registered in MLflow, and its server is not known",
                why=f"MLFLOW_TRACKING_URI is {'no HTTP address' if self._uri else 'not set'}",
                mend="set it to the address of an MLflow server",
            )
        return Registry(self._uri)

    def _trusted(self, found: ProfileVersion) -> ProfileVersion:
        """The version, unless it was registered with other settings than it has."""
        known = self._steps.digest(found.profile, found.version)
        if known is not None and known != found.digest:
            raise ProfileError(
                f"version {found.version} of {found.profile} cannot be used",
                why=f"it was registered as {known[:19]} and is {found.digest[:19]} now",
                mend="register the settings again",
            )
        return found

    def _settle(self, registry: Registry, profile: str) -> None:
        """Has the alias follow the last record, where two made different versions champion at once."""
        for _ in range(_MOST_CHANGES):
            last = self._steps.champions(profile)[-1]
            if registry.number_of(profile, CHAMPION) == last:
                return
            registry.set_alias(profile, CHAMPION, last)


def _check(registration: Registration) -> None:
    """Raises ProfileError for what cannot be registered, before anything is."""
    model_of(registration.profile)
    usable(registration.text, registration.profile, registration.digest)
    what = f"the settings for {registration.profile} cannot be registered"
    if len(registration.text) > LONGEST_SETTINGS:
        raise ProfileError(what, why=f"they are {len(registration.text)} characters, at most {LONGEST_SETTINGS} fit")
    for name, path in registration.artifacts.items():
        if not path.is_file():
            raise ProfileError(what, why=f"the file for {name} is not there: {path.name}", mend="write it first")


def _number_of(registry: Registry, registration: Registration) -> int | None:
    """The first version with these settings."""
    found = [each for each in registry.versions(registration.profile) if isinstance(each, ProfileVersion)]
    return next((each.version for each in found if each.digest == registration.digest), None)
