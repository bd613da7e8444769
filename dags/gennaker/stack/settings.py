"""Where a local stack lives: its folder, its DAG folder and its ports."""

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from canary.errors import GennakerError
from operators.home import home


class StackError(GennakerError):
    """The local stack could not be started, reached or stopped."""


@dataclass(frozen=True, slots=True)
class StackSettings:
    """What decides every process of a local stack.

    Args:
        home: the state folder.
        dags: the folder that Airflow reads DAG files from.
        airflow_port: TCP port of the API server, on loopback.
        mlflow_port: TCP port of the MLflow server, on loopback.
    """

    home: Path
    dags: Path
    airflow_port: int
    mlflow_port: int

    @property
    def airflow_url(self) -> str:
        """Base URL of Airflow, without a slash at the end."""
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        """Base URL of MLflow, without a slash at the end."""
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder."""
        return self.home / "airflow"

    @property
    def passwords(self) -> Path:
        """The file of user names and generated passwords, readable by its owner only."""
        return self.home / "passwords.json"


def dags_folder() -> Path:
    """The DAG folder: `GENNAKER_DAGS`, or the one that this package lies in."""
    named = os.environ.get("GENNAKER_DAGS")
    folder = Path(named).resolve() if named else Path(__file__).resolve().parents[2]
    if not folder.is_dir() or (not named and folder.name != "dags"):
        raise StackError(
            "no DAG folder",
            why=f"{folder} is not one",
            mend="set GENNAKER_DAGS to the folder that holds your pipelines/ and DAG files",
        )
    return folder


def remembered(folder: Path | None = None) -> StackSettings | None:
    """The settings that a stack was last started with in a state folder, if it ever was."""
    folder = folder or home()
    try:
        said = json.loads((folder / "stack.json").read_text())
        return StackSettings(folder, Path(said["dags"]), int(said["airflow_port"]), int(said["mlflow_port"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def remember(settings: StackSettings) -> None:
    """Writes the settings to `stack.json`, for the next command and for people."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    said = {
        "airflow_url": settings.airflow_url,
        "mlflow_url": settings.mlflow_url,
        "airflow_port": settings.airflow_port,
        "mlflow_port": settings.mlflow_port,
        "dags": str(settings.dags),
    }
    path = settings.home / "stack.json"
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(said, indent=2) + "\n")
    draft.replace(path)


def fresh() -> StackSettings:
    """Settings for a start: the remembered ports where they are still free, else new ones."""
    old = remembered()
    wanted = (old.airflow_port, old.mlflow_port) if old else (0, 0)
    airflow_port, mlflow_port = (port if port and is_free(port) else 0 for port in wanted)
    free = iter(free_ports(2))
    return StackSettings(home(), dags_folder(), airflow_port or next(free), mlflow_port or next(free))


def free_ports(count: int) -> list[int]:
    """Different TCP ports of loopback that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
