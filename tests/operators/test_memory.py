"""Judgments in MLflow: told once, delivered once, on a real server that is killed and comes back."""

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from operators import tracking
from operators.looks_table import table_of
from operators.memory import Memory
from operators.records import Records
from operators.records.outbox import Outbox
from operators.records.records import utc_now
from tests.mlflow_server import EXPERIMENT, MlflowServer

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


@pytest.fixture
def records(database: str) -> Iterator[Records]:
    with closing(Records.open(database)) as records:
        yield records


@pytest.fixture
def judgment(request: pytest.FixtureRequest) -> str:
    """An id that no other test uses, with the signs a run id has."""
    return f"playback/manual__2026-03-01T12:00:00+00:00/{request.node.name}"


def begin(memory: Memory, judgment: str, **changes: Any) -> None:
    told = {
        "tags": {"service": "playback", "region": "eu-central-1"},
        "params": {"profile": "standard", "alpha": "0.01"},
    }
    memory.begin(judgment, experiment=EXPERIMENT, name="playback 1.2", **{**told, **changes})


def look(memory: Memory, judgment: str, step_s: int) -> None:
    memory.look(judgment, step_s, NOON + timedelta(seconds=step_s), {"errors/evidence": step_s / 10, "requests": 100})


def end(memory: Memory, judgment: str, **changes: Any) -> None:
    told = {"tags": {"decided_by": "errors"}, "report_html": "<h1>Rolled back</h1>", "artifacts": {"looks.json": "[1]"}}
    memory.end(judgment, verdict="FAIL", **{**told, **changes})


def tell_all(memory: Memory, judgment: str, looks: int) -> None:
    begin(memory, judgment)
    for step_s in range(looks):
        look(memory, judgment, step_s)
    end(memory, judgment)


def check_all(server: MlflowServer, judgment: str, looks: int) -> None:
    """All of `tell_all` is in MLflow, once."""
    [run] = server.runs(judgment)
    assert run["info"]["status"] == "FINISHED"
    expected = [(step, 1000 * (int(NOON.timestamp()) + step), step / 10) for step in range(looks)]
    assert sorted(server.points(run, "errors/evidence")) == expected
    assert {"key": "alpha", "value": "0.01"} in run["data"]["params"]
    folder = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/")
    report = server.get(f"api/2.0/mlflow-artifacts/artifacts/{folder}/report.html").text
    assert report == "<h1>Rolled back</h1>"


def test_a_judgment_is_one_finished_run_with_evidence_per_look_and_a_report(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url, clock=lambda: NOON)
    tell_all(memory, judgment, looks=3)

    assert memory.deliver() == 1 + 3 + 2 + 1
    assert memory.deliver() == 0

    check_all(server, judgment, looks=3)
    [run] = server.runs(judgment)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["gennaker.verdict"] == "FAIL"
    assert (tags["service"], tags["region"], tags["decided_by"]) == ("playback", "eu-central-1", "errors")
    assert int(run["info"]["start_time"]) == int(run["info"]["end_time"]) == NOON.timestamp() * 1000
    info = run["info"]
    assert memory.url(judgment) == f"{server.url}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"


def test_looks_arrive_while_the_judgment_goes_on(server: MlflowServer, records: Records, judgment: str) -> None:
    memory = Memory(records, server.url)
    begin(memory, judgment)
    look(memory, judgment, 5)
    memory.deliver()
    look(memory, judgment, 10)
    memory.deliver()

    [run] = server.runs(judgment)
    assert run["info"]["status"] == "RUNNING"
    assert [step for step, _, _ in server.points(run, "requests")] == [5, 10]


def test_what_is_told_again_after_a_restart_counts_once(server: MlflowServer, records: Records, judgment: str) -> None:
    memory = Memory(records, server.url)
    for _ in range(2):
        tell_all(memory, judgment, looks=2)
        memory.deliver()

    check_all(server, judgment, looks=2)


def test_a_killed_server_stops_nobody_and_gets_the_rest_once_when_it_is_back(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url)
    tell_all(memory, judgment, looks=4)
    assert memory.deliver(limit=3) == 3

    server.kill()
    assert memory.deliver() == 0
    look(memory, judgment, 99)
    server.start()

    assert memory.deliver() == 6
    [run] = server.runs(judgment)
    assert [step for step, _, _ in server.points(run, "requests")] == [0, 1, 2, 3, 99]
    assert run["info"]["status"] == "FINISHED"


def test_deliverers_at_once_double_nothing(server: MlflowServer, database: str, judgment: str) -> None:
    judgments, start, arrived = [f"{judgment}/{n}" for n in range(4)], threading.Barrier(3), list[int]()
    with closing(Records.open(database)) as records:
        for each in judgments:
            tell_all(Memory(records, server.url), each, looks=3)

    def deliver() -> None:
        with closing(Records.open(database)) as own:
            start.wait()
            arrived.append(Memory(own, server.url).deliver())

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(arrived) == 4 * 7
    for each in judgments:
        check_all(server, each, looks=3)


class LosesTheFirstAnswer(BaseHTTPRequestHandler):
    """Hands each request on to the server, and cuts the line instead of answering it the first time."""

    target = ""
    seen: ClassVar[set[tuple[str, str, bytes]]]
    timeout = 30

    def do_any(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        answer = httpx.request(self.command, self.target + self.path, content=content, headers=headers, timeout=30)
        self.close_connection = True
        request = (self.command, self.path, content)
        if request not in self.seen:
            self.seen.add(request)
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PUT = do_any

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_answers_lost_on_the_way_double_nothing(server: MlflowServer, records: Records, judgment: str) -> None:
    handler = type("Handler", (LosesTheFirstAnswer,), {"target": server.url, "seen": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        memory = Memory(records, f"http://127.0.0.1:{proxy.server_port}")
        tell_all(memory, judgment, looks=3)
        arrived = [memory.deliver(limit=1) for _ in range(25)]
        proxy.shutdown()
        thread.join()

    assert sum(arrived) == 7
    assert 0 in arrived[:7]
    check_all(server, judgment, looks=3)


def records_waiting(records: Records) -> int:
    with records.database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM outbox WHERE state = 'waiting'")).scalar_one())


def test_a_run_that_was_made_twice_is_one_at_the_end(server: MlflowServer, records: Records, judgment: str) -> None:
    """As when MLflow makes a run long after the deliverer gave up waiting for it."""
    memory = Memory(records, server.url)
    begin(memory, judgment)
    memory.deliver()
    [run] = server.runs(judgment)
    double = [{"key": "gennaker.judgment", "value": judgment}]
    server.post("runs/create", experiment_id=run["info"]["experiment_id"], start_time=1, tags=double)
    end(memory, judgment)
    memory.deliver()

    [left] = server.runs(judgment)
    assert left["info"]["run_id"] == run["info"]["run_id"]


def test_a_server_that_does_not_answer_takes_bounded_time(
    records: Records, judgment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        memory = Memory(records, f"http://127.0.0.1:{silent.getsockname()[1]}")
        for n in range(50):
            tell_all(memory, f"{judgment}/{n}", looks=1)
        begun = time.monotonic()
        assert memory.deliver() == 0
        took = time.monotonic() - begun

    assert took < 5  # 50 judgments, one time-out


@pytest.mark.parametrize("uri", ["", "sqlite:///mlflow.db", "./mlruns", "http://[", "http://h:port"])
def test_without_a_server_all_stays_in_the_outbox(
    records: Records, judgment: str, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    memory = Memory(records)
    tell_all(memory, judgment, looks=2)

    assert memory.deliver() == 0
    assert memory.url(judgment) is None
    assert records_waiting(records) == 6


def test_what_the_server_refuses_for_good_is_set_aside_and_the_rest_arrives(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url)
    begin(memory, judgment)
    end(memory, judgment, artifacts={"../escape": "no"})

    assert memory.deliver() == 3

    with records.database.read() as connection:
        refused = connection.execute(text("SELECT part, error FROM outbox WHERE state = 'refused'")).all()
    assert [part for part, _ in refused] == ["artifact/../escape"]
    assert refused[0].error
    check_all(server, judgment, looks=0)


def test_a_judgment_that_cannot_begin_does_not_hold_up_the_others(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url)
    experiment = server.post("experiments/create", name=f"gone {judgment}")["experiment_id"]
    server.post("experiments/delete", experiment_id=experiment)
    memory.begin(f"{judgment}/gone", experiment=f"gone {judgment}", name="x", tags={}, params={})
    tell_all(memory, judgment, looks=1)

    assert memory.deliver() == 5
    server.post("experiments/restore", experiment_id=experiment)
    assert memory.deliver() == 1


def test_odd_names_and_numbers_arrive(server: MlflowServer, records: Records) -> None:
    judgment = 'it\'s "odd" \\ 100% ü'
    memory = Memory(records, server.url)
    begin(memory, judgment, params={"a[0]": "ü" * 9000, **{f"p{n}": "" for n in range(120)}})
    memory.look(judgment, 1, NOON, {"p99<ms>": float("inf"), "share": float("nan"), "token_rate": 1})
    memory.look(judgment, 2, NOON, {"p99<ms>": float("-inf")})
    end(memory, judgment)

    assert memory.deliver() == 6
    [run] = server.runs(judgment.replace('"', "'"))
    assert len(run["data"]["params"]) == 121
    assert {metric["key"] for metric in run["data"]["metrics"]} == {"p99_ms_", "share", "token_rate"}
    assert memory.deliver() == 0


def test_invariant_10_no_secret_reaches_the_outbox_or_mlflow(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url)
    begin(memory, judgment, params={"db_password": "hunter2"}, tags={"source": "https://bob:hunter2@git/x"})
    end(memory, judgment, report_html="<p>token=hunter2</p>", artifacts={"log.txt": "Bearer hunter2HUNTER2"})
    with records.database.read() as connection:
        assert "hunter2" not in "".join(connection.execute(text("SELECT payload FROM outbox")).scalars())
    memory.deliver()

    [run] = server.runs(judgment)
    assert "hunter2" not in str(run)


def test_the_page_of_a_run_does_not_show_the_servers_credentials(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url.replace("http://", "http://bob:hunter2@"))
    begin(memory, judgment)
    memory.deliver()

    page = memory.url(judgment)
    assert page is not None
    assert page.startswith(server.url)


def a_stored_look(number: int) -> dict[str, Any]:
    side = {"requests": 100 * number, "errors": number, "latency": [99 * number, number], "edges_ms": [50.0]}
    at = (NOON + timedelta(seconds=number)).isoformat()
    return {"at": at, "baseline": side, "canary": side, "canary_share": 0.5, "step": ""}


def run_of(server: MlflowServer, run_id: str) -> Any:
    return server.get("api/2.0/mlflow/runs/get", run_id=run_id).json()["run"]


def tags_of(run: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def test_the_looks_are_a_table_and_a_dataset_of_the_run(server: MlflowServer, records: Records, judgment: str) -> None:
    for number in range(3):
        records.looks.add(judgment, number, a_stored_look(number))
    memory = Memory(records, server.url)
    tell_all(memory, judgment, looks=3)
    memory.deliver()
    [run] = server.runs(judgment)
    folder = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/")
    content = server.get(f"api/2.0/mlflow-artifacts/artifacts/{folder}/looks.parquet").content
    table = pq.read_table(io.BytesIO(content)).to_pylist()
    assert [row["canary_requests"] for row in table] == [0, 100, 200]
    assert table[2]["baseline_latency"] == [198, 2]
    [told] = run_of(server, run["info"]["run_id"])["inputs"]["dataset_inputs"]
    assert told["dataset"]["name"] == judgment
    assert json.loads(told["dataset"]["profile"]) == {"num_rows": 3}


def test_the_same_looks_are_the_same_table() -> None:
    looks = [a_stored_look(number) for number in range(5)]
    assert table_of(looks) == table_of(looks)


def test_judgments_are_nested_in_the_run_of_their_pipeline(
    server: MlflowServer, records: Records, judgment: str
) -> None:
    memory = Memory(records, server.url)
    for name in ("us", "eu"):
        parent = memory.run_begins(judgment, experiment=EXPERIMENT, tags={"service": "playback"})
        begin(memory, f"{judgment}/{name}", parent=parent)
        end(memory, f"{judgment}/{name}")
    memory.deliver()
    [above] = server.runs(f"run:{judgment}")
    assert above["info"]["status"] == "RUNNING"
    for name in ("us", "eu"):
        [below] = server.runs(f"{judgment}/{name}")
        assert tags_of(below)["mlflow.parentRunId"] == above["info"]["run_id"]
    memory.run_ends(judgment, verdict="rolled back", reason="too many errors")
    memory.deliver()
    [above] = server.runs(f"run:{judgment}")
    assert above["info"]["status"] == "FINISHED"
    assert tags_of(above)["reason"] == "too many errors"


def test_a_judgment_waits_for_the_run_it_is_nested_in(server: MlflowServer, records: Records, judgment: str) -> None:
    memory = Memory(records, server.url)
    outbox = Outbox(records.database, utc_now)
    parent = memory.run_begins(judgment, experiment=EXPERIMENT, tags={})
    begin(memory, f"{judgment}/us", parent=parent)
    with outbox.claimed(parent) as is_mine:
        assert is_mine
        memory.deliver()
        assert outbox.tracked(f"{judgment}/us") is None
    memory.deliver()
    [above], [below] = server.runs(parent), server.runs(f"{judgment}/us")
    assert tags_of(below)["mlflow.parentRunId"] == above["info"]["run_id"]


def test_nothing_is_told_of_a_run_without_judgments(records: Records) -> None:
    Memory(records, "").run_ends("playback/manual__1", verdict="promoted", reason="all done")
    assert Outbox(records.database, utc_now).judgments() == []


def test_runs_are_found_by_what_they_were_judged_by(server: MlflowServer, records: Records, judgment: str) -> None:
    memory = Memory(records, server.url)
    begin(memory, judgment, params={"alpha": "0.01", "error_rate.margin": "1.5"}, tags={"service": judgment})
    end(memory, judgment, tags={"reason": "errors"})
    memory.deliver()
    experiment = server.get("api/2.0/mlflow/experiments/get-by-name", experiment_name=EXPERIMENT).json()["experiment"]
    wanted = f"tags.service = '{judgment}' and tags.`gennaker.verdict` = 'FAIL' and params.`error_rate.margin` = '1.5'"
    found = server.post("runs/search", experiment_ids=[experiment["experiment_id"]], filter=wanted)
    assert len(found["runs"]) == 1
