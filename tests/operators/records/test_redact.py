"""Redaction: secrets are taken out, and nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.records.record import Json
from operators.records.redact import REDACTED, redact, redact_body, redact_text

JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["token", "url"]), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "DB_PASSWORD",
        "passwd",
        "token",
        "github-token",
        "clientSecret",
        "Authorization",
        "api_key",
        "privateKey",
    ],
)
def test_what_stands_under_a_telling_key_is_redacted_whatever_it_is(key: str) -> None:
    assert redact_body({"deep": [{key: ["hunter2", {"a": "hunter2"}]}]}) == {"deep": [{key: REDACTED}]}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://bob:hunter2@db/records", "postgresql://[redacted]@db/records"),
        ("https://hunter2@github.com/a/b", "https://[redacted]@github.com/a/b"),
        ("see redis://:hun@ter2@cache:6379/0 first", "see redis://[redacted]@cache:6379/0 first"),
        ("curl -H 'X-Auth: Bearer hunter2.HUNTER2.x'", "curl -H 'X-Auth: Bearer [redacted]'"),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: [redacted] [redacted]"),
        ("host=db password=hunter2 port=5432", "host=db password=[redacted] port=5432"),
        ('{"api_key": "hun ter2", "n": 1}', '{"api_key": [redacted], "n": 1}'),
        ("https://h/x?access_token=hunter2&y=1", "https://h/x?access_token=[redacted]&y=1"),
    ],
)
def test_credentials_within_a_text_are_redacted(text: str, clean: str) -> None:
    assert redact_text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/netflix/playback/commit/1a2b",
        "mailto:team@example.org",
        "playback/production/eu-central-1",
        "sha256:9f86d081884c7d659a2feaa0c55ad015",
        "Basic functionality works",
        "http://127.0.0.1:8080/a?mail=x@y.z",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact({"text": [text]}) == {"text": [text]}


@given(JSON)
def test_redacting_twice_changes_nothing_more(value: Json) -> None:
    once = redact(value)
    assert redact(once) == once


@given(st.text(), st.sampled_from(["password=", "token: ", "Secret='"]), st.text())
def test_redacting_a_text_twice_changes_nothing_more(before: str, telling: str, after: str) -> None:
    once = redact_text(before + telling + after)
    assert redact_text(once) == once


@pytest.mark.parametrize("text", ["a" * 1_000_000, "token" * 200_000, "://" * 300_000, "password=" * 100_000])
def test_a_long_text_is_redacted_in_time_that_grows_with_its_length_only(text: str) -> None:
    begun = time.process_time()
    redact_text(text)
    assert time.process_time() - begun < 5  # a quadratic pattern takes minutes
