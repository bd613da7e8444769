"""Fresh records for each test, on SQLite and, where it can be started, on a real Postgres."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.records import Records


def _server_programs() -> Path | None:
    """The newest installed Postgres."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = shutil.which("postgres")
    return folders[-1].parent if folders else Path(found).parent if found else None


def _as_server_user(*command: str | Path) -> list[str]:
    """Postgres refuses to run as root."""
    return ["runuser", "-u", "nobody", "--", *map(str, command)] if os.geteuid() == 0 else [*map(str, command)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a Postgres that lives as long as the tests."""
    programs = _server_programs()
    if programs is None:
        pytest.skip("Postgres is not installed")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg, the driver for Postgres, is not installed")
    folder = Path(tempfile.mkdtemp(prefix="gennaker-pg-"))  # a short path: socket names are limited to 107 bytes
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data = folder / "data"
    control = _as_server_user(programs / "pg_ctl", "-D", data, "-w", "-s")
    subprocess.run(
        _as_server_user(programs / "initdb", "-D", data, "-U", "gennaker", "-A", "trust", "--no-sync", "-E", "UTF8"),
        check=True,
        capture_output=True,
        cwd=folder,
    )
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
    subprocess.run([*control, "-l", str(folder / "log"), "-o", options, "start"], check=True, cwd=folder)
    yield folder
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd=folder)
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    folder = request.getfixturevalue("postgres")
    name = f"test_{uuid.uuid4().hex}"
    programs = _server_programs()
    assert programs is not None
    subprocess.run(_as_server_user(programs / "createdb", "-h", folder, "-U", "gennaker", name), check=True, cwd=folder)
    return f"postgresql+psycopg://gennaker@/{name}?host={folder}"


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    """Empty records."""
    opened = Records.open(url)
    yield opened
    opened.close()
