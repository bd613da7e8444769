"""What every process of the stack is told."""

import json
import re
from configparser import ConfigParser
from pathlib import Path

import airflow
import yaml

from gennaker.stack.environment import environment
from gennaker.stack.programs import airflow_programs, mlflow_program
from gennaker.stack.secrets import ensure_secrets
from gennaker.stack.settings import StackSettings


def test_every_airflow_setting_exists_in_this_airflow(settings: StackSettings) -> None:
    known = yaml.safe_load((Path(airflow.__file__).parent / "config_templates" / "config.yml").read_text())
    for name in environment(settings):
        if match := re.fullmatch(r"AIRFLOW__(\w+?)__(\w+)", name):
            section, option = match.group(1).lower(), match.group(2).lower()
            assert option in known[section]["options"], name


def test_servers_are_told_to_stay_on_loopback(settings: StackSettings) -> None:
    told = environment(settings)
    assert told["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].startswith("http://127.0.0.1:18080/")
    mlflow = mlflow_program(settings).command
    assert mlflow[mlflow.index("--host") + 1] == "127.0.0.1"


def test_servers_of_logs_are_never_started(settings: StackSettings) -> None:
    commands = {program.name: program.command for program in airflow_programs(settings)}
    assert set(commands) == {"api-server", "scheduler", "dag-processor", "triggerer"}
    for name in ("scheduler", "triggerer"):
        assert "--skip-serve-logs" in commands[name]


def test_every_program_belongs_to_the_state_folder(settings: StackSettings) -> None:
    for program in (*airflow_programs(settings), mlflow_program(settings)):
        assert program.environment["GENNAKER_HOME"] == str(settings.home)
        assert program.directory is not None
        assert program.directory.is_relative_to(settings.home)


def test_the_database_is_in_the_state_folder(settings: StackSettings) -> None:
    assert (
        environment(settings)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        == f"sqlite:///{settings.home}/airflow/airflow.db?timeout=60"
    )


def test_dags_come_from_one_local_bundle(settings: StackSettings) -> None:
    told = environment(settings)
    assert told["AIRFLOW__CORE__DAGS_FOLDER"] == str(settings.dags)
    (bundle,) = json.loads(told["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert bundle["classpath"].endswith(".LocalDagBundle")


def test_no_secret_is_in_the_environment(settings: StackSettings) -> None:
    ensure_secrets(settings)
    keys = ConfigParser(interpolation=None)
    keys.read(settings.airflow_home / "airflow.cfg")
    secrets = [value for section in keys.sections() for value in keys[section].values()]
    secrets += json.loads(settings.passwords.read_text()).values()
    assert len(secrets) == 6
    assert not set(secrets) & set(environment(settings).values())


def test_a_restarting_api_server_harms_no_running_task(settings: StackSettings) -> None:
    told = environment(settings)
    patience_s = int(told["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"]) * int(
        told["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"]
    )
    assert patience_s >= 20
