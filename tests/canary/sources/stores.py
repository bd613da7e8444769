"""A local HTTP server that stands in for a metric store, and a clock that waits for nobody."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from canary.sources import Span
from canary.sources.http import Clock

END = datetime(2026, 3, 1, 12, 10, tzinfo=UTC)
SPAN = Span(END - timedelta(minutes=10), END, timedelta(minutes=1))


@dataclass(frozen=True)
class Asked:
    """A request as the store saw it; `params` has those of the address and of a form, the last of each name."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """What the store answers: a status, a body (JSON unless bytes), and headers."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Store:
    """A running store: its address, and what it was asked so far."""

    url: str
    asked: list[Asked]


@contextmanager
def a_store(answer: Callable[[Asked], Said]) -> Iterator[Store]:
    """A store on a free port of this machine that answers each request with what `answer` gives."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = urlsplit(self.path)
            form = body.decode() if "urlencoded" in self.headers.get("Content-Type", "") else ""
            params = {
                name: values[-1]
                for text in (address.query, form)
                for name, values in parse_qs(text, keep_blank_values=True).items()
            }
            asked.append(Asked(self.command, address.path, params, dict(self.headers), body))
            said = answer(asked[-1])
            content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            # Whoever asks may hang up on an answer that is too long or too slow.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield Store(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        serving.join(timeout=30)
        server.server_close()


@dataclass
class Still:
    """A clock that only moves when it is told to wait; `waits` are those waits in seconds."""

    at_s: float = 0.0
    waits: list[float] = field(default_factory=list)
    wall: datetime = END

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at_s += seconds

    def clock(self) -> Clock:
        return Clock(now_s=lambda: self.at_s, sleep=self.sleep, wall=lambda: self.wall, chance=lambda: 1.0)
