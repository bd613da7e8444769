"""An Airflow that writes nowhere but into a folder of the tests' own."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.mlflow_server import MlflowServer

# Airflow writes its settings into its home when it is imported first.
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="gennaker-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A real MLflow server that all tests of a worker share; their experiments and models have names of their own."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.kill()
