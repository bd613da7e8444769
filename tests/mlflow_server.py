"""A real MLflow server for tests: started on loopback, killed, and started again on what it kept."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

EXPERIMENT = "canary/playback"
START_S = 150.0  # 5 s on an idle machine


class MlflowServer:
    """A real MLflow server on SQLite, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S
        while not self.is_well():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"MLflow did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)

    def is_well(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def post(self, endpoint: str, **body: object) -> Any:
        return httpx.post(f"{self.url}/api/2.0/mlflow/{endpoint}", json=body, timeout=30).raise_for_status().json()

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return httpx.get(f"{self.url}/{path}", params=parameters, timeout=30).raise_for_status()

    def runs(self, judgment: str, experiment: str = EXPERIMENT) -> list[Any]:
        found = self.get("api/2.0/mlflow/experiments/get-by-name", experiment_name=experiment).json()
        wanted = f'tags.`gennaker.judgment` = "{judgment}"'
        ids = [found["experiment"]["experiment_id"]]
        return list(self.post("runs/search", experiment_ids=ids, filter=wanted).get("runs", []))

    def points(self, run: Any, metric: str) -> list[tuple[int, int, object]]:
        """(step, milliseconds, value) of each point of a metric."""
        name = run["info"]["run_id"]
        found = self.get("api/2.0/mlflow/metrics/get-history", run_id=name, metric_key=metric).json()
        return [(int(p["step"]), int(p["timestamp"]), p["value"]) for p in found.get("metrics", [])]


def _free_port() -> int:
    """A port that no other worker of the tests takes before the server has it, seconds from now."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw5").removeprefix("gw")) % 6
    ours = range(20_000 + 2_000 * worker, 22_000 + 2_000 * worker)  # below the ports that Linux gives by itself
    for port in random.sample(ours, len(ours)):
        with socket.socket() as asked:
            try:
                asked.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no port is free for MLflow")
