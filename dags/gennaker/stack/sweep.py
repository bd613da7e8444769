"""Ends what a stopped stack left running, and nothing else."""

import os
from pathlib import Path

import psutil


def sweep(home: Path) -> list[str]:
    """Ends every process of a state folder that has no terminal; their names.

    Spared are this process, its session and its ancestors, other users' processes, and whatever
    hangs on a terminal: a person's shell or editor that merely looks at the folder.
    """
    left = [process for process in psutil.process_iter() if _is_ours(process, home)]
    names = [_name(process) for process in left]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for process in left:
            try:
                end(process)
            except psutil.NoSuchProcess:
                continue
        _, left = psutil.wait_procs(left, timeout=5)
    return names


def _is_ours(process: psutil.Process, home: Path) -> bool:
    try:
        return (
            process.uids().real == os.getuid()
            and process.status() != psutil.STATUS_ZOMBIE
            and process.terminal() is None
            and os.getsid(process.pid) != os.getsid(0)
            and process.pid not in {parent.pid for parent in psutil.Process().parents()}
            and _belongs(process, home)
        )
    except (psutil.Error, OSError):
        return False


def _belongs(process: psutil.Process, home: Path) -> bool:
    """By its environment, or by its folder: a process that set its title has overwritten its environment."""
    return process.environ().get("GENNAKER_HOME") == str(home) or Path(process.cwd()).is_relative_to(home)


def _name(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:80]}"
    except psutil.Error:
        return str(process.pid)
