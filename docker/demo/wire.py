"""A small HTTP/1.1 client that never repeats a request.

Ordinary clients send a request again when a kept-alive connection closed under it, which
would hide exactly the losses that the demo counts.
"""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import httptools


class BrokenAnswer(ConnectionError):
    """The connection ended, or spoke no HTTP, before the answer was complete."""


@dataclass(slots=True)
class Answer:
    """An answer: status, headers (names in lower case) and body."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Client:
    """Requests to one host and port over kept-alive connections, one request each at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[_Connection] = []

    async def ask(self, method: str, path: str, timeout_s: float) -> Answer:
        """Sends one request, once; raises OSError when it is lost, TimeoutError when it takes too long."""
        connection = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = self._reuse() or await self._connect()
                head = f"{method} {path} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\ncontent-length: 0\r\n\r\n"
                answer, stays_open = await connection.exchange(head.encode())
        except BaseException:
            if connection:
                connection.close()
            raise
        if stays_open:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _reuse(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


class _Connection(asyncio.Protocol):
    """One connection; httptools calls its `on_...` methods."""

    def __init__(self) -> None:
        self.is_open = True
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[tuple[Answer, bool]] | None = None

    async def exchange(self, request: bytes) -> tuple[Answer, bool]:
        assert self._transport is not None
        self._answer, self._body = Answer(), []
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._done

    def close(self) -> None:
        self.is_open = False
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        if self._done is None or self._done.done():
            self.close()  # bytes that nobody asked for: nothing after them can be trusted
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(f"closed before the answer was complete{f': {exc}' if exc else ''}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._answer.body = b"".join(self._body)
        if self._done and not self._done.done():
            self._done.set_result((self._answer, self._parser.should_keep_alive()))

    def _fail(self, why: str) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(BrokenAnswer(why))
