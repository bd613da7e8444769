"""Where a stack lives, remembered between commands."""

import json
import socket
from pathlib import Path

import pytest

from gennaker.stack.secrets import USERS, ensure_secrets, passwords
from gennaker.stack.settings import (
    StackError,
    StackSettings,
    dags_folder,
    free_ports,
    fresh,
    is_free,
    remember,
    remembered,
)


def test_what_is_remembered_is_read_again(settings: StackSettings) -> None:
    remember(settings)
    assert remembered() == settings


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"dags": "x"}', '{"dags": 1, "airflow_port": "a", "mlflow_port": 2}']
)
def test_a_damaged_memory_is_no_memory(settings: StackSettings, content: str) -> None:
    settings.home.mkdir()
    (settings.home / "stack.json").write_text(content)
    assert remembered() is None


def test_people_find_the_links_in_stack_json(settings: StackSettings) -> None:
    remember(settings)
    said = json.loads((settings.home / "stack.json").read_text())
    assert said["airflow_url"] == "http://127.0.0.1:18080"
    assert said["mlflow_url"] == "http://127.0.0.1:15000"


def test_a_start_takes_the_remembered_ports_again(settings: StackSettings) -> None:
    first = fresh()
    remember(first)
    assert fresh() == first


def test_a_port_that_somebody_took_is_replaced_alone(settings: StackSettings) -> None:
    first = fresh()
    remember(first)
    with socket.socket() as other:
        other.bind(("127.0.0.1", first.airflow_port))
        other.listen()
        assert not is_free(first.airflow_port)
        second = fresh()
    assert second.airflow_port != first.airflow_port
    assert second.mlflow_port == first.mlflow_port


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20


def test_the_project_s_own_folder_is_read_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENNAKER_DAGS", raising=False)
    assert dags_folder() == Path(__file__).parents[2] / "dags"


def test_a_dag_folder_that_is_not_there_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENNAKER_DAGS", str(tmp_path / "nowhere"))
    with pytest.raises(StackError, match=r"nowhere.*GENNAKER_DAGS"):
        dags_folder()


def test_keys_and_passwords_are_made_once_and_for_their_owner_only(settings: StackSettings) -> None:
    assert passwords(settings) == {}
    ensure_secrets(settings)
    files = [settings.passwords, settings.airflow_home / "airflow.cfg"]
    before = [file.read_text() for file in files]
    ensure_secrets(settings)
    assert [file.read_text() for file in files] == before
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert passwords(settings).keys() == USERS.keys()
    assert len(set(passwords(settings).values())) == len(USERS)
