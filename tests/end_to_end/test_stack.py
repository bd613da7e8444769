"""The stack itself: it starts, heals, keeps to itself and leaves nothing."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psutil
import pytest

from gennaker.stack import stack as local
from gennaker.stack.client import AirflowClient
from gennaker.stack.connection import AirflowConnection, AirflowRefused
from gennaker.stack.settings import is_free

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SOON = timedelta(seconds=60)


def _run_probe(client: AirflowClient, **conf: object) -> str:
    client.unpause("probe", SOON)
    return client.trigger("probe", conf)


def test_a_run_is_triggered_followed_and_read_over_rest(stack) -> None:
    run_id = _run_probe(stack.client, seconds=0)
    assert stack.client.wait("probe", run_id, SOON).state == "success"
    assert {task.task_id: task.state for task in stack.client.task_instances("probe", run_id)} == {
        "first": "success",
        "second": "success",
    }
    assert stack.client.xcom("probe", run_id, "second") == 0
    assert run_id in {run.run_id for run in stack.client.runs("probe")}


def test_parameters_that_do_not_fit_are_refused_with_the_reason(stack) -> None:
    stack.client.unpause("probe", SOON)
    with pytest.raises(AirflowRefused, match="maximum") as refusal:
        stack.client.trigger("probe", {"seconds": 1000})
    assert refusal.value.status == 400


def test_a_cleared_run_is_done_again(stack) -> None:
    run_id = _run_probe(stack.client)
    stack.client.wait("probe", run_id, SOON)
    stack.client.clear("probe", run_id, ["second"])
    assert stack.client.wait("probe", run_id, SOON).state == "success"
    tries = {task.task_id: task.try_number for task in stack.client.task_instances("probe", run_id)}
    assert tries == {"first": 1, "second": 2}


def test_a_cancelled_run_ends_failed(stack) -> None:
    run_id = _run_probe(stack.client, seconds=60)
    stack.client.set_run_state("probe", run_id, "failed")
    assert stack.client.wait("probe", run_id, SOON).state == "failed"


def test_a_viewer_may_look_and_not_start(stack) -> None:
    stack.client.unpause("probe", SOON)
    viewer = stack.client_of("vera")
    assert "probe" in viewer.dag_ids()
    with pytest.raises(AirflowRefused) as refusal:
        viewer.trigger("probe")
    assert refusal.value.status == 403


def test_a_wrong_password_is_refused(stack) -> None:
    with (
        AirflowConnection(stack.settings.airflow_url, user="admin", password="guessed") as stranger,
        pytest.raises(AirflowRefused) as refusal,
    ):
        stranger.get("/dags")
    assert refusal.value.status == 401


def test_nothing_of_the_stack_listens_beyond_loopback(stack) -> None:
    listening = {
        (process.name(), connection.laddr)
        for process in stack.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    ports = {address.port for _, address in listening}
    assert {stack.settings.airflow_port, stack.settings.mlflow_port} <= ports
    assert {address.ip for _, address in listening} == {"127.0.0.1"}


def test_keys_and_passwords_are_their_owners_only(stack) -> None:
    for path in (stack.settings.passwords, stack.settings.airflow_home / "airflow.cfg"):
        assert path.stat().st_mode & 0o777 == 0o600
    secrets = [stack.password_of("admin"), "jwt_secret", "fernet_key"]
    for process in stack.processes():
        environment = str(process.environ()).lower()
        assert not [secret for secret in secrets if secret.lower() in environment], process.name()


def test_a_second_up_changes_nothing(stack) -> None:
    before = {name: state.pid for name, state in local.supervisor().states().items()}
    assert local.up() == stack.settings
    assert {name: state.pid for name, state in local.supervisor().states().items()} == before


def test_many_who_change_things_at_once_while_tasks_run_do_not_block_each_other(stack) -> None:
    def change(_: int) -> None:
        with AirflowConnection.local() as connection:
            AirflowClient(connection).unpause("probe")

    runs = [_run_probe(stack.client) for _ in range(3)]
    with ThreadPoolExecutor(4) as people:
        assert len(list(people.map(change, range(60)))) == 60
    for run_id in runs:
        assert stack.client.wait("probe", run_id, SOON).state == "success"


@pytest.mark.parametrize("component", ["api-server", "scheduler", "dag-processor", "triggerer", "mlflow"])
def test_a_killed_component_comes_back_and_runs_go_on(stack, component: str) -> None:
    old = stack.kill(component)
    stack.eventually(lambda: stack.pid_of(component) != old, f"{component} to be started again")
    stack.wait_until_healthy()
    run_id = _run_probe(stack.client)
    assert stack.client.wait("probe", run_id, SOON).state == "success"


def test_a_component_that_was_stopped_on_purpose_is_healed_by_up(stack) -> None:
    stack.restart("triggerer")
    assert local.up() == stack.settings


def test_down_leaves_no_process_not_even_a_killed_scheduler_s_workers(stack) -> None:
    workers = psutil.Process(stack.pid_of("scheduler")).children(recursive=True)
    assert workers
    stack.kill("scheduler")
    local.down()
    assert stack.processes() == []
    assert not [worker for worker in workers if worker.is_running()]
    assert is_free(stack.settings.airflow_port)
    assert local.up() == stack.settings, "the same ports are taken again"


def test_the_project_s_dag_files_can_all_be_read(stack) -> None:
    stack.client.unpause("probe", SOON)
    assert stack.client.import_errors() == ()


def test_doctor_finds_a_running_stack_in_good_health(stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gennaker.cli", "doctor"], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for component in ("api-server", "scheduler", "dag-processor", "triggerer", "mlflow"):
        assert f"{component}: healthy" in done.stdout
