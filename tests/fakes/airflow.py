"""The few answers of Airflow's REST API that following a run needs, on a port of loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

RUN_ID = "manual__1"


@dataclass
class FakeAirflow:
    """An Airflow with one pipeline, which runs once.

    Args:
        steps: the run's state and its tasks' states, look by look; at the end the last of it.
        conclusion: what the last task says the run came to; None where it never ran.
        params: names of the pipeline's parameters.
        refuses: why a run may not be started.
        asked: every request but the log-in: method, path, body.
    """

    steps: list[tuple[str, dict[str, str]]]
    conclusion: dict[str, str] | None = None
    params: tuple[str, ...] = ("artifact_playback",)
    refuses: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    looks: int = 0
    url: str = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for a request."""
        if path == "/auth/token":
            return 201, {"access_token": "token"}
        self.asked.append((method, path, body))
        run = f"/api/v2/dags/playback/dagRuns/{RUN_ID}"
        if path == "/api/v2/dags/playback/details":
            return 200, {"params": {name: {} for name in self.params}}
        if (method, path) == ("POST", "/api/v2/dags/playback/dagRuns"):
            return (400, {"detail": self.refuses}) if self.refuses else (200, {"dag_run_id": RUN_ID})
        if path == run:
            self.looks += 1
            times = {"start_date": "2026-01-02T03:04:05Z", "end_date": None}
            return 200, {"dag_id": "playback", "dag_run_id": RUN_ID, "conf": {}, "state": self._now()[0], **times}
        if path == f"{run}/taskInstances":
            tasks = [_task(name, state) for name, state in self._now()[1].items()]
            return 200, {"task_instances": tasks, "total_entries": len(tasks)}
        if path == f"{run}/taskInstances/finish-and-archive/xcomEntries/conclusion" and self.conclusion:
            return 200, {"value": self.conclusion}
        return 404, {"detail": f"there is no {path}"}

    def started_with(self) -> Any:
        """The parameters that the run was started with."""
        (body,) = [body for method, _, body in self.asked if method == "POST"]
        return body["conf"]

    def _now(self) -> tuple[str, dict[str, str]]:
        return self.steps[min(max(self.looks, 1), len(self.steps)) - 1]


def _task(name: str, state: str) -> dict[str, Any]:
    times = {"start_date": None, "end_date": None}
    return {"task_id": name, "map_index": -1, "state": state or None, "try_number": 1, "operator": "X", **times}


@contextmanager
def serving(airflow: FakeAirflow) -> Iterator[FakeAirflow]:
    """The Airflow at its `url`, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = unquote(urlsplit(self.path).path)
            status, said = airflow.answer(self.command, path, json.loads(raw) if raw else None)
            payload = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        airflow.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield airflow
        finally:
            server.shutdown()
            thread.join()
