"""Following a run to its verdict, against a server that speaks as Airflow does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from canary.errors import GennakerError
from gennaker.follow import Ending, follow
from gennaker.stack.client import AirflowClient
from gennaker.stack.connection import AirflowConnection, AirflowRefused
from gennaker.stack.settings import StackSettings, remember
from operators.records import Records, Subject
from operators.runs import Conclusion, Run, RunVerdict
from tests.fakes.airflow import RUN_ID, FakeAirflow, serving

PATIENCE = timedelta(seconds=60)
FINISH = "finish-and-archive"
RUN = f"playback/{RUN_ID}"


@contextmanager
def a_client(airflow: FakeAirflow) -> Iterator[AirflowClient]:
    with serving(airflow), AirflowConnection(airflow.url, user="admin", password="x") as connection:
        yield AirflowClient(connection)


def followed(airflow: FakeAirflow, patience: timedelta = PATIENCE) -> tuple[Ending, list[tuple[str, str]]]:
    """How the run ended, and what was told on the way."""
    told: list[tuple[str, str]] = []
    with a_client(airflow) as client:
        ending = follow(client, "playback", RUN_ID, lambda task, state: told.append((task, state)), patience)
    return ending, told


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    """The records of a local stack that was started once."""
    for name in ("GENNAKER_AIRFLOW_URL", "GENNAKER_RECORDS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    remember(StackSettings(tmp_path, tmp_path / "dags", 1, 2))
    records = Records.open()
    yield records
    records.close()


def test_each_new_state_of_a_task_is_told_once() -> None:
    steps = [
        ("running", {"bake-image": "running", "deploy": ""}),
        ("running", {"bake-image": "success", "deploy": "scheduled"}),
        ("running", {"bake-image": "success", "deploy": "deferred"}),
        ("success", {"bake-image": "success", "deploy": "success", FINISH: "success"}),
    ]
    ending, told = followed(FakeAirflow(steps, {"verdict": "promoted", "reason": "promoted in deploy/us-east-1"}))
    assert told == [
        ("bake-image", "running"),
        ("bake-image", "success"),
        ("deploy", "deferred"),
        ("deploy", "success"),
        (FINISH, "success"),
    ]
    assert (ending.verdict, ending.reason) == ("promoted", "promoted in deploy/us-east-1")


def test_a_run_that_rolled_back_says_why_though_its_last_task_failed() -> None:
    said = {"verdict": "rolled back", "reason": "error_rate is worse"}
    ending, _ = followed(FakeAirflow([("failed", {FINISH: "failed"})], said))
    assert (ending.verdict, ending.reason, ending.run.state) == ("rolled back", "error_rate is worse", "failed")


def test_a_run_that_was_cancelled_ends_as_converge_settles_it(records: Records) -> None:
    airflow = FakeAirflow([("failed", {"deploy": "failed", FINISH: "skipped"})])
    run = Run(records, Subject(run=RUN, pipeline="playback", service="playback"))
    run.open({"definition": "d", "run_type": "manual"})
    with a_client(airflow) as client:
        endings: list[Ending] = []
        thread = threading.Thread(
            target=lambda: endings.append(follow(client, "playback", RUN_ID, lambda task, state: None, PATIENCE))
        )
        thread.start()
        run.close(Conclusion(RunVerdict.ROLLED_BACK, "the run ended without finishing"))
        thread.join(timeout=60)
    assert [(ending.verdict, ending.reason) for ending in endings] == [
        ("rolled back", "the run ended without finishing")
    ]


def test_a_cancelled_run_of_another_machine_ends_without_a_record(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENNAKER_AIRFLOW_URL", "http://127.0.0.1:9")
    ending, _ = followed(FakeAirflow([("failed", {"deploy": "failed", "bake-image": "success", FINISH: "skipped"})]))
    assert ending.verdict == "failed"
    assert ending.reason == "the run ended without a record; failed tasks: deploy"


def test_a_run_that_goes_on_for_too_long_is_left_alone_and_says_where_to_look() -> None:
    airflow = FakeAirflow([("running", {"deploy": "running"})])
    with pytest.raises(GennakerError, match=r"has not ended within 0:00:00: it is running.*gennaker status playback"):
        followed(airflow, timedelta(0))
    assert {method for method, _, _ in airflow.asked} == {"GET"}


def test_a_run_that_is_not_there_is_an_error(records: Records) -> None:
    with a_client(FakeAirflow([])) as client, pytest.raises(AirflowRefused, match="404"):
        follow(client, "playback", "another", lambda task, state: None, PATIENCE)
