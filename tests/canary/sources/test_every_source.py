"""What every source that is asked by HTTP makes of a store that misbehaves: a named outcome, never a silent pass."""

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import pytest

from canary.sources import SOURCES, Fidelity, Outcome
from canary.sources.settings import HttpSettings
from tests.canary.sources.recorded import MINUTES, RECORDED, SCOPE, SECRET, START, Recorded, secret
from tests.canary.sources.stores import SPAN, Asked, Said, Still, a_store

__all__ = ["secret"]

every = pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: each.name or each.kind)
unusable = pytest.mark.parametrize("body", [b"<html><body>Please log in</body></html>", b"\xff\xfe", b"[" * 50_000])

#: Atlas sends no times, so its points cannot be out of order or there twice.
TIMED = [each for each in RECORDED if each.kind != "atlas"]


def first(said: Said, then: Callable[[Asked], Said], times: int = 1) -> Callable[[Asked], Said]:
    left = [said] * times
    return lambda asked: left.pop() if left else then(asked)


def test_every_source_that_is_asked_by_http_is_tested_here() -> None:
    kinds = {}
    for kind, place in SOURCES.items():
        module, _, name = place.partition(":")
        kinds[kind] = getattr(import_module(module), name).Settings
    by_http = {kind for kind, settings in kinds.items() if issubclass(settings, HttpSettings)}
    # Envoy only tells of the present; its own tests ask a real one.
    assert by_http - {"envoy"} == {each.kind for each in RECORDED}


@every
def test_points_are_read(recorded: Recorded) -> None:
    with a_store(recorded.answer(MINUTES)) as store:
        answer = recorded.ask(store.url)
    assert answer.outcome is Outcome.OK, answer.message
    (series,) = answer.series
    assert series.values.tolist() == [value for _, value in MINUTES]
    assert series.fidelity is recorded.fidelity
    if recorded.fidelity is Fidelity.COUNT:
        assert series.times_s.tolist() == [at_s for at_s, _ in MINUTES]
    assert (series.repairs, answer.notes) == ((), ())
    assert "playback-v2" in answer.asked
    assert SECRET not in repr(answer)


@every
@pytest.mark.parametrize("status", [500, 503])
def test_a_store_that_recovers_is_asked_again(recorded: Recorded, status: int) -> None:
    still = Still()
    with a_store(first(Said(b"<h1>Oops</h1>", status), recorded.answer(MINUTES), 2)) as store:
        answer = recorded.ask(store.url, still.clock())
    assert answer.outcome is Outcome.OK
    assert len(still.waits) == 2


@every
def test_a_store_that_asks_for_fewer_requests_is_obeyed(recorded: Recorded) -> None:
    still = Still()
    slow_down = Said({"error": "rate limit"}, 429, {"Retry-After": "7"})
    with a_store(first(slow_down, recorded.answer(MINUTES))) as store:
        assert recorded.ask(store.url, still.clock()).outcome is Outcome.OK
    assert still.waits == [7.0]


@every
def test_a_store_that_stays_broken_is_unreachable(recorded: Recorded) -> None:
    with a_store(lambda _: Said(status=502)) as store:
        answer = recorded.ask(store.url, Still().clock())
    assert answer.outcome is Outcome.UNREACHABLE
    assert "HTTP 502" in answer.message
    assert answer.series == ()


@every
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_told_in_the_words_of_the_store_without_the_secret(recorded: Recorded, status: int) -> None:
    with a_store(lambda _: Said({"message": f"no such thing for {SECRET}"}, status)) as store:
        answer = recorded.ask(store.url)
    assert answer.outcome is Outcome.REFUSED
    assert "no such thing" in answer.message
    assert SECRET not in repr(answer)


@every
@unusable
def test_an_answer_of_another_form_is_malformed(recorded: Recorded, body: bytes) -> None:
    with a_store(lambda _: Said(body)) as store:
        answer = recorded.ask(store.url)
    assert answer.outcome is Outcome.MALFORMED
    assert answer.message


@every
def test_half_an_answer_is_not_taken_for_a_whole(recorded: Recorded) -> None:
    body = recorded.body(MINUTES)
    whole = body if isinstance(body, bytes) else json.dumps(body).encode()
    with a_store(lambda _: Said(whole[: len(whole) // 2])) as store:
        assert recorded.ask(store.url).outcome in (Outcome.MALFORMED, Outcome.PARTIAL)


@contextmanager
def a_breaking_store(sent: bytes) -> Iterator[str]:
    """A store that promises more than it sends, and hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        serving.join(timeout=30)
        server.server_close()


@every
def test_a_store_that_hangs_up_is_unreachable(recorded: Recorded) -> None:
    body = recorded.body(MINUTES)
    with a_breaking_store(body if isinstance(body, bytes) else json.dumps(body).encode()) as url:
        answer = recorded.ask(url, Still().clock(), attempts=2)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "after 2 tries" in answer.message


@every
def test_a_huge_answer_is_not_read(recorded: Recorded) -> None:
    with a_store(lambda _: Said(b" " * 5000)) as store:
        assert recorded.ask(store.url, max_bytes=1000).outcome is Outcome.TOO_LARGE


@every
def test_an_answer_that_does_not_come_is_not_waited_for(recorded: Recorded) -> None:
    over = threading.Event()

    def never(_: Asked) -> Said:
        over.wait(timeout=60)
        return Said()

    with a_store(never) as store:
        try:
            answer = recorded.ask(store.url, timeout=timedelta(milliseconds=100), attempts=1)
        finally:
            over.set()
    assert answer.outcome is Outcome.UNREACHABLE
    assert "Timeout" in answer.message


@every
def test_a_query_that_selects_nothing_is_told_apart(recorded: Recorded) -> None:
    with a_store(recorded.saying(recorded.empty)) as store:
        answer = recorded.ask(store.url)
    assert answer.outcome is Outcome.NO_MATCH
    assert answer.series == ()


@every
def test_points_that_are_no_numbers_are_told_apart(recorded: Recorded) -> None:
    with a_store(recorded.answer([(at_s, None) for at_s, _ in MINUTES])) as store:
        assert recorded.ask(store.url).outcome is Outcome.NOT_A_NUMBER


@every
def test_a_gap_is_a_hole_and_no_zero(recorded: Recorded) -> None:
    with a_store(recorded.answer([*MINUTES[:4], (START + 240, None), *MINUTES[5:]])) as store:
        (series,) = recorded.ask(store.url).series
    known = series.values[series.values == series.values]
    assert known.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10]


@every
def test_points_that_stop_are_late(recorded: Recorded) -> None:
    with a_store(recorded.answer(MINUTES[:3])) as store:
        answer = recorded.ask(store.url)
        patient = recorded.ask(store.url, late_after=timedelta(minutes=20))
    assert answer.outcome is Outcome.LATE
    assert patient.outcome is Outcome.OK


@every
def test_points_before_the_span_are_left_out(recorded: Recorded) -> None:
    with a_store(recorded.answer([(START - 180, 7.0), (START - 120, 7.0), (START - 60, 7.0)])) as store:
        answer = recorded.ask(store.url)
    if recorded.fidelity is Fidelity.COUNT:
        assert answer.outcome is Outcome.NO_DATA
    assert not answer.is_usable


@pytest.mark.parametrize("recorded", TIMED, ids=lambda each: each.name or each.kind)
def test_points_out_of_order_or_twice_are_put_right(recorded: Recorded) -> None:
    mixed = [MINUTES[5], *MINUTES[:5], MINUTES[2], *MINUTES[6:]]
    with a_store(recorded.answer(mixed)) as store:
        (series,) = recorded.ask(store.url).series
    assert series.values.tolist() == [value for _, value in MINUTES]


#: Google cuts intervals off at the end that it is asked for, so it has none that are open.
counting = pytest.mark.parametrize(
    "recorded",
    [each for each in RECORDED if each.fidelity is Fidelity.COUNT and each.kind != "google-cloud-monitoring"],
    ids=lambda each: each.name or each.kind,
)


@counting
def test_an_interval_that_is_not_over_is_not_counted(recorded: Recorded) -> None:
    with a_store(recorded.answer([*MINUTES, (SPAN.end_s, 3.0)])) as store:
        (series,) = recorded.ask(store.url).series
    assert series.values.tolist() == [value for _, value in MINUTES]


def places(node: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each piece of an answer is."""
    yield here
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, each in inner:
        yield from places(each, (*here, key))


def with_junk(body: Any, place: tuple[Any, ...], junk: Any) -> Any:
    if not place:
        return junk
    changed = copy.deepcopy(body)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = junk
    return changed


@pytest.mark.parametrize(
    "recorded", [each for each in RECORDED if each.name != "flux"], ids=lambda each: each.name or each.kind
)
@pytest.mark.parametrize("junk", [None, "junk", [], {}, True, 1e400], ids=str)
def test_junk_anywhere_in_an_answer_raises_nothing(recorded: Recorded, junk: Any) -> None:
    body = recorded.body(MINUTES[:2])
    said = Said()
    with a_store(lambda _: said) as store:
        source = recorded.open(store.url, Still().clock(), attempts=1)
        if isinstance(body, bytes):
            texts = [text for text in body.decode().split("\n\n") if text]
            bodies: list[Any] = ["\n\n".join([*texts[:n], f"data: {json.dumps(junk)}", ""]) for n in range(len(texts))]
            bodies = [each.encode() for each in bodies]
        else:
            bodies = [with_junk(body, place, junk) for place in places(body)]
        for each in bodies:
            said = replace(said, body=each)
            answer = source.fetch(recorded.query, SCOPE, SPAN)
            assert answer.outcome in list(Outcome)
