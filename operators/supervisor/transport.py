"""XML-RPC over a unix socket."""

import socket
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from xmlrpc.client import Transport


class UnixTransport(Transport):
    """What `ServerProxy` speaks through to reach a unix socket.

    Args:
        path: the socket.
        patience: longest wait for an answer; then TimeoutError, which is an OSError.
    """

    def __init__(self, path: Path, patience: timedelta) -> None:
        super().__init__()
        self._path, self._patience = path, patience

    def make_connection(self, host: Any) -> HTTPConnection:
        """The connection, whatever `host` says; called by ServerProxy."""
        connection = _UnixConnection(self._path, self._patience)
        self._connection = host, connection
        return connection


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, patience: timedelta) -> None:
        super().__init__("localhost", timeout=patience.total_seconds())
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.close()
            raise
