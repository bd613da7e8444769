"""What outlived its supervisor or its program, such as the children of one that was killed."""

import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil

from operators.supervisor.launch import PROGRAM_MARK, SUPERVISOR_MARK


def belongs_to(process: psutil.Process, root: Path) -> bool:
    """Whether the supervisor of `root` started this process, itself or through another; a zombie is nobody's."""
    return _marks(process).get(SUPERVISOR_MARK) == str(root)


def end_leftovers(root: Path, names: Collection[str], patience: timedelta, *, were_told: bool) -> None:
    """Ends all that is left of some programs, or of all when none is named; the caller and its ancestors are spared.

    Args:
        root: the supervisor's folder.
        names: programs, or nothing for every process of the supervisor.
        patience: time to end on their own before they are killed.
        were_told: whether they had SIGTERM already; a second one would cut some programs' farewell short.
    """
    if not were_told:
        _each(psutil.Process.terminate, root, names)
    deadline = time.monotonic() + patience.total_seconds()
    while _leftovers(root, names):
        if time.monotonic() > deadline:
            _each(psutil.Process.kill, root, names)
        time.sleep(0.02)


def _each(act: Callable[[psutil.Process], None], root: Path, names: Collection[str]) -> None:
    for process in _leftovers(root, names):
        with suppress(psutil.Error):
            act(process)


def _leftovers(root: Path, names: Collection[str]) -> list[psutil.Process]:
    spared = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    marked = [(p, _marks(p)) for p in psutil.process_iter() if p.pid not in spared]
    mine = [(p, marks) for p, marks in marked if marks.get(SUPERVISOR_MARK) == str(root)]
    return [p for p, marks in mine if not names or marks.get(PROGRAM_MARK) in names]


def _marks(process: psutil.Process) -> dict[str, str]:
    try:
        return {} if process.status() == psutil.STATUS_ZOMBIE else process.environ()
    except (psutil.Error, OSError):
        return {}
