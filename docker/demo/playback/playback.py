"""Playback: starts a session for a title, serves its manifest, takes heartbeats."""

import asyncio
from collections.abc import Awaitable, Callable

from release import Release
from sessions import is_valid, start_session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from weather import Weather

#: Set on failures that the release makes itself, so that they are told from lost requests.
FAULT_HEADER = "x-playback-fault"
VERSION_HEADER = "x-playback-version"
BITRATES_KBPS = (235, 750, 1750, 3000, 5800)

Handler = Callable[[Request], Awaitable[Response]]


class Playback:
    """The service's handlers."""

    def __init__(self, release: Release, weather: Weather, key: bytes) -> None:
        self._release, self._weather, self._key = release, weather, key
        self._headers = {VERSION_HEADER: release.version}

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/healthz", self.healthz),
                Route("/version", self.version),
                Route("/play/{title}", self._weathered(self.play), methods=["POST", "GET"]),
                Route("/manifest/{title}", self._weathered(self.manifest)),
                Route("/heartbeat/{session}", self._weathered(self.heartbeat), methods=["POST", "GET"]),
            ]
        )

    async def healthz(self, request: Request) -> Response:
        """Says that this instance can take traffic."""
        return self._answer({"status": "ok"})

    async def version(self, request: Request) -> Response:
        """Says which release this is."""
        return self._answer({"service": "playback", "version": self._release.version})

    async def play(self, request: Request) -> Response:
        """Starts a session."""
        title = request.path_params["title"]
        return self._answer({"title": title, "session": start_session(title, self._key)})

    async def manifest(self, request: Request) -> Response:
        """Lists a title's streams."""
        title = request.path_params["title"]
        streams = [{"kbps": kbps, "url": f"/segments/{title}/{kbps}"} for kbps in BITRATES_KBPS]
        extra = {"skip_intro": True} if self._release.skip_intro else {}
        return self._answer({"title": title, "streams": streams, **extra})

    async def heartbeat(self, request: Request) -> Response:
        """Keeps a session alive; 404 when it was never started."""
        if not is_valid(request.path_params["session"], self._key):
            return self._answer({"error": "no such session"}, status=404)
        return self._answer({"status": "alive"})

    def _weathered(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            await asyncio.sleep(self._weather.delay_s())
            if self._weather.fails():
                return self._answer({"error": "the licence service did not answer"}, status=503, fault=True)
            return await handler(request)

        return handle

    def _answer(self, body: dict[str, object], status: int = 200, fault: bool = False) -> Response:
        headers = {**self._headers, FAULT_HEADER: "1"} if fault else self._headers
        return JSONResponse(body, status_code=status, headers=headers)
