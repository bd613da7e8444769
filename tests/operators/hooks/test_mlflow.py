"""The hook of MLflow: a connection of Airflow's, or the environment."""

import json
import subprocess
import sys

import pytest

from operators.hooks.mlflow import MlflowHook


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "AIRFLOW_CONN_MLFLOW_DEFAULT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        ({"host": "mlflow.example", "port": 5000}, "http://mlflow.example:5000"),
        ({"host": "mlflow.example", "schema": "https"}, "https://mlflow.example"),
        ({"host": "https://mlflow.example/tracking/"}, "https://mlflow.example/tracking"),
        ({"host": "mlflow.example", "login": "ada", "password": "a b@c"}, "http://ada:a%20b%40c@mlflow.example"),
    ],
)
def test_a_connection_says_where_mlflow_is_and_who_we_are(
    connection: dict[str, object], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://other.example")
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", json.dumps({"conn_type": "http", **connection}))
    assert MlflowHook().url() == url


@pytest.mark.parametrize(
    ("uri", "url"), [("http://a:b@mlflow.example", "http://a:b@mlflow.example"), ("sqlite:///x.db", ""), ("", "")]
)
def test_without_a_connection_the_environment_says_it(uri: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert MlflowHook().url() == url


def test_without_a_server_there_is_no_registry() -> None:
    assert MlflowHook().get_conn() is None


def test_neither_mlflow_nor_pandas_is_imported_to_judge() -> None:
    heavy = "'mlflow', 'pandas', 'sklearn', 'optuna'"
    code = f"import sys, operators.automated_canary; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
