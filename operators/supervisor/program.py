"""What should run, what is running, and how supervisord is told."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from operators.errors import SupervisorError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Tries in a row that end before `start_time` until a program is FATAL; the pause grows by 1 s a try.
_START_TRIES: Final = 10


class State(StrEnum):
    """A program's state, in supervisord's words."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"

    @property
    def is_over(self) -> bool:
        """Whether no process is there and none will be started."""
        return self in (State.STOPPED, State.EXITED, State.FATAL)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that should run.

    Args:
        name: letters, digits, `.`, `_`, `-`.
        command: program and arguments, no shell; the program is looked up on the environment's `PATH`.
        directory: where it runs; the supervisor's root when None.
        environment: added to the PATH, HOME and locale of whoever started the supervisor; nothing else is inherited.
        restarts: whether it is started again when it ends.
        start_time: it counts as RUNNING once it ran this long (whole seconds).
        stop_wait: time between SIGTERM and SIGKILL (whole seconds).
    """

    name: str
    command: tuple[str, ...]
    directory: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = True
    start_time: timedelta = timedelta(seconds=1)
    stop_wait: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.command:
            raise SupervisorError(
                f"program {self.name!r} cannot be supervised",
                why="it needs a command, and a name of letters, digits, '.', '_' and '-'",
            )

    def to_spec(self) -> str:
        """The program as the JSON that `launch.py` and `configuration` read; equal programs give equal text."""
        spec = asdict(self) | {
            "directory": str(self.directory or ""),
            "environment": dict(self.environment),
            "start_time": int(self.start_time.total_seconds()),
            "stop_wait": int(self.stop_wait.total_seconds()),
        }
        return json.dumps(spec, indent=1, sort_keys=True)


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What a program is doing; `pid` is None while there is no process."""

    state: State
    pid: int | None
    log: Path


def configuration(specs: Iterable[str]) -> str:
    """The `supervisord.conf` that runs the specs.

    All paths are relative to the working directory and nothing of a program but its name is in
    it, because percent signs, semicolons and quotes mean something there. The digest makes
    supervisord see that a program changed.
    """
    return "\n".join([_HEAD, *map(_section, specs)])


_HEAD: Final = """\
[supervisord]
pidfile=supervisord.pid
logfile=supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
childlogdir=logs
[unix_http_server]
file=%(ENV_GENNAKER_LAUNCH_SOCKET)s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(spec: str) -> str:
    program = json.loads(spec)
    name, restarts = program["name"], program["restarts"]
    digest = hashlib.sha256(spec.encode()).hexdigest()[:16]
    return f"""\
[program:{name}]
command=%(ENV_GENNAKER_LAUNCH_COMMAND)s programs/{name}.json {digest}
autorestart={"true" if restarts else "false"}
startsecs={program["start_time"] if restarts else 0}
startretries={_START_TRIES}
stopwaitsecs={program["stop_wait"]}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=logs/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=1
"""
