"""Becomes a supervised program: the first thing each one runs, and only for a moment.

Run as `python launch.py SPEC DIGEST` by supervisord. A program that outlived a killed
supervisor would hold its ports, so it asks the kernel to be ended with its parent. The
command and its environment come from a JSON file, because supervisord's own configuration
expands percent signs and has no quoting for environment values.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

#: `prctl(2)` option PR_SET_PDEATHSIG.
_SET_PARENT_DEATH_SIGNAL = 1


def die_with_parent() -> None:
    """Has the kernel end this process when its parent ends (Linux; elsewhere does nothing)."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit("the supervisor ended while this program was starting")


def main(spec_file: Path) -> None:
    """Replaces this process with the program that `spec_file` describes."""
    die_with_parent()
    spec = json.loads(spec_file.read_text(encoding="utf-8"))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SUPERVISOR_", "GENNAKER_LAUNCH_"))}
    if spec["directory"]:
        os.chdir(spec["directory"])
    command = spec["command"]
    os.execvpe(command[0], command, inherited | spec["environment"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
