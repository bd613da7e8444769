"""What this release is: its version, and how it behaves beside its code (`release.json`)."""

import json
from dataclasses import dataclass
from pathlib import Path

#: A pretend licence service fails this often on its own; no service is perfect.
NATURAL_ERROR_RATE = 0.002


@dataclass(frozen=True, slots=True)
class Slow:
    """Slow in one region, and only under load.

    Args:
        region: the region it happens in.
        above_rps: from this many requests a second to one instance.
        by_ms: added to each answer.
    """

    region: str
    above_rps: float
    by_ms: float


@dataclass(frozen=True, slots=True)
class Release:
    """One release of Playback.

    Args:
        version: its version.
        error_rate: share of requests it fails by itself.
        slow: where it is slow, or None.
        skip_intro: whether a manifest offers to skip the intro.
    """

    version: str
    error_rate: float = NATURAL_ERROR_RATE
    slow: Slow | None = None
    skip_intro: bool = False


def read_release(folder: Path) -> Release:
    """The release in `folder`, from its `VERSION` and, where there is one, `release.json`."""
    version = (folder / "VERSION").read_text().strip()
    path = folder / "release.json"
    knobs = json.loads(path.read_text()) if path.exists() else {}
    slow = knobs.pop("slow", None)
    return Release(version=version, slow=Slow(**slow) if slow else None, **knobs)
