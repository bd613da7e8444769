"""One real stack for all end-to-end tests: Airflow's four components, MLflow and the local cloud."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil
import pytest

from gennaker.stack import stack as local
from gennaker.stack.client import AirflowClient
from gennaker.stack.connection import AirflowConnection
from gennaker.stack.secrets import passwords
from gennaker.stack.settings import StackSettings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
ARTIFACTS = HERE.parent / "artifacts"


class RunningStack:
    """A stack that tests ask, hurt and mend."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self.home = settings.home
        self._open: list[AirflowConnection] = []
        self.client = self.client_of("admin")

    def client_of(self, user: str) -> AirflowClient:
        """A client logged in as a user; closed with the stack."""
        self._open.append(AirflowConnection.local(user))
        return AirflowClient(self._open[-1])

    def close(self) -> None:
        """Closes the connections that tests were given."""
        for connection in self._open:
            connection.close()

    def password_of(self, user: str) -> str:
        """The user's generated password."""
        return passwords(self.settings)[user]

    def pid_of(self, component: str) -> int:
        """The component's process, started again if need be; waits for it."""
        return self.eventually(lambda: local.supervisor().states()[component].pid, f"{component} to have a process")

    def kill(self, component: str, number: int = signal.SIGKILL) -> int:
        """Sends a signal to a component's process; its pid, which may be dead now."""
        pid = self.pid_of(component)
        os.kill(pid, number)
        return pid

    def restart(self, component: str) -> None:
        """Ends a component and returns when a new one of it, and all others, are healthy."""
        old = self.kill(component, signal.SIGTERM)
        self.eventually(lambda: self.pid_of(component) != old, f"{component} to be started again")
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Returns when every component is healthy by its own, fresh word."""
        found: dict[str, bool] = {}

        def is_healthy() -> bool:
            found.update(local.component_health(self.settings, local.supervisor()))
            return all(found.values())

        self.eventually(is_healthy, f"health of {found}", timedelta(seconds=90))

    def processes(self) -> list[psutil.Process]:
        """Every process of the stack and of the local cloud."""
        return [process for process in psutil.process_iter() if _is_of(process, self.home)]

    def eventually(self, ask: Callable[[], T], what: str, patience: timedelta = timedelta(seconds=30)) -> T:
        """What `ask` answers once it is true."""
        deadline = time.monotonic() + patience.total_seconds()
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"waited {patience} in vain for {what}"
            time.sleep(0.1)
        return answer


def _is_of(process: psutil.Process, home: Path) -> bool:
    """By its environment or its folder; a process that set its title has overwritten its environment."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get("GENNAKER_HOME") == str(home) or Path(process.cwd()).is_relative_to(home)
    except (psutil.Error, OSError):
        return False


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The stack, in a folder of its own, reading a copy of the project's DAG folder and the tests' own."""
    home, dags = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("folder") / "dags"
    shutil.copytree(PROJECT / "dags", dags, ignore=shutil.ignore_patterns("gennaker", "__pycache__"))
    for own in ("dags", "pipelines", "environments", "templates", "canaries", "policies"):
        if (HERE / own).is_dir():
            shutil.copytree(HERE / own, dags if own == "dags" else dags / own, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENNAKER_HOME", str(home))
        patch.setenv("GENNAKER_DAGS", str(dags))
        try:
            running = RunningStack(local.up())
            yield running
            running.close()
        finally:
            local.down()
            _keep_logs(home)


def _keep_logs(home: Path) -> None:
    """Copies what the components and tasks wrote to the artifacts, for whoever reads a failure."""
    kept = ARTIFACTS / "logs"
    shutil.rmtree(kept, ignore_errors=True)
    for name, folder in {"stack": home / "stack" / "logs", "tasks": home / "airflow" / "logs"}.items():
        if folder.is_dir():
            shutil.copytree(folder, kept / name, ignore=shutil.ignore_patterns("dag_processor"), symlinks=True)


@pytest.fixture
def browser() -> Iterator["Browser"]:
    """A headless Chromium; one for each test, because its driver holds the thread's event loop."""
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        missing = "no Chromium on PATH (Debian: apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    ARTIFACTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
