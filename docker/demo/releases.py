"""The demo's four releases of Playback."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

PLAYBACK = Path(__file__).parent / "playback"

#: By version: what each release does differently.
RELEASES: Mapping[str, Mapping[str, object]] = {
    "1.0.0": {},
    "1.1.0": {"skip_intro": True},
    "1.2.0": {"error_rate": 0.12},
    "1.3.0": {"slow": {"region": "eu-central-1", "above_rps": 8, "by_ms": 60}},
}


def make_release(target: Path, version: str, knobs: Mapping[str, object]) -> Path:
    """Writes one release's source to `target`, replacing what was there; gives `target`."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(PLAYBACK, target, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    (target / "VERSION").write_text(f"{version}\n")
    if knobs:
        (target / "release.json").write_text(json.dumps(knobs, indent=2, sort_keys=True) + "\n")
    return target


def make_releases(folder: Path) -> dict[str, Path]:
    """Writes all four releases below `folder`; gives their folders by version."""
    return {version: make_release(folder / version, version, knobs) for version, knobs in RELEASES.items()}
