"""The notebooks' own environment, made where it is not there yet."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def notebooks_python() -> Path:
    """The Python of the notebooks' environment; processes that ask at once make it one after the other."""
    venv = ROOT / os.environ.get("NOTEBOOKS_VENV", ".venv-notebooks")
    with (ROOT / ".ci" / "notebooks").open() as script:
        fcntl.flock(script, fcntl.LOCK_EX)
        made = subprocess.run(
            [ROOT / ".ci" / "notebooks"],
            env={**os.environ, "VENV": sys.prefix},
            capture_output=True,
            text=True,
            timeout=840,
            check=False,
        )
    assert made.returncode == 0, made.stderr
    return venv / "bin" / "python"
