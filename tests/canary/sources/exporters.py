"""A process to scrape, and a real Prometheus that scrapes it."""

import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

#: Observations by native bucket of schema 0, whose bounds are powers of two: bucket n ends at 2 to the n.
NATIVE = {-1: 3, 0: 10, 1: 30, 4: 1}


@dataclass
class Exporter:
    """Two pods behind one address. Pod b starts again now and then; what both ever served is `served`."""

    port: int
    pods: dict[str, int] = field(default_factory=lambda: {"a": 0, "b": 0})
    served: int = 0
    scrapes: int = 0
    is_serving: bool = True

    def metrics(self) -> str:
        if self.is_serving and self.scrapes:
            if self.scrapes % 5 == 0:
                self.pods["b"] = 0
            for pod, more in (("a", 7), ("b", 11)):
                self.pods[pod] += more
                self.served += more
        self.scrapes += 1
        lines = ["# TYPE upstream_rq counter", "# TYPE memory_bytes gauge", "# TYPE took_seconds histogram"]
        for pod, count in self.pods.items():
            lines += [f'upstream_rq{{group="v2",pod="{pod}"}} {count}', f'memory_bytes{{group="v2",pod="{pod}"}} 5e7']
            lines += [f'took_seconds_bucket{{group="v2",pod="{pod}",le="0.1"}} {count // 2}']
            lines += [f'took_seconds_bucket{{group="v2",pod="{pod}",le="+Inf"}} {count}']
        return "\n".join(lines) + "\n"


@contextmanager
def an_exporter() -> Iterator[Exporter]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_native = self.path == "/native"
            body = native_histogram(NATIVE) if is_native else exporter.metrics().encode()
            protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            self.send_response(200)
            self.send_header("Content-Type", protobuf if is_native else "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    exporter = Exporter(server.server_address[1])
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield exporter
    finally:
        server.shutdown()
        serving.join(timeout=30)
        server.server_close()


@contextmanager
def a_prometheus(exporter: Exporter, folder: Path) -> Iterator[str]:
    """The address of a real Prometheus that scrapes the exporter five times a second."""
    config, port = folder / "prometheus.yml", free_port()
    jobs = [
        f"{{job_name: {job}, metrics_path: {path}, static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]}}"
        for job, path in (("playback", "/metrics"), ("native", "/native"))
    ]
    timing = "{scrape_interval: 200ms, scrape_timeout: 200ms}"
    config.write_text(f"global: {timing}\nscrape_configs: [{', '.join(jobs)}]\n")
    command = [
        str(shutil.which("prometheus")),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=native-histograms",
        "--log.level=error",
    ]
    process = subprocess.Popen(command)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/-/ready", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("Prometheus did not start")


def native_histogram(counts: dict[int, int]) -> bytes:
    """A native histogram `latency_seconds` of schema 0 as a delimited `io.prometheus.client.MetricFamily`."""
    spans, deltas, before, at = b"", b"", 0, None
    for place, count in sorted(counts.items()):
        gap = place if at is None else place - at - 1
        spans += _message(12, _number(1, _zigzag(gap)) + _number(2, 1))
        deltas += _number(13, _zigzag(count - before))
        before, at = count, place
    total = _number(1, sum(counts.values())) + _double(2, 80.0)
    histogram = total + _number(5, _zigzag(0)) + _double(6, 1e-6) + _number(7, 0) + spans + deltas
    label = _message(1, _message(1, b"group") + _message(2, b"v2"))
    family = _message(1, b"latency_seconds") + _number(3, 4) + _message(4, label + _message(7, histogram))
    return _varint(len(family)) + family


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def _zigzag(value: int) -> int:
    return value * 2 if value >= 0 else -value * 2 - 1


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _double(field_number: int, value: float) -> bytes:
    return _varint(field_number << 3 | 1) + struct.pack("<d", value)


def _message(field_number: int, content: bytes) -> bytes:
    return _varint(field_number << 3 | 2) + _varint(len(content)) + content
