"""Playback: the service that the demo ships."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

Serve = Callable[..., Any]
Import = Callable[[str], ModuleType]


def test_every_answer_says_which_version_gave_it(serve: Serve) -> None:
    service = serve(version="1.0.0")
    for path in ("/healthz", "/version", "/manifest/roma", "/play/roma"):
        assert service.ask(path)[1]["x-playback-version"] == "1.0.0"


def test_a_session_started_by_one_instance_is_alive_on_another_one(serve: Serve) -> None:
    one, other = serve({"error_rate": 0.0}), serve({"error_rate": 0.0}, version="1.1.0")
    session = one.ask("/play/roma", "POST")[2]["session"]
    assert other.ask(f"/heartbeat/{session}", "POST")[2] == {"status": "alive"}
    assert other.ask("/heartbeat/roma.made-up.0", "POST")[0] == 404


def test_a_failure_that_the_release_makes_is_marked_and_health_is_not_touched(serve: Serve) -> None:
    service = serve({"error_rate": 1.0})
    status, headers, _ = service.ask("/manifest/roma")
    assert (status, headers["x-playback-fault"]) == (503, "1")
    assert service.ask("/healthz")[0] == 200


def test_the_good_release_differs_visibly(serve: Serve) -> None:
    assert serve({"skip_intro": True, "error_rate": 0.0}, version="1.1.0").ask("/manifest/roma")[2]["skip_intro"]


def test_on_sigterm_it_finishes_what_is_in_flight_and_ends_within_two_seconds(serve: Serve) -> None:
    slow = {"region": "us-east-1", "above_rps": 0, "by_ms": 400}
    service = serve({"slow": slow, "error_rate": 0.0})
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(b"GET /manifest/roma HTTP/1.1\r\nhost: x\r\n\r\n")
        service.ask("/healthz")  # answered after the request before it was read: one loop serves both
        told_s = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"}")
    service.process.wait(30)
    assert time.monotonic() - told_s < 2
    with pytest.raises(OSError, match="refused"):
        service.ask("/healthz")


@pytest.mark.parametrize("knobs", [{}, {"error_rate": 0.12}])
def test_the_smoke_tests_pass_on_any_release_that_mostly_works(serve: Serve, knobs: dict[str, object]) -> None:
    service = serve(knobs)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "smoke"],
        cwd=service.folder,
        env={**os.environ, "GENNAKER_SERVICE_URL": service.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_four_releases_are_four_images_and_made_the_same_each_time(demo_module: Import, tmp_path: Any) -> None:
    releases = demo_module("releases")
    read_release = demo_module("release").read_release
    for _ in range(2):  # the second replaces the first
        made = releases.make_releases(tmp_path)
        found = {version: read_release(folder) for version, folder in made.items()}
    assert list(found) == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    assert all(release.version == version for version, release in found.items())
    assert (found["1.2.0"].error_rate, found["1.3.0"].slow.region) == (0.12, "eu-central-1")


def weather_of(demo_module: Import, region: str, clock: Callable[[], float]) -> Any:
    release = demo_module("release")
    slow = release.Slow("eu-central-1", above_rps=8, by_ms=60)
    return demo_module("weather").Weather(release.Release("1.3.0", slow=slow), region, random.Random(1), clock)


@pytest.mark.parametrize(
    ("region", "requests_per_s", "is_slow"),
    [("eu-central-1", 20, True), ("eu-central-1", 4, False), ("us-east-1", 20, False)],
)
def test_it_is_slow_only_in_its_region_and_only_under_load(
    demo_module: Import, region: str, requests_per_s: int, is_slow: bool
) -> None:
    times = iter([number / requests_per_s for number in range(400)])
    weather = weather_of(demo_module, region, lambda: next(times))
    delays_s = [weather.delay_s() for _ in range(400)][100:]
    assert all((delay_s > 0.06) is is_slow for delay_s in delays_s)


def test_without_trouble_answers_take_about_ten_milliseconds_and_two_in_a_thousand_fail(demo_module: Import) -> None:
    weather = weather_of(demo_module, "us-east-1", lambda: 0.0)
    delays_s = sorted(weather.delay_s() for _ in range(10_000))
    assert 0.009 < delays_s[5_000] < 0.011
    assert 0.017 < delays_s[9_900] < 0.024
    assert 0.001 < sum(weather.fails() for _ in range(50_000)) / 50_000 < 0.003
