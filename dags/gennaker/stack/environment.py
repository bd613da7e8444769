"""The environment of every process of a local stack."""

import json
import os

from gennaker.stack.secrets import USERS
from gennaker.stack.settings import StackSettings


def environment(settings: StackSettings) -> dict[str, str]:
    """Variables by name: what makes Airflow, MLflow and their children this stack's.

    Holds no secret of the stack's own: the keys are in `airflow.cfg`.
    """
    return {
        "GENNAKER_HOME": str(settings.home),
        "GENNAKER_DAGS": str(settings.dags),
        "AIRFLOW_HOME": str(settings.airflow_home),
        # Tasks and commands must read and write the same records.
        **{name: os.environ[name] for name in ("GENNAKER_RECORDS_URL",) if name in os.environ},
        **_airflow(settings),
        **_recovery(),
        "MLFLOW_TRACKING_URI": settings.mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "GIT_PYTHON_REFRESH": "quiet",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
        "PYTHONUNBUFFERED": "1",
        # Numbers here are small: threads of linear algebra would only fight over two cores.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _airflow(settings: StackSettings) -> dict[str, str]:
    bundle = {
        "name": "dags-folder",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {},
    }
    said = {
        "core.executor": "LocalExecutor",
        "core.parallelism": 8,
        "core.dags_folder": settings.dags,
        "core.load_examples": False,
        "core.simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "core.simple_auth_manager_passwords_file": settings.passwords,
        "core.execution_api_server_url": f"{settings.airflow_url}/execution/",
        # Four components write to one file: a writer waits for its turn longer than SQLite's 5 s.
        "database.sql_alchemy_conn": f"sqlite:///{settings.airflow_home}/airflow.db?timeout=60",
        "database.sql_alchemy_connect_args": "gennaker.stack.sqlite.CONNECT_ARGS",
        "database.sql_alchemy_connect_args_async": "gennaker.stack.sqlite.CONNECT_ARGS",
        "api.host": "127.0.0.1",
        "api.port": settings.airflow_port,
        "api.base_url": settings.airflow_url,
        "api.workers": 1,
        "api.instance_name": "Gennaker",
        # The default of 1 s is paid once per task in a chain; 0.1 s costs 15 % of a core.
        "scheduler.scheduler_idle_sleep_time": 0.1,
        "dag_processor.dag_bundle_config_list": json.dumps([bundle]),
        # A changed pipeline is seen within 5 s, a changed template within 10 s.
        "dag_processor.refresh_interval": 5,
        "dag_processor.min_file_process_interval": 10,
        "logging.colored_console_log": False,
    }
    return _variables(said)


def _recovery() -> dict[str, str]:
    """How soon the death of a component is noticed and answered."""
    return _variables(
        {
            # A dead worker is replaced after 25 s; an API server that restarts (10 s) harms no task.
            "workers.min_heartbeat_interval": 2,
            "workers.max_failed_heartbeats": 10,
            "scheduler.task_instance_heartbeat_timeout": 20,
            "scheduler.task_instance_heartbeat_timeout_detection_interval": 5,
            "scheduler.job_heartbeat_sec": 2,
            "scheduler.scheduler_health_check_threshold": 15,
            "scheduler.orphaned_tasks_check_interval": 10,
            "scheduler.trigger_timeout_check_interval": 1,
            "triggerer.job_heartbeat_sec": 2,
            "triggerer.triggerer_health_check_threshold": 15,
        }
    )


def _variables(said: dict[str, object]) -> dict[str, str]:
    return {f"AIRFLOW__{key.replace('.', '__').upper()}": str(value) for key, value in said.items()}
