"""What outlived its supervisor, such as the children of a program that was killed."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil

#: Says in each program's environment which supervisor it belongs to; children inherit it.
MARKER: Final = "GENNAKER_SUPERVISOR"

#: Time to end on its own before it is killed.
_GRACE: Final = timedelta(seconds=3)


def belongs_to(process: psutil.Process, root: Path) -> bool:
    """Whether the supervisor of `root` started this process, itself or through another; a zombie is nobody's."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARKER) == str(root)
    except (psutil.Error, OSError):
        return False


def end_leftovers(root: Path) -> None:
    """Ends all processes of the supervisor of `root`, except the caller and its ancestors."""
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in _leftovers(root):
            with suppress(psutil.Error):
                end(process)
        deadline = time.monotonic() + _GRACE.total_seconds()
        while _leftovers(root) and time.monotonic() < deadline:
            time.sleep(0.02)


def _leftovers(root: Path) -> list[psutil.Process]:
    spared = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    return [p for p in psutil.process_iter() if p.pid not in spared and belongs_to(p, root)]
