"""Smoke tests against a deployed Playback, at `GENNAKER_SERVICE_URL`.

Each asks up to five times, as its clients do: now and then a dependency of it fails.
"""

import json
import os
import urllib.error
import urllib.request

TRIES = 5


def ask(path: str, method: str = "GET") -> dict[str, object]:
    url = os.environ["GENNAKER_SERVICE_URL"].rstrip("/") + path
    for remaining in reversed(range(TRIES)):
        request = urllib.request.Request(url, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 503 or not remaining:
                    raise
    raise AssertionError("unreachable")


def test_it_says_that_it_is_healthy() -> None:
    assert ask("/healthz")["status"] == "ok"


def test_it_says_its_version() -> None:
    assert ask("/version")["service"] == "playback"


def test_a_title_has_streams() -> None:
    assert ask("/manifest/roma")["streams"]


def test_a_session_can_be_started_and_kept_alive() -> None:
    session = ask("/play/roma", method="POST")["session"]
    assert ask(f"/heartbeat/{session}", method="POST")["status"] == "alive"
