"""The demo's load: open loop, and it counts every request once."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Serve = Callable[..., Any]
Press = Callable[..., Any]
WaitUntil = Callable[[Callable[[], bool], str], None]
LOAD = Path(__file__).parents[2] / "docker" / "demo" / "load.py"


@contextmanager
def a_rude_server(behave: Callable[[int], bytes | None], hangs_up: bool = False) -> Iterator[tuple[int, list[int]]]:
    """A server that answers its nth request with `behave(n)`, or hangs up on None; gives port and count."""
    counted = [0]
    with socket.create_server(("127.0.0.1", 0), backlog=500) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            with connection:
                while b"\r\n\r\n" in connection.recv(65536):
                    counted[0] += 1
                    answer = behave(counted[0])
                    if answer is None:
                        return
                    connection.sendall(answer)
                    if hangs_up:
                        return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1], counted
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def an_answer(status: int = 200, version: str = "", body: bytes = b'{"session": "s"}') -> bytes:
    headers = f"x-playback-version: {version}\r\n" if version else ""
    return f"HTTP/1.1 {status} X\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


def test_two_targets_at_once_each_get_the_rate_and_nothing_is_lost(serve: Serve, press: Press) -> None:
    one, other = serve(), serve(version="1.1.0")
    figures = press({"a": one.port, "b": other.port}, rate=100, duration=3).finish()
    for name, version in {"a": "1.0.0", "b": "1.1.0"}.items():
        target = figures["targets"][name]
        assert 210 < target["requests"] < 390  # Poisson of 300: five standard deviations
        assert target["lost"] == 0
        assert target["ok"] + target["own_failures"] == target["requests"] == target["versions"][version]["requests"]
        assert 5 < target["latency_ms"]["p50"] < target["latency_ms"]["p99"]


def test_slow_answers_do_not_slow_the_load(serve: Serve, press: Press) -> None:
    service = serve({"slow": {"region": "us-east-1", "above_rps": 0, "by_ms": 1500}})
    figures = press({"a": service.port}, rate=100, duration=2).finish()
    assert 130 < figures["requests"] < 270
    assert figures["targets"]["a"]["latency_ms"]["p50"] > 1400


def test_failures_that_a_release_makes_are_its_own_and_timed(serve: Serve, press: Press) -> None:
    service = serve({"error_rate": 0.5})
    figures = press({"a": service.port}, rate=100, duration=2).finish()
    version = figures["targets"]["a"]["versions"]["1.0.0"]
    assert 0 < figures["own_failures"] == version["own_failures"] < figures["requests"]
    assert figures["lost"] == 0
    assert figures["started_at"] <= version["first_own_failure"] <= version["last_seen"] <= figures["at"]


def test_the_seconds_of_the_timeline_add_up_to_the_totals(serve: Serve, press: Press) -> None:
    load = press({"a": serve({"error_rate": 0.3}).port}, rate=100, duration=2.5)
    version = load.finish()["targets"]["a"]["versions"]["1.0.0"]
    seconds = [line["targets"]["a"]["versions"].get("1.0.0", {}) for line in load.timeline()]
    assert len(seconds) >= 2
    for what in ("requests", "own_failures"):
        assert sum(second.get(what, 0) for second in seconds) == version[what]


def test_a_target_not_yet_up_is_not_counted_and_one_that_went_down_is(
    serve: Serve, press: Press, wait_until: WaitUntil
) -> None:
    service = serve()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        load = press({"up": service.port, "later": closed.getsockname()[1]}, rate=50)
        wait_until(lambda: load.figures()["requests"] > 50, "the load is under way")
        service.process.kill()
        wait_until(lambda: load.figures()["targets"]["up"]["lost"] > 10, "refused requests are counted")
        figures = load.finish()
    assert figures["targets"]["up"]["lost_kinds"]["refused"]["count"] > 10
    assert len(figures["targets"]["up"]["lost_kinds"]["refused"]["first"]) == 5
    assert figures["targets"]["later"]["requests"] == 0
    assert figures["targets"]["later"]["not_yet_up"] > 10


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (an_answer(503), "status 503"),
        (an_answer(404), "status 404"),
        (an_answer(200), "status 200"),
        (an_answer(500, version="1.0.0"), "status 500"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", "broken"),
        (b"SSH-2.0-nonsense\r\n", "broken"),
        (None, "broken"),
    ],
)
def test_what_no_release_answered_is_lost(press: Press, answer: bytes | None, kind: str) -> None:
    with a_rude_server(lambda number: answer, hangs_up=True) as (port, _):
        figures = press({"a": port}, rate=50, duration=1).finish()
    assert figures["ok"] == figures["own_failures"] == 0
    assert figures["lost"] == figures["requests"] > 0
    assert kind in figures["targets"]["a"]["lost_kinds"]


def test_a_lost_request_is_never_sent_again(press: Press) -> None:
    with a_rude_server(lambda number: an_answer(version="1.0.0") if number % 3 else None) as (port, received):
        figures = press({"a": port}, rate=100, duration=2).finish()
    assert figures["requests"] == received[0]
    assert figures["lost"] == received[0] // 3


def test_an_answer_that_does_not_come_is_given_up(demo_module: Callable[[str], ModuleType]) -> None:
    client = demo_module("wire").Client
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        asyncio.run(client("127.0.0.1", silent.getsockname()[1]).ask("GET", "/", 0.1))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("a=http://192.0.2.1:80", "only for this machine"),
        ("a=http://example.com:80", "only for this machine"),
        ("a=https://127.0.0.1:443", "expected NAME=http"),
        ("http://127.0.0.1:80", "expected NAME=http"),
        ("a=http://127.0.0.1", "expected NAME=http"),
    ],
)
def test_only_targets_on_this_machine_are_accepted(target: str, says: str) -> None:
    told = [sys.executable, str(LOAD), "--rate", "1", "--out", "unused", "--target", target]
    run = subprocess.run(told, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert says in run.stderr
