"""What outlived its supervisor, such as the children of a program that was killed."""

import os
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
    spared = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    left = [p for p in psutil.process_iter() if p.pid not in spared and belongs_to(p, root)]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            with suppress(psutil.Error):
                end(process)
        _, left = psutil.wait_procs(left, timeout=_GRACE.total_seconds())
