"""Waiting for an answer, and no longer."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from operators.tracking import Away

_Answer = TypeVar("_Answer")


def within(seconds: float, ask: Callable[[], _Answer]) -> _Answer:
    """What `ask` gives; raises Away when it takes longer, whatever it is that hangs, such as a name server."""
    answer: Future[_Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
            answer.set_exception(error)

    threading.Thread(target=run, name="ask MLflow", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise Away("MLflow", why=f"no answer within {seconds:g} s") from None
