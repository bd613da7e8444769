"""The REST client, against a server that speaks as Airflow does."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gennaker.stack.client import AirflowClient
from gennaker.stack.connection import AirflowConnection, AirflowRefused
from gennaker.stack.settings import StackError, StackSettings, free_ports

Answer = tuple[int, Any]

RUN = {
    "dag_id": "playback",
    "dag_run_id": "r+1:2",
    "conf": None,
    "start_date": "2026-01-02T03:04:05Z",
    "end_date": None,
}


@dataclass
class Airflow:
    """Answers requests from a table of functions, and remembers what it was asked."""

    answers: dict[str, Callable[[dict[str, list[str]], Any], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    logins: int = 0
    url: str = ""

    def answer(self, method: str, target: str, token: str, body: Any) -> Answer:
        path = urlsplit(target).path
        if path == "/auth/token":
            self.logins += 1
            return (
                (201, {"access_token": f"t{self.logins}"}) if body["password"] == "right" else (401, {"detail": "no"})
            )
        if token != f"Bearer t{self.logins}":
            return 401, {"detail": "Token Expired"}
        self.asked.append((method, path, body))
        return self.answers[f"{method} {path.removeprefix('/api/v2')}"](parse_qs(urlsplit(target).query), body)


@contextmanager
def _served(airflow: Airflow, port: int = 0) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get("Authorization", "")
            status, said = airflow.answer(self.command, self.path, token, json.loads(raw) if raw else None)
            payload = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        airflow.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    airflow = Airflow()
    with _served(airflow):
        yield airflow


@pytest.fixture
def client(airflow: Airflow) -> Iterator[AirflowClient]:
    with AirflowConnection(airflow.url, user="admin", password="right", patience=timedelta(0)) as connection:
        yield AirflowClient(connection)


def test_a_run_is_started_with_its_parameters(airflow: Airflow, client: AirflowClient) -> None:
    airflow.answers["POST /dags/playback/dagRuns"] = lambda query, body: (200, {"dag_run_id": "r1"})
    assert client.trigger("playback", {"version": "1.1"}, note="why") == "r1"
    assert airflow.asked[0][2] == {"logical_date": None, "conf": {"version": "1.1"}, "note": "why"}


def test_run_ids_survive_the_way_to_the_server(airflow: Airflow, client: AirflowClient) -> None:
    airflow.answers["GET /dags/playback/dagRuns/r%2B1%3A2"] = lambda query, body: (200, RUN | {"state": "running"})
    run = client.run("playback", "r+1:2")
    assert (run.run_id, run.state, run.conf, run.has_ended) == ("r+1:2", "running", {}, False)
    assert run.began_at is not None
    assert run.began_at.utcoffset() == timedelta(0)


def test_long_lists_are_read_to_their_end(airflow: Airflow, client: AirflowClient) -> None:
    def page(query: dict[str, list[str]], body: Any) -> Answer:
        first = int(query["offset"][0])
        dags = [{"dag_id": f"d{number}"} for number in range(250)][first : first + int(query["limit"][0])]
        return 200, {"dags": dags, "total_entries": 250}

    airflow.answers["GET /dags"] = page
    assert len(client.dag_ids()) == 250
    assert len(airflow.asked) == 3


def test_a_refusal_carries_status_and_reason(airflow: Airflow, client: AirflowClient) -> None:
    airflow.answers["POST /dags/playback/dagRuns"] = lambda query, body: (400, {"detail": "1000 is greater than 60"})
    with pytest.raises(AirflowRefused, match="1000 is greater than 60") as refusal:
        client.trigger("playback")
    assert refusal.value.status == 400


def test_a_login_that_ran_out_is_renewed(airflow: Airflow, client: AirflowClient) -> None:
    airflow.answers["GET /dags"] = lambda query, body: (200, {"dags": [], "total_entries": 0})
    client.dag_ids()
    airflow.logins += 1  # the server forgot the first token
    assert client.dag_ids() == ()
    assert airflow.logins == 3


def test_a_wrong_password_is_a_refusal_and_no_loop(airflow: Airflow) -> None:
    with (
        AirflowConnection(airflow.url, user="admin", password="wrong") as stranger,
        pytest.raises(AirflowRefused) as refusal,
    ):
        stranger.get("/dags")
    assert refusal.value.status == 401
    assert "wrong" not in str(refusal.value)


def test_a_server_that_restarts_is_waited_for() -> None:
    (port,) = free_ports(1)
    airflow = Airflow({"GET /dags": lambda query, body: (200, {"dags": [{"dag_id": "d"}], "total_entries": 1})})
    connection = AirflowConnection(f"http://127.0.0.1:{port}", user="admin", password="right")
    found: list[tuple[str, ...]] = []
    asking = threading.Thread(target=lambda: found.append(AirflowClient(connection).dag_ids()))
    asking.start()
    with _served(airflow, port), connection:
        asking.join(timeout=30)
    assert found == [("d",)]


def test_a_server_that_is_not_there_is_an_error_that_says_how_to_mend_it() -> None:
    (port,) = free_ports(1)
    with (
        AirflowConnection(f"http://127.0.0.1:{port}", token="t", patience=timedelta(0)) as connection,
        pytest.raises(StackError, match="gennaker doctor"),
    ):
        connection.get("/dags")


def test_a_run_that_does_not_end_says_what_it_waits_for(airflow: Airflow, client: AirflowClient) -> None:
    task = {"task_id": "deploy", "map_index": -1, "state": "deferred", "try_number": 1, "operator": "Deploy"}
    task |= {"start_date": None, "end_date": None}
    run = "/dags/playback/dagRuns/r1"
    airflow.answers[f"GET {run}"] = lambda query, body: (200, RUN | {"state": "running"})
    airflow.answers[f"GET {run}/taskInstances"] = lambda query, body: (
        200,
        {"task_instances": [task], "total_entries": 1},
    )
    with pytest.raises(StackError, match="'deploy': 'deferred'"):
        client.wait("playback", "r1", timedelta(0))


def test_a_dag_whose_file_was_not_read_yet_is_waited_for(airflow: Airflow, client: AirflowClient) -> None:
    answers: Iterator[Answer] = iter([(404, {"detail": "not found"}), (200, {})])
    airflow.answers["PATCH /dags/playback"] = lambda query, body: next(answers)
    client.unpause("playback", timedelta(seconds=20))
    assert [body for _, _, body in airflow.asked] == [{"is_paused": False}] * 2


def test_a_question_is_found_and_answered(airflow: Airflow, client: AirflowClient) -> None:
    task = {"dag_id": "playback", "dag_run_id": "r+1", "task_id": "ask", "map_index": -1}
    asked = {"task_instance": task, "subject": "Go on?", "options": ["Approve", "Reject"], "chosen_options": None}
    airflow.answers["GET /dags/~/dagRuns/~/hitlDetails"] = lambda query, body: (
        200,
        {"hitl_details": [asked], "total_entries": 1},
    )
    address = "/dags/playback/dagRuns/r%2B1/taskInstances/ask/-1/hitlDetails"
    airflow.answers[f"PATCH {address}"] = lambda query, body: (200, {})
    (question,) = client.approvals.pending()
    assert (question.subject, question.options, question.answer) == ("Go on?", ("Approve", "Reject"), ())
    client.approvals.answer(question, ["Approve"])
    assert airflow.asked[-1][2] == {"chosen_options": ["Approve"], "params_input": {}}


def test_without_a_stack_the_client_says_what_to_start(settings: StackSettings) -> None:
    with pytest.raises(StackError, match="gennaker up"):
        AirflowConnection.local()


def test_another_airflow_can_be_named(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow.logins = 7
    airflow.answers["GET /dags"] = lambda query, body: (200, {"dags": [], "total_entries": 0})
    monkeypatch.setenv("GENNAKER_AIRFLOW_URL", airflow.url)
    monkeypatch.setenv("GENNAKER_AIRFLOW_TOKEN", "t7")
    with AirflowConnection.local() as connection:
        assert AirflowClient(connection).dag_ids() == ()
    assert airflow.logins == 7
