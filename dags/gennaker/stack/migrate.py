"""Airflow's database, made or brought up to date."""

import os
import subprocess
from importlib.metadata import version

from gennaker.stack.environment import environment
from gennaker.stack.programs import airflow_command
from gennaker.stack.settings import StackError, StackSettings


def ensure_migrated(settings: StackSettings) -> bool:
    """Whether `airflow db migrate` had to run; it takes 8 CPU seconds, so only once a version."""
    stamp = settings.airflow_home / "migrated"
    wanted = f"{version('apache-airflow-core')}\n"
    if (settings.airflow_home / "airflow.db").exists() and stamp.exists() and stamp.read_text() == wanted:
        return False
    done = subprocess.run(
        [*airflow_command(), "db", "migrate"],
        cwd=settings.airflow_home,
        env=_clean(dict(os.environ)) | environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(
            "Airflow's database could not be made",
            why="\n".join((done.stdout + done.stderr).strip().splitlines()[-10:]),
            mend="read the lines above; `make clean` starts from an empty state folder",
        )
    stamp.write_text(wanted)
    return True


def _clean(inherited: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in inherited.items() if not key.startswith("AIRFLOW_")}
