"""Asking a store by HTTP: tries, waits, limits, and no secret in a message."""

from collections.abc import Callable
from typing import Any

import pytest

from canary.errors import CanaryError
from canary.sources.answers import Outcome, SourceError
from canary.sources.http import Http, pages
from canary.sources.settings import HttpSettings
from tests.canary.sources.stores import Asked, Said, Still, a_store


def an_http(url: str, still: Still | None = None, *, headers: dict[str, str] | None = None, **settings: Any) -> Http:
    fitting = HttpSettings.model_validate({"type": "any", "url": url, **settings})
    return Http(fitting, headers=headers, clock=(still or Still()).clock())


def first_failing(times: int, said: Said) -> Callable[[Asked], Said]:
    left = [said] * times
    return lambda _: left.pop() if left else Said({"is": "well"})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_store_that_recovers_is_asked_again(status: int) -> None:
    still = Still()
    with a_store(first_failing(3, Said(status=status))) as store:
        assert an_http(store.url, still).get("v1/query") == {"is": "well"}
    assert len(store.asked) == 4
    assert still.waits == [0.5, 1.0, 2.0], "each wait may be twice as long as the last"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
def test_a_refusal_is_told_at_once_in_the_words_of_the_store(status: int) -> None:
    with a_store(lambda _: Said({"error": "no such metric"}, status)) as store, pytest.raises(SourceError) as error:
        an_http(store.url).get("v1/query")
    assert error.value.outcome is Outcome.REFUSED
    assert f"HTTP {status}" in error.value.why
    assert "no such metric" in error.value.why
    assert len(store.asked) == 1


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("Sun, 01 Mar 2026 12:10:09 GMT", 9.0), ("soon", 0.5)])
def test_a_store_that_says_when_to_come_back_is_obeyed(asked: str, waited: float) -> None:
    still = Still()
    with a_store(first_failing(1, Said(status=429, headers={"Retry-After": asked}))) as store:
        an_http(store.url, still).get("v1/query")
    assert still.waits == [waited]


def test_tries_are_bounded() -> None:
    still = Still()
    with (
        a_store(lambda _: Said(status=500)) as store,
        pytest.raises(SourceError, match="after 3 tries: HTTP 500") as error,
    ):
        an_http(store.url, still, attempts=3).get("v1/query")
    assert error.value.outcome is Outcome.UNREACHABLE
    assert len(store.asked) == 3


def test_patience_is_bounded() -> None:
    still = Still()
    later = Said(status=503, headers={"Retry-After": "3600"})
    with a_store(lambda _: later) as store, pytest.raises(SourceError, match="after 1 try"):
        an_http(store.url, still).get("v1/query")
    assert still.waits == []


def test_an_answer_that_trickles_past_all_patience_is_left() -> None:
    still = Still()

    def slowly(_: Asked) -> Said:
        still.at_s += 100
        return Said(b"[1, 2]")

    with a_store(slowly) as store, pytest.raises(SourceError, match="not answer to the end in time"):
        an_http(store.url, still).get("v1/query")


def test_a_store_that_is_not_there_is_unreachable() -> None:
    still = Still()
    with pytest.raises(SourceError) as error:
        an_http("http://127.0.0.1:1", still).get("v1/query")
    assert error.value.outcome is Outcome.UNREACHABLE
    assert len(still.waits) == 4


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    broken = Said(b"not gzip", headers={"Content-Encoding": "gzip"})
    with a_store(first_failing(2, broken)) as store:
        assert an_http(store.url).get("v1/query") == {"is": "well"}


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_not_json_is_malformed(body: bytes) -> None:
    with a_store(lambda _: Said(body)) as store, pytest.raises(SourceError) as error:
        an_http(store.url).get("v1/query")
    assert error.value.outcome is Outcome.MALFORMED


def test_an_answer_that_is_too_large_is_not_read() -> None:
    with (
        a_store(lambda _: Said(b"x" * 5000)) as store,
        pytest.raises(SourceError, match="more than 1,000 bytes") as error,
    ):
        an_http(store.url, max_bytes=1000).get("v1/query")
    assert error.value.outcome is Outcome.TOO_LARGE


def test_no_secret_is_in_a_message() -> None:
    def echo(asked: Asked) -> Said:
        return Said(f"bad token {asked.headers['Authorization']} of {asked.headers['Api-Key']}".encode(), 403)

    headers = {"Authorization": "Bearer s3cret-token", "Api-Key": "k3y-of-mine"}
    with a_store(echo) as store, pytest.raises(SourceError) as error:
        an_http(store.url.replace("http://", "http://anna:pass-word@"), headers=headers).get("v1/query", {"q": "1"})
    message = str(error.value)
    assert "bad token" in message
    for secret in ("s3cret-token", "k3y-of-mine", "pass-word"):
        assert secret not in message


def test_a_redirect_does_not_carry_a_secret_away() -> None:
    with a_store(lambda _: Said({})) as elsewhere:
        there = Said(status=302, headers={"Location": elsewhere.url})
        with a_store(lambda _: there) as store, pytest.raises(SourceError):
            an_http(store.url, headers={"Authorization": "Bearer s3cret-token"}).get("v1/query")
    assert elsewhere.asked == []


@pytest.mark.parametrize("url", ["http://[", "", "prometheus:9090", "ftp://here", "http://", "http://a b:x"])
def test_an_address_that_is_none_is_an_error_of_the_settings(url: str) -> None:
    with pytest.raises(CanaryError, match="url"):
        an_http(url)


def test_a_query_that_fits_no_address_is_refused() -> None:
    with a_store(lambda _: Said({})) as store, pytest.raises(SourceError) as error:
        an_http(store.url).get("v1/query", {"q": "x" * 100_000})
    assert error.value.outcome is Outcome.REFUSED


def test_pages_are_read_to_the_last() -> None:
    book = {"": ("one", "a"), "a": ("two", "b"), "b": ("three", "")}
    assert list(pages(lambda token: book[token])) == ["one", "two", "three"]


def test_pages_that_go_round_in_a_circle_are_malformed() -> None:
    book = {"": ("one", "a"), "a": ("two", "a")}
    with pytest.raises(SourceError, match="twice"):
        list(pages(lambda token: book[token]))


def test_pages_without_end_are_too_large() -> None:
    with pytest.raises(SourceError, match="more than 20 pages") as error:
        list(pages(lambda token: ("", token + "x"), limit=20))
    assert error.value.outcome is Outcome.TOO_LARGE
