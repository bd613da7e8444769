"""Releases of which it is known what became of them, in memory and as a file with one a line."""

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from canary.errors import CanaryError
from canary.learning.facts import ChangeFacts, ChangeKind, ReleaseFacts
from canary.learning.recorded import Truth


@dataclass(frozen=True, slots=True)
class LabelledRelease:
    """A release that turned out good or bad.

    Args:
        facts: what was known before it started.
        truth: what it turned out to be.
        known_at: since when that is known (aware, UTC).
    """

    facts: ReleaseFacts
    truth: Truth
    known_at: datetime


def write_releases(path: Path, releases: Iterable[LabelledRelease]) -> int:
    """Writes one release a line, as JSON, compressed by gzip; gives how many. The same ones are the same bytes."""
    lines = [json.dumps(_to_json(release), sort_keys=True) for release in releases]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    return len(lines)


def read_releases(path: Path) -> list[LabelledRelease]:
    """The releases that `write_releases` wrote; raises CanaryError with file and line for what is none."""
    found = []
    try:
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise CanaryError(f"{path} cannot be read", why=str(error), mend="export the releases again") from error
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_from_json(json.loads(line)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            what = f"{path}:{number}: this is no labelled release"
            raise CanaryError(what, why=str(error), mend="export the releases again") from error
    return found


def facts_to_json(facts: ReleaseFacts) -> dict[str, Any]:
    """What is known of a release, as plain JSON."""
    told = asdict(facts) | {"at": facts.at.isoformat()}
    told["change"] = told["change"] | {"kind": facts.change.kind.value}
    return told


def facts_from_json(told: dict[str, Any]) -> ReleaseFacts:
    """What `facts_to_json` wrote."""
    change = {**told["change"], "kind": ChangeKind(told["change"]["kind"])}
    return ReleaseFacts(**{**told, "at": _aware(told["at"]), "change": ChangeFacts(**change)})


def _to_json(release: LabelledRelease) -> dict[str, Any]:
    return {
        "facts": facts_to_json(release.facts),
        "truth": release.truth.value,
        "known_at": release.known_at.isoformat(),
    }


def _from_json(told: dict[str, Any]) -> LabelledRelease:
    return LabelledRelease(facts_from_json(told["facts"]), Truth(told["truth"]), _aware(told["known_at"]))


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"the time {text} has no zone")
    return at
