"""A version of a threshold profile: its settings, their digest, and where they come from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from canary.config import CanaryConfig
from operators.errors import ProfileError
from operators.records.record import canonical
from operators.records.redact import redact_body

#: The aliases of MLflow by which a version is in use, or is to be.
CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True, slots=True)
class ProfileVersion:
    """A registered version of a threshold profile.

    Args:
        profile: its name.
        version: from 1; numbers are never used twice.
        config: the settings.
        text: the settings as they were registered.
        digest: `sha256:...` of that text.
        aliases: `champion`, `challenger`, both or none.
        at: when it was registered (aware, UTC).
        who: who registered it.
        why: why, in a sentence.
        provenance: what it rests on, such as the data, the run and the notebook.
    """

    profile: str
    version: int
    config: CanaryConfig
    text: str
    digest: str
    aliases: tuple[str, ...]
    at: datetime
    who: str
    why: str
    provenance: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain JSON."""
        return {
            "profile": self.profile,
            "version": self.version,
            "digest": self.digest,
            "aliases": list(self.aliases),
            "at": self.at.isoformat(),
            "who": self.who,
            "why": self.why,
            "provenance": dict(self.provenance),
            "settings": self.config.model_dump(mode="json"),
        }


def text_of(settings: Mapping[str, Any]) -> str:
    """The one text of some settings, by which they are kept and compared. Raises RecordError for NaN and infinity."""
    return canonical(settings)


def digest_of(text: str) -> str:
    """`sha256:...` of a settings' text."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def usable(text: str, profile: str, digest: str) -> CanaryConfig:
    """The settings that a text holds, once they have passed every check there is.

    Raises ProfileError when they are not of that digest or profile, not valid, or hold a secret, which no record could
    keep as it is.
    """
    if digest_of(text) != digest:
        raise _unusable(profile, f"its settings are not those of its digest, {digest[:19]}")
    try:
        config = CanaryConfig.model_validate_json(text)
    except ValidationError as error:
        flaws = [f"{'.'.join(map(str, flaw['loc'])) or 'settings'}: {flaw['msg']}" for flaw in error.errors()]
        raise _unusable(profile, "; ".join(flaws)) from error
    if config.profile != profile:
        raise _unusable(profile, f"its settings are those of the profile {config.profile!r}")
    settings = json.loads(text)
    if redact_body(settings) != settings:
        raise _unusable(profile, "its settings hold what looks like a secret")
    return config


def _unusable(profile: str, why: str) -> ProfileError:
    return ProfileError(f"a version of {profile} cannot be used", why=why, mend="register a new version")
