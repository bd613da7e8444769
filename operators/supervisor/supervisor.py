"""Keeps programs running under one root, through supervisord over a unix socket."""

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from xmlrpc.client import Fault, ServerProxy

import psutil

from operators.atomic_file import write_atomically
from operators.errors import SupervisorError
from operators.file_lock import locked
from operators.supervisor import launch
from operators.supervisor.leftovers import belongs_to, end_leftovers
from operators.supervisor.program import Program, ProgramState, State, configuration
from operators.supervisor.transport import UnixTransport

#: All that supervisord and its programs inherit; what else the caller has, secrets too, stays behind.
_INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")

#: A socket's path has 108 bytes on Linux, 104 on macOS, and supervisord first binds `PATH.PID`.
_LONGEST_SOCKET: Final = 90

#: supervisord starts in half a second on an idle core; a busy machine gets a lot more.
_PATIENCE: Final = timedelta(seconds=60)

#: How long children of a program that has ended may take to end too.
_FAREWELL: Final = timedelta(seconds=10)

#: `supervisor.xmlrpc.Faults.SHUTDOWN_STATE` and `NOT_RUNNING`; importing them costs 60 ms.
_SHUTTING_DOWN: Final = 6
_NOT_RUNNING: Final = 70


class Supervisor:
    """The programs under one root. Every method may be called by several processes at once.

    `programs/*.json` is what should run, `supervisord.conf` is made from it, `logs/` is what they wrote.

    Args:
        root: its folder; made when missing, private to this user.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def ensure_running(self) -> None:
        """Starts supervisord and every known program, unless it already runs."""
        if not self._is_answering():
            with self._lock():
                self._start()

    def put(self, *programs: Program) -> None:
        """Has the programs run: new ones start, changed ones are replaced, ones that gave up get a new chance."""
        with self._lock():
            for program in programs:
                write_atomically(self._spec_file(program.name), program.to_spec())
            self._start()
            self._apply()
            states = self.states()
            for program in programs:
                if program.restarts and states[program.name].state.is_over:
                    self._call("startProcess", program.name, False)
            self._wait("programs to begin", self._have_begun)

    def remove(self, *names: str) -> None:
        """Stops and forgets programs; an unknown one is passed over."""
        if not self.root.exists():
            return
        with self._lock():
            for name in names:
                self._spec_file(name).unlink(missing_ok=True)
            if self._is_answering():
                self._apply()

    def states(self) -> Mapping[str, ProgramState]:
        """Each program's state by name; empty when the supervisor does not run."""
        try:
            found = self._call("getAllProcessInfo")
        except OSError:
            return {}
        return {p["name"]: ProgramState(State(p["statename"]), p["pid"] or None, self.log(p["name"])) for p in found}

    def log(self, name: str) -> Path:
        """The file with a program's output; the one before it ends in `.1`."""
        return self.root / "logs" / f"{name}.log"

    def log_tail(self, name: str, size: int = 8192) -> str:
        """The last `size` bytes of a program's output, `""` when it wrote nothing."""
        try:
            with self.log(name).open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - size))
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """Ends supervisord and all it started, and returns when they are gone; what should run stays known."""
        if not self.root.exists():
            return
        with self._lock():
            is_answering = self._is_answering()
            if is_answering:
                self._call("stopAllProcesses", False)  # shutdown alone stops one after the other
                self._call("shutdown")
            self._wait("supervisord to end", self._has_ended)
            end_leftovers(self.root, (), _FAREWELL, were_told=is_answering)
            self._forget_socket()

    def _start(self) -> None:
        """Starts supervisord unless it answers; the caller holds the lock."""
        if self._is_answering():
            return
        self._wait("the last supervisord to end", self._has_ended)
        end_leftovers(self.root, (), _FAREWELL, were_told=False)
        self._remember_socket()
        self._configure()
        environment = {k: os.environ[k] for k in _INHERITED if k in os.environ} | {
            launch.SUPERVISOR_MARK: str(self.root),
            "GENNAKER_LAUNCH_COMMAND": shlex.join([sys.executable, "-I", "-S", launch.__file__]),
            "GENNAKER_LAUNCH_SOCKET": str(self._socket()),
        }
        command = [sys.executable, "-m", "operators.supervisor.daemon"]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SupervisorError(f"supervisord did not start in {self.root}", why=(done.stderr or done.stdout).strip())
        self._wait("supervisord to answer", self._is_answering)
        self._wait("programs to begin", self._have_begun)

    def _configure(self) -> None:
        (self.root / "logs").mkdir(exist_ok=True)
        specs = [file.read_text(encoding="utf-8") for file in sorted((self.root / "programs").glob("*.json"))]
        write_atomically(self.root / "supervisord.conf", configuration(specs))

    def _apply(self) -> None:
        """Makes what runs equal to the specs; so what a killed caller left half-done is finished too."""
        self._configure()
        ((added, changed, removed),) = self._call("reloadConfig")
        self._halt([*changed, *removed])
        for name in [*changed, *removed]:
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def _halt(self, names: list[str]) -> None:
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except Fault as fault:
                if fault.faultCode != _NOT_RUNNING:
                    raise
        self._wait(f"{', '.join(names)} to stop", lambda: all(self.states()[name].state.is_over for name in names))
        if names:
            end_leftovers(self.root, names, _FAREWELL, were_told=True)

    def _have_begun(self) -> bool:
        """Whether each program was tried, and each process leads a group of its own.

        Before that, supervisord's signal to the group finds nobody, and it would wait in vain for an end.
        """
        states = self.states().values()
        return all(each.state is not State.STOPPED and _leads_group(each.pid) for each in states)

    def _is_answering(self) -> bool:
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except OSError:
            return False

    def _has_ended(self) -> bool:
        """Whether the process of the pid file is gone, or is not ours."""
        self._is_answering()  # being asked wakes supervisord, which else sees to its children once a second only
        try:
            process = psutil.Process(int((self.root / "supervisord.pid").read_text()))
        except (OSError, ValueError, psutil.Error):
            return True
        return not belongs_to(process, self.root)

    def _call(self, method: str, *arguments: Any) -> Any:
        """supervisord's answer; raises OSError when there is none, or it is shutting down."""
        transport = UnixTransport(self._socket(), _PATIENCE)
        with ServerProxy("http://localhost", transport=transport) as server:
            try:
                return getattr(server, f"supervisor.{method}")(*arguments)
            except Fault as fault:
                if fault.faultCode == _SHUTTING_DOWN:
                    raise ConnectionRefusedError("supervisord is shutting down") from fault
                raise

    def _wait(self, what: str, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE.total_seconds()
        while not is_so():
            if time.monotonic() > deadline:
                raise SupervisorError(f"waited in vain for {what}", mend=f"read {self.root / 'supervisord.log'}")
            time.sleep(0.02)

    def _lock(self) -> AbstractContextManager[None]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return locked(self.root / "supervisor.lock")

    def _spec_file(self, name: str) -> Path:
        return self.root / "programs" / f"{name}.json"

    def _socket(self) -> Path:
        """The socket: under the root, or in the remembered folder where that path is too long for one."""
        remembered = self.root / "socket-folder"
        folder = Path(remembered.read_text()) if remembered.exists() else self.root
        return folder / "supervisor.sock"

    def _remember_socket(self) -> None:
        if len(os.fsencode(self._socket())) > _LONGEST_SOCKET:
            write_atomically(self.root / "socket-folder", f"/tmp/gennaker-{secrets.token_hex(8)}")
        self._socket().parent.mkdir(mode=0o700, exist_ok=True)

    def _forget_socket(self) -> None:
        if (self.root / "socket-folder").exists():
            shutil.rmtree(self._socket().parent, ignore_errors=True)
            (self.root / "socket-folder").unlink()


def _leads_group(pid: int | None) -> bool:
    try:
        return pid is None or os.getpgid(pid) == pid
    except ProcessLookupError:
        return True
