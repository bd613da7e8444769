"""The six programs of a local stack: Airflow's four components, MLflow, and the keeper of the local cloud."""

import sys
from datetime import timedelta
from pathlib import Path

from gennaker.stack.environment import environment
from gennaker.stack.settings import StackSettings
from operators.supervisor import Program

#: Airflow's components by their word on its command line. The servers that hand out logs are
#: left out (LocalExecutor's are read from disk), because they listen on every interface.
AIRFLOW = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}

#: Airflow 3.3's scheduler may wait for ever for its idle workers, servers wait for open connections. All
#: of them are made to be killed: what ran is found and resumed at the next start.
STOP_WAIT = timedelta(seconds=4)


def airflow_programs(settings: StackSettings) -> tuple[Program, ...]:
    """Airflow's components, on loopback only."""
    return tuple(
        Program(
            name=name,
            command=(*airflow_command(), name, *options),
            directory=settings.airflow_home,
            environment=environment(settings),
            stop_wait=STOP_WAIT,
        )
        for name, options in AIRFLOW.items()
    )


def mlflow_program(settings: StackSettings) -> Program:
    """MLflow's tracking server: SQLite, artifacts through the server, one worker."""
    folder = settings.home / "mlflow"
    command = [str(_beside_python("mlflow")), "server"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    command += ["--host", "127.0.0.1", "--port", str(settings.mlflow_port), "--workers", "1"]
    return Program("mlflow", tuple(command), directory=folder, environment=environment(settings), stop_wait=STOP_WAIT)


def cloud_program(settings: StackSettings) -> Program:
    """What keeps the local cloud running; the cloud itself outlives it."""
    command = (sys.executable, "-m", "operators.clouds.local.keep")
    return Program("local-cloud", command, directory=settings.home, environment=environment(settings))


def airflow_command() -> tuple[str, ...]:
    """How Airflow's command line is started from this virtual environment."""
    return (str(_beside_python("airflow")),)


def _beside_python(name: str) -> Path:
    return Path(sys.executable).parent / name
