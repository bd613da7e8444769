"""The demo's load: one process that keeps asking all regions, and what it counted."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from operators.atomic_file import write_atomically

#: Requests a second to each region: enough evidence for a verdict in half a minute, and two cores carry it.
RATE_RPS: Final = 210


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that the load made so far: all of them, and those that no release answered."""

    requests: int
    lost: int

    def since(self, earlier: "Counted") -> "Counted":
        """What was counted after `earlier`."""
        return Counted(self.requests - earlier.requests, self.lost - earlier.lost)


@dataclass(frozen=True, slots=True)
class Load:
    """A load that runs."""

    out: Path

    def counted(self) -> Counted:
        """The counts so far; zeros before the first half second."""
        figures = self._figures()
        return Counted(int(figures.get("requests", 0)), int(figures.get("lost", 0)))

    def lost_kinds(self) -> list[str]:
        """What became of lost requests, a line for each target and kind."""
        targets = self._figures().get("targets", {})
        return [f"{name}: {kind} {what}" for name, t in targets.items() for kind, what in t["lost_kinds"].items()]

    def seconds_of(self, version: str, region: str) -> float | None:
        """Seconds from a release's first bad answer in a region to its last answer there.

        Where no answer was bad by itself (a slow release), from its first answer; None when it was never there.
        """
        seen = self._figures().get("targets", {}).get(region, {}).get("versions", {}).get(version)
        if not seen or seen["last_seen"] is None:
            return None
        return float(seen["last_seen"]) - float(seen["first_own_failure"] or seen["first_seen"])

    def _figures(self) -> Mapping[str, Any]:
        try:
            figures: Mapping[str, Any] = json.loads(self.out.read_text())
        except FileNotFoundError:
            return {}
        return figures


@contextmanager
def load(program: Path, targets: Mapping[str, str], out: Path) -> Iterator[Load]:
    """Runs the load on `targets` (URL by region) until the block ends."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, "{}")
    named = [part for name, url in targets.items() for part in ("--target", f"{name}={url}")]
    command = [sys.executable, str(program), *named, "--rate", str(RATE_RPS), "--out", str(out)]
    log = out.with_suffix(".log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=dict(os.environ))
    try:
        yield Load(out)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
