"""The local stack: started, asked, and stopped with nothing left behind."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from gennaker.stack.health import COMPONENTS, health
from gennaker.stack.migrate import ensure_migrated
from gennaker.stack.programs import airflow_programs, cloud_program, mlflow_program
from gennaker.stack.secrets import ensure_secrets
from gennaker.stack.settings import StackError, StackSettings, fresh, remember, remembered
from gennaker.stack.sweep import sweep
from operators.clouds.local import LocalCloud
from operators.home import home
from operators.supervisor import State, Supervisor

#: An idle two-core machine needs 25 s; one that four test runs keep busy took 130 s.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a start is: a word on what is going on, and each component's health."""

    doing: str
    healthy: Mapping[str, bool]


Tell = Callable[[Progress], None]


def supervisor(folder: Path | None = None) -> Supervisor:
    """The supervisor of the stack in a state folder."""
    return Supervisor((folder or home()) / "stack")


def up(tell: Tell = lambda progress: None, patience: timedelta = PATIENCE) -> StackSettings:
    """Starts what does not run, and returns when every component is healthy; safe to repeat."""
    keeper = supervisor()
    settings = _settings(keeper)
    remember(settings)
    ensure_secrets(settings)
    tell(Progress("starting MLflow", {}))
    (settings.home / "mlflow").mkdir(exist_ok=True)
    keeper.put(mlflow_program(settings))
    tell(Progress("preparing Airflow's database", {}))
    ensure_migrated(settings)
    keeper.put(*airflow_programs(settings))
    keeper.put(cloud_program(settings))
    _wait(keeper, settings, tell, patience)
    return settings


def down() -> list[str]:
    """Stops the stack and the local cloud; the names of processes that had to be swept."""
    supervisor().stop()
    LocalCloud().stop()
    return sweep(home())


def component_health(settings: StackSettings, keeper: Supervisor) -> dict[str, bool]:
    """Whether each component is healthy, by a process that runs under the supervisor."""
    began = {name: _began(state.pid) for name, state in keeper.states().items() if state.pid}
    found = health(settings, {name: at for name, at in began.items() if at})
    return {name: found[name] and name in began for name in COMPONENTS}


def _settings(keeper: Supervisor) -> StackSettings:
    """The remembered settings while their stack runs, else fresh ones."""
    runs = any(state.pid for state in keeper.states().values())
    return (remembered() if runs else None) or fresh()


def _began(pid: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    except psutil.Error:
        return None


def _wait(keeper: Supervisor, settings: StackSettings, tell: Tell, patience: timedelta) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        found = component_health(settings, keeper)
        tell(Progress("waiting until every component is healthy", found))
        if all(found.values()):
            return
        given_up = [name for name, state in keeper.states().items() if state.state is State.FATAL]
        if given_up or time.monotonic() > deadline:
            raise _failure(keeper, given_up or [name for name, is_healthy in found.items() if not is_healthy])
        time.sleep(0.3)


def _failure(keeper: Supervisor, names: list[str]) -> StackError:
    tails = [f"{name}:\n{keeper.log_tail(name, 1500).strip()}" for name in names]
    return StackError(
        f"the stack is not healthy: {', '.join(names)}",
        why="\n\n".join(tails),
        mend=f"read the logs in {keeper.root / 'logs'}, then run `gennaker up` again; `gennaker doctor` looks further",
    )
