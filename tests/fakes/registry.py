"""A server in the place of MLflow that gives one answer to whatever it is asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from canary.config import CanaryConfig
from operators.learning.profile_version import digest_of, text_of


@contextmanager
def answering(body: object, status: int = 200) -> Iterator[str]:
    """The address of a server that gives this answer, JSON unless it is bytes; None hangs until the end."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if body is None:
                over.wait()
                return
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


#: How MLflow says that there is no such version.
MISSING = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version not found"}


def a_version(config: CanaryConfig, version: int = 7, **tags: str) -> dict[str, Any]:
    """What MLflow tells of a version of the config's profile."""
    text = text_of(config.model_dump(mode="json"))
    said = {
        "gennaker.settings": text,
        "gennaker.digest": digest_of(text),
        **{f"gennaker.{k}": v for k, v in tags.items()},
    }
    told = {
        "name": f"gennaker.profile.{config.profile}",
        "version": str(version),
        "creation_timestamp": 1_700_000_000_000,
    }
    return {"model_version": {**told, "tags": [{"key": key, "value": value} for key, value in said.items()]}}
