"""Integration tests: what they say decides, what they print is kept, and nothing of them stays behind."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from operators.integration_tests import HttpCheck, IntegrationTests
from operators.records import Kind, Records
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, run
from tests.fakes.release import ENVIRONMENT, REGION, a_run, a_scope, a_stable_group

LONG = timedelta(seconds=60)


@pytest.fixture
def group(records: Records, cloud: MemoryCloud) -> str:
    """The group that has the traffic."""
    return a_stable_group(records, cloud)


def the_tests(folder: Path, command: str = "", **more: Any) -> IntegrationTests:
    told = {"environment": ENVIRONMENT.to_json(), "region": REGION, "source": str(folder), "time_limit": LONG}
    told |= {"command": command, "http": None, **more}
    return IntegrationTests(task_id="tests", scope=a_scope("tests"), **told)


def last_test(records: Records) -> Any:
    return records.search(kind=Kind.TEST, newest_first=True, limit=1)[0].body


def gone(pid: int) -> bool:
    """Whether the process ends within seconds; a zombie has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def pid_in(file: Path) -> int:
    """The process id that a command wrote, once it is there."""
    deadline = time.monotonic() + 20
    while not (file.is_file() and file.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(file.read_text())


def test_tests_that_pass_are_recorded_with_what_they_printed(
    group: str, records: Records, home: Path, tmp_path: Path
) -> None:
    answer = run(the_tests(tmp_path, "echo 3 passed"), a_context())
    assert (home / "reports" / answer["report"]).read_text() == "3 passed\n"
    assert {"passed": True, "tail": "3 passed\n", "try": 1}.items() <= last_test(records).items()
    assert a_run(records).turned_back() is None


def test_tests_that_fail_turn_the_run_back_with_their_last_line(group: str, records: Records, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="1 failed"):
        run(the_tests(tmp_path, "echo collected 3; echo 1 failed >&2; exit 1"), a_context())
    assert a_run(records).turned_back() == "tests failed against playback/production/us-east-1: 1 failed"
    assert last_test(records)["passed"] is False


def test_tests_see_the_service_their_folder_and_little_else(
    group: str, cloud: MemoryCloud, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.addresses[group] = "http://127.0.0.1:8123"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow:hunter2@db/airflow")
    run(the_tests(tmp_path, "pwd; env; command -v python"), a_context())
    said = last_test(records)["tail"]
    assert str(tmp_path) in said
    assert "GENNAKER_SERVICE_URL=http://127.0.0.1:8123" in said
    assert "AIRFLOW__" not in said


def test_invariant_10_nothing_leaks_a_secret_that_tests_print_is_in_no_log_record_or_report(
    group: str, records: Records, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = "echo password=hunter2; echo https://bob:hunter2@example.org/; exit 1"
    with pytest.raises(AirflowFailException) as caught:
        run(the_tests(tmp_path, command), a_context())
    written = [str(record.body) for record in records.search()]
    reports = [file.read_text() for file in (home / "reports").iterdir()]
    said = "".join([*written, *reports, str(caught.value), *capfd.readouterr()])
    assert "hunter2" not in said
    assert "[redacted]" in said


def test_tests_that_take_too_long_fail_and_all_they_started_is_gone(
    group: str, records: Records, tmp_path: Path
) -> None:
    command = "sleep 600 & echo $! > child; echo $$ > shell; echo started; wait"
    with pytest.raises(AirflowFailException, match="not done within 0:00:01"):
        run(the_tests(tmp_path, command, time_limit=timedelta(seconds=1)), a_context())
    assert gone(pid_in(tmp_path / "child"))
    assert gone(pid_in(tmp_path / "shell"))
    assert last_test(records)["tail"].startswith("started\n")


def test_what_tests_leave_in_the_background_is_gone_when_they_are_done(
    group: str, records: Records, tmp_path: Path
) -> None:
    began = time.monotonic()
    run(the_tests(tmp_path, "sleep 600 & echo $! > child; echo ok"), a_context())
    assert time.monotonic() - began < LONG.total_seconds()
    assert gone(pid_in(tmp_path / "child"))


def test_output_that_someone_else_keeps_open_does_not_keep_the_task(
    group: str, records: Records, tmp_path: Path
) -> None:
    command = "setsid sh -c 'echo $$ > daemon; exec sleep 600' & while ! test -s daemon; do sleep 0.05; done; echo ok"
    try:
        run(the_tests(tmp_path, command), a_context())
        assert last_test(records)["tail"] == "ok\n"
    finally:
        os.kill(pid_in(tmp_path / "daemon"), 9)


def test_a_task_that_airflow_ends_takes_its_command_with_it(group: str, records: Records, tmp_path: Path) -> None:
    task = the_tests(tmp_path, "sleep 600 & echo $! > child; wait")

    def end() -> None:
        pid_in(tmp_path / "child")
        task.on_kill()

    killer = threading.Thread(target=end)
    killer.start()
    with pytest.raises(AirflowFailException):
        run(task, a_context())
    killer.join()
    assert gone(pid_in(tmp_path / "child"))


def test_a_failure_is_retried_as_often_as_the_pipeline_says(group: str, records: Records, tmp_path: Path) -> None:
    for number in (1, 2):
        with pytest.raises(AirflowException, match="flaky") as caught:
            run(the_tests(tmp_path, "echo flaky; exit 1", tries=3), a_context(try_number=number))
        assert not isinstance(caught.value, AirflowFailException)
        assert a_run(records).turned_back() is None
    with pytest.raises(AirflowFailException):
        run(the_tests(tmp_path, "echo flaky; exit 1", tries=3), a_context(try_number=3))
    assert "flaky" in (a_run(records).turned_back() or "")
    assert [record.body["try"] for record in records.search(kind=Kind.TEST)] == [1, 2, 3]


def test_there_is_nothing_to_test_before_a_deploy(cloud: MemoryCloud, records: Records, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="nothing is deployed"):
        run(the_tests(tmp_path, "true"), a_context())


class Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service(group: str, cloud: MemoryCloud) -> Iterator[None]:
    """A real HTTP service behind the group that has the traffic."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cloud.addresses[group] = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "check", [HttpCheck("/healthz"), HttpCheck("healthz", contains="well"), HttpCheck("/missing", status=404)]
)
def test_an_http_check_that_is_answered_as_expected_passes(check: HttpCheck, records: Records, tmp_path: Path) -> None:
    run(the_tests(tmp_path, http=check), a_context())
    assert last_test(records)["passed"] is True


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("check", "why"),
    [
        (HttpCheck("/missing"), "404, 11 bytes; expected 200"),
        (HttpCheck("/healthz", contains="on fire"), "expected it to contain 'on fire'"),
    ],
)
def test_an_http_check_that_is_answered_otherwise_says_what_came(
    check: HttpCheck, why: str, records: Records, tmp_path: Path
) -> None:
    with pytest.raises(AirflowFailException, match=why):
        run(the_tests(tmp_path, http=check), a_context())


def test_an_http_check_without_an_answer_fails(group: str, records: Records, tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="ConnectError"):
        run(the_tests(tmp_path, http=HttpCheck("/healthz")), a_context())
