"""Becomes a supervised program: the first thing each one runs, and only for a moment.

Run as `python launch.py SPEC DIGEST` by supervisord. The command and its environment come from
a JSON file, because supervisord's own configuration expands percent signs and has no quoting
for environment values. Standard library only: every start of every program waits for this.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: `prctl(2)` option PR_SET_PDEATHSIG.
_SET_PARENT_DEATH_SIGNAL = 1

#: In the environment of a program and its children: which supervisor and program they belong to.
SUPERVISOR_MARK = "GENNAKER_SUPERVISOR"
PROGRAM_MARK = "GENNAKER_PROGRAM"


def main(spec_file: Path) -> None:
    """Replaces this process with the program that `spec_file` describes."""
    die_with_parent()
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    end_former_run({SUPERVISOR_MARK: os.environ[SUPERVISOR_MARK], PROGRAM_MARK: spec["name"]}, spec["stop_wait"])
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SUPERVISOR_", "GENNAKER_LAUNCH_"))}
    if spec["directory"]:
        os.chdir(spec["directory"])
    command = spec["command"]
    os.execvpe(command[0], command, inherited | spec["environment"] | {PROGRAM_MARK: spec["name"]})


def die_with_parent() -> None:
    """Has the kernel end this process when its parent ends (Linux; elsewhere does nothing).

    A program that outlived a killed supervisor would hold its ports.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("the supervisor ended while this program was starting")


def end_former_run(marks: dict[str, str], patience_s: float) -> None:
    """Ends what is left of the program's last run: children of a killed parent still hold its ports."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _marked(marks):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while any(_marked(marks)) and time.monotonic() < deadline:
            time.sleep(0.02)


def _marked(marks: dict[str, str]) -> Iterator[int]:
    """Processes with these environment variables; a process that ended has none (Linux; elsewhere finds nothing)."""
    wanted = {os.fsencode(f"{name}={value}") for name, value in marks.items()}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted <= set((folder / "environ").read_bytes().split(b"\0")):
                yield int(folder.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
