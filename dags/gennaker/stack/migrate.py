"""Airflow's database, made or brought up to date."""

import os
import sqlite3
import subprocess
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

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
    _let_readers_be(settings.airflow_home / "airflow.db")
    stamp.write_text(wanted)
    return True


def _let_readers_be(database: Path) -> None:
    """Has SQLite write ahead to a log, kept in the file for good: readers and a writer do not block each other."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _clean(inherited: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in inherited.items() if not key.startswith("AIRFLOW_")}
