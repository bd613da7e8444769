"""Who holds a claim, and whether that process still lives."""

import os
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: where it runs, its number, and when it started (numbers are used again)."""

    host: str
    pid: int
    started: str

    @classmethod
    def current(cls) -> "Owner":
        """This process."""
        return cls(_host(), os.getpid(), _started(os.getpid()) or "")

    def is_known_dead(self) -> bool:
        """Whether the process is gone for certain; False where we cannot see it."""
        return self.host == _host() and _started(self.pid) != self.started

    def to_text(self) -> str:
        """`pid/started/host`, as it is stored."""
        return f"{self.pid}/{self.started}/{self.host}"

    @classmethod
    def from_text(cls, text: str) -> "Owner":
        """The inverse of `to_text`."""
        pid, started, host = text.split("/", 2)
        return cls(host, int(pid), started)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition('/')[0]}"


@lru_cache(maxsize=1)
def _host() -> str:
    """This boot of this machine, and its namespace of process numbers (a container's own)."""
    parts = [socket.gethostname()]
    boot = Path("/proc/sys/kernel/random/boot_id")
    if boot.exists():
        parts += [boot.read_text().strip(), os.readlink("/proc/self/ns/pid")]
    return "/".join(parts)


def _started(pid: int) -> str | None:
    """When the process started, exact enough to tell it from a later one; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_elsewhere(pid)
    except ProcessLookupError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return None if fields[0] in "ZX" else fields[19]  # state; starttime in ticks since boot: proc(5), fields 3 and 22


def _started_elsewhere(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.NoSuchProcess:
        return None
