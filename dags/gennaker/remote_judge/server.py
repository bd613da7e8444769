"""Serves the remote judge until it is told to stop, then finishes what is in flight."""

import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from canary.errors import CanaryError
from gennaker.judging import PairJudge
from gennaker.remote_judge.app import Limits, remote_judge

#: A token that can be guessed is none; 16 letters and digits at random are 95 bits.
LEAST_TOKEN: Final = 16


def serve(judge: PairJudge, host: str, port: int, token: str, limits: Limits, on_start: Callable[[str], None]) -> None:
    """Serves on `host` and `port` (0: any free one) until SIGTERM or SIGINT.

    Args:
        judge: whom to ask.
        host: name or address to listen on.
        port: where.
        token: what requests must carry; `""`: nothing, which is allowed on this machine's own addresses only.
        limits: what a request may take.
        on_start: told the URL once connections are taken.

    Raises:
        CanaryError: when it cannot listen there, or must not without a token.
    """
    check_access(host, token)
    listener = _listener(host, port)
    bound = listener.getsockname()[1]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        remote_judge(judge, limits, token),
        loop="asyncio",
        lifespan="on",
        ws="none",
        access_log=False,  # it would hold the token of a path
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=int(limits.request_s) + 1,
    )
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises what stopped it once more when it is done
        signal.signal(number, lambda *_: None)
    on_start(f"http://{f'[{host}]' if ':' in host else host}:{bound}")
    uvicorn.Server(config).run(sockets=[listener])


def check_access(host: str, token: str) -> None:
    """Refuses a server that others could reach without a token, and a token that could be guessed.

    Raises:
        CanaryError: when that is so.
    """
    if token and (
        len(token) < LEAST_TOKEN or not token.isascii() or not all(c.isalnum() or c in "-_.~" for c in token)
    ):
        raise CanaryError(
            "the token cannot be used",
            why=f"expected at least {LEAST_TOKEN} letters, digits, or -_.~",
            mend="make one by `openssl rand -hex 32`",
        )
    if not token and not _is_own(host):
        raise CanaryError(
            f"the remote judge does not listen on {host} without a token",
            why="others could reach it there",
            mend="name the variable that holds one with --token-env, or listen on 127.0.0.1",
        )


def _is_own(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
        # An answer leaves in two parts; without this the second waits for the first to be acknowledged, some 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        what, why = f"cannot listen on {host} port {port}", error.strerror or str(error)
        raise CanaryError(what, why=why, mend="choose another --port or --host") from error
