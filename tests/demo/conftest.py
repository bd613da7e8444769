"""The demo's programs, run as the demo runs them."""

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from operators.clouds.cloud import BakeRequest
from operators.images import bake, unpack

DEMO = Path(__file__).parents[2] / "docker" / "demo"
#: Generous: the machine may be busy.
DEADLINE_S = 30.0


@dataclass
class Service:
    """A running Playback."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str, method: str = "GET") -> tuple[int, Message, dict[str, Any]]:
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, answer.headers, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, json.load(error)


@pytest.fixture
def demo_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a module of the demo, whose folders are programs and not packages."""
    for folder in (DEMO, DEMO / "playback"):
        monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module


@pytest.fixture
def serve(tmp_path: Path, demo_module: Callable[[str], ModuleType]) -> Iterator[Callable[..., Service]]:
    """Starts releases of Playback the way a cloud does: baked, unpacked, started by their command."""
    releases = demo_module("releases")
    running: list[subprocess.Popen[bytes]] = []

    def start(knobs: Mapping[str, object] | None = None, version: str = "1.0.0", region: str = "us-east-1") -> Service:
        name = f"{version}-{len(running)}"
        source = releases.make_release(tmp_path / "source" / name, version, knobs or {})
        image = bake(tmp_path / "store", BakeRequest("playback", source))
        config = unpack(tmp_path / "store", image.digest, tmp_path / "run" / name)
        assert image.version == version
        port = a_free_port()
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, **config.environment, "PATH": path, "PORT": str(port), "GENNAKER_REGION": region}
        folder = tmp_path / "run" / name / config.working_dir
        process = subprocess.Popen(config.command, cwd=folder, env=environment)
        running.append(process)
        service = Service(f"http://127.0.0.1:{port}", process, folder)
        poll(lambda: answers(service), "Playback is healthy")
        return service

    yield start
    for process in running:
        process.kill()
        process.wait()


@dataclass
class Load:
    """A load under way."""

    process: subprocess.Popen[str]
    out: Path

    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.out.read_text())) if self.out.exists() else {"requests": 0, "targets": {}}

    def timeline(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in Path(f"{self.out}.timeline.jsonl").read_text().splitlines()]

    def finish(self) -> dict[str, Any]:
        """Stops it with SIGTERM where it has no duration; gives its last figures."""
        if self.process.args[-2] != "--duration":  # type: ignore[index] # args is the list given below
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_S) == 0
        return self.figures()


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Callable[..., Load]]:
    """Starts a load on targets by name."""
    running: list[subprocess.Popen[str]] = []

    def start(targets: Mapping[str, int], rate: float, duration: float | None = None) -> Load:
        out = tmp_path / f"load{len(running)}.json"
        named = [part for name, port in targets.items() for part in ("--target", f"{name}=http://127.0.0.1:{port}")]
        told = [*named, "--rate", str(rate), "--out", str(out)]
        told += ["--duration", str(duration)] if duration is not None else []
        running.append(subprocess.Popen([sys.executable, str(DEMO / "load.py"), *told], text=True))
        return Load(running[-1], out)

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    """Waits until something is so, up to a deadline."""
    return poll


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(service: Service) -> bool:
    with contextlib.suppress(OSError):
        return service.ask("/healthz")[0] == 200
    return False


def poll(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {DEADLINE_S} s: {what}"
        time.sleep(0.02)
