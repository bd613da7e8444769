"""Keeps Airflow's API server from waiting for itself on SQLite.

Airflow 3.3 writes its audit log inside the event loop (`api_fastapi/logging/decorators.py::log_action`),
and an endpoint that has written commits only when that same loop lets it go. When the first waits
for SQLite's one write lock and the second holds it, neither moves until SQLite gives up: all of
Airflow stands still for the whole busy time-out, and the request fails with status 500.
"""

import asyncio
from typing import Any

from airflow.sdk import conf

#: Methods that write nothing.
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class OneWriter:
    """ASGI middleware: on SQLite, one request that writes at a time, its commit included.

    SQLite has one writer anyway, so nothing gets slower. With another database it does nothing.

    Args:
        app: what answers.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._turn = asyncio.Lock()
        self._is_needed = str(conf.get("database", "sql_alchemy_conn", fallback="")).startswith("sqlite")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request when its turn comes."""
        if not self._is_needed or scope["type"] != "http" or scope["method"] in _READS:
            await self._app(scope, receive, send)
            return
        async with self._turn:
            await self._app(scope, receive, send)
