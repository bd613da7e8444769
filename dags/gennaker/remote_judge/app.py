"""The remote judge's HTTP: Kayenta's protocol, and errors that say what, why and how to mend.

Kayenta posts `{"canaryConfig", "scoreThresholds", "metricSetPairList"}` to `judge` below its `endpoint.baseUrl` and
reads the result from the body (kayenta-judge: RemoteJudge, RemoteJudgeService, RemoteJudgeRequest). It sends no
credentials, so a token may also be the first part of the path. Of an error it shows the body's `message`
(kork-retrofit: SpinnakerHttpException).
"""

import asyncio
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from gennaker.judging import PairJudge
from gennaker.remote_judge.worker import ANSWER, REFUSAL
from gennaker.remote_judge.workers import TooBusy, TooSlow, Workers

log = logging.getLogger(__name__)

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take.

    Args:
        request_bytes: length of its body.
        request_s: seconds to send it, and as many to judge it.
        workers: requests judged at once.
    """

    request_bytes: int
    request_s: float
    workers: int


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, what: str, *, why: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.status, self.fields = status, {"what": what, "why": why, "mend": mend}


def remote_judge(judge: PairJudge, limits: Limits, token: str = "") -> FastAPI:
    """The application.

    Args:
        judge: whom to ask.
        limits: what a request may take.
        token: what a request must carry, as a bearer token or as the first part of the path; `""`: nothing.
    """
    workers = Workers(judge, limits.workers, limits.request_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await workers.start()
        try:
            yield
        finally:
            await workers.stop()

    app = FastAPI(title="Gennaker's remote judge", lifespan=lifespan, openapi_url=None)
    _answer_errors(app)

    @app.get("/health")
    async def health() -> dict[str, object]:
        return {"status": "ok", "judging": workers.judging}

    @app.get("/judges")
    @app.get("/{secret}/judges")
    async def judges(request: Request, secret: str = "") -> list[dict[str, object]]:
        _admit(request, secret, token)
        return [{"name": name.value, "visible": True, "inUse": name is judge} for name in PairJudge]

    @app.post("/judge")
    @app.post("/{secret}/judge")
    async def post_judge(request: Request, secret: str = "") -> Response:
        _admit(request, secret, token)
        began = time.monotonic()
        question = await _body(request, limits)
        text = await _judged(workers, question)
        log.info("judged bytes=%d took_ms=%d", len(question), 1000 * (time.monotonic() - began))
        return Response(text, media_type=_JSON)

    return app


def _admit(request: Request, secret: str, token: str) -> None:
    """Refuses who has not the token; how long that takes says nothing of it."""
    if not token:
        if secret:
            raise Refused(404, "there is no such page", mend="POST /judge, GET /judges or GET /health")
        return
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    shown = secret or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not hmac.compare_digest(shown.encode(), token.encode()):
        mend = "send `Authorization: Bearer TOKEN`, or POST to /TOKEN/judge"
        raise Refused(401, "the token is missing or wrong", mend=mend)


async def _body(request: Request, limits: Limits) -> bytes:
    """The body of a request, within its limits; only JSON, which a foreign web page cannot send unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Refused(
            415, "the request is not JSON", why=f"its content type is {kind or 'missing'}", mend=f"send {_JSON}"
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "the request is compressed", mend="send it plain")
    too_large = Refused(
        413,
        "the request is too large",
        why=f"at most {limits.request_bytes / 1e6:g} MB are taken",
        mend="ask for fewer metrics, or start the server with a larger --max-request-mb",
    )
    if int(request.headers.get("content-length", 0)) > limits.request_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.request_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.request_bytes:
                    raise too_large
    except TimeoutError:
        why = f"it took more than {limits.request_s:g} s"
        raise Refused(408, "the request did not arrive", why=why, mend="send it faster, or ask for less") from None
    return bytes(body)


async def _judged(workers: Workers, question: bytes) -> bytes:
    try:
        reply = await workers.ask(question)
    except TooBusy:
        raise Refused(503, "all judges are busy", mend="ask again later, or start more --workers") from None
    except TooSlow:
        mend = "ask for fewer metrics, or start the server with a longer --time-limit"
        raise Refused(504, "judging took too long", why="the time limit was reached", mend=mend) from None
    if reply.kind == REFUSAL:
        fields = json.loads(reply.text)
        raise Refused(400, fields["what"], why=fields["why"], mend=fields["mend"])
    if reply.kind != ANSWER:
        raise Refused(500, "the judge failed", why="see the server's log", mend="report it with the request")
    return reply.text


def _answer_errors(app: FastAPI) -> None:
    """Makes every error JSON of one shape, without a traceback."""

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return _error(error.status, **error.fields)

    @app.exception_handler(HTTPException)
    async def by_the_framework(_: Request, error: HTTPException) -> Response:
        what = "there is no such page" if error.status_code == 404 else error.detail
        return _error(error.status_code, what, mend="POST /judge, GET /judges or GET /health")

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:
        return _error(500, "the server failed", why="see its log", mend="report it with the request")


def _error(status: int, what: str, why: str = "", mend: str = "") -> Response:
    message = what + (f": {why}" if why else "") + (f". To mend: {mend}" if mend else "")
    fields = {"status": status, "message": message, "what": what, "why": why, "mend": mend}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else {}
    log.info("refused status=%d what=%r", status, what)
    return Response(json.dumps(fields), status, headers, _JSON)
