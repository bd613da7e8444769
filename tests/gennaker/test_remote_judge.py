"""The remote judge, as a process of its own and over HTTP, as Kayenta asks it."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from canary import CanaryError
from canary.kayenta import judge_json
from gennaker.cli.canary import app
from gennaker.judging import Given, PairJudge
from gennaker.remote_judge.app import Limits
from gennaker.remote_judge.server import check_access, serve
from gennaker.remote_judge.worker import ANSWER, FAILURE, reply

GOLDEN = Path(__file__).parents[1] / "data" / "kayenta-golden.jsonl.gz"
TOKEN = "0123456789abcdef"


def golden() -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def a_request(case: dict[str, Any] | None = None) -> dict[str, Any]:
    """What Kayenta's RemoteJudge posts: a RemoteJudgeRequest, with all that its classes write."""
    case = case or next(golden())
    config = {
        "createdTimestamp": 1767225600000,
        "updatedTimestamp": 1767225600000,
        "createdTimestampIso": "2026-01-01T00:00:00Z",
        "updatedTimestampIso": "2026-01-01T00:00:00Z",
        "id": "my-config",
        **case["config"],
        "judge": {"name": "RemoteJudge-v1.0", "judgeConfigurations": {}},
    }
    pairs = [{"attributes": {"control": {}, "experiment": {}}, **pair} for pair in case["metricSetPairs"]]
    return {"canaryConfig": config, "scoreThresholds": case["thresholds"], "metricSetPairList": pairs}


def a_slow_request(pairs: int) -> dict[str, Any]:
    """One that keeps the judge busy."""
    request = a_request()
    [pair] = request["metricSetPairList"]
    values = {
        side: [number % 977 + shift for number in range(60_000)]
        for side, shift in (("control", 0), ("experiment", 0.5))
    }
    request["metricSetPairList"] = [{**pair, "id": str(number), "values": values} for number in range(pairs)]
    return request


@contextmanager
def serving(*words: str, **environment: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """The server as a process, and a client of it; stopped afterwards by what an operator would send."""
    command = [sys.executable, "-m", "gennaker.cli", "canary", "serve", "--port", "0", "--workers", "1", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().rpartition(" ")[2].strip()
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    assert process.returncode == 0


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A client of one server for all tests that do not change it."""
    with serving() as (client, _):
        yield client


def test_kayentas_own_request_is_answered_by_its_judges_result(client: httpx.Client) -> None:
    body = json.dumps(a_request())
    answer = client.post("judge", content=body, headers={"Content-Type": "application/json; charset=UTF-8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    expected = next(golden())["expected"]["result"]
    result = answer.json()
    assert result["judgeName"] == expected["judgeName"]
    assert result["score"] == expected["score"]
    assert result["groupScores"] == expected["groupScores"]
    assert [each["classification"] for each in result["results"]] == [
        each["classification"] for each in expected["results"]
    ]
    # Kayenta's summaries read this, and fail without it.
    assert result["results"][0]["controlMetadata"]["stats"]["count"] == 60


def test_answers_are_those_of_the_judge_itself(client: httpx.Client) -> None:
    for case in list(golden())[:40]:
        answer = client.post("judge", json=a_request(case))
        if "result" in case["expected"]:
            assert answer.text == judge_json(json.dumps(a_request(case)))
        else:
            assert answer.status_code == 400


def test_the_short_names_and_looks_are_taken_too(client: httpx.Client) -> None:
    case = next(golden())
    short = {name: case[name] for name in ("config", "thresholds", "metricSetPairs")}
    assert client.post("judge", json=short).json()["score"]["classification"] == "Pass"
    look = {"requests": 0, "errors": 0, "latency": [], "edges_ms": []}
    looks = [{"at": "2026-01-01T00:00:00+00:00", "baseline": look, "canary": look, "canary_share": 0.5, "step": ""}]
    assert client.post("judge", json={"config": {}, "looks": looks}).json()["verdict"] == "INCONCLUSIVE"


def test_a_request_that_cannot_be_judged_says_what_why_and_how_to_mend(client: httpx.Client) -> None:
    request = a_request()
    request["metricSetPairList"][0]["name"] = "unheard-of"
    answer = client.post("judge", json=request)
    assert answer.status_code == 400
    told = answer.json()
    assert told["what"] == "metric set pair 'unheard-of' has no metric in the config"
    assert told["why"] == "metrics are m"
    # Spinnaker shows this field of an error's body.
    assert told["message"].startswith("metric set pair 'unheard-of'")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"{}", b"[" * 100_000])
def test_what_is_no_request_is_a_clear_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post("judge", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "cannot be read" in answer.json()["what"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"Content-Type": "text/plain"}, "is not JSON"), ({"Content-Encoding": "gzip"}, "is compressed")],
)
def test_another_kind_of_body_is_a_clear_415(client: httpx.Client, headers: dict[str, str], said: str) -> None:
    answer = client.post("judge", content=b"{}", headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == 415
    assert said in answer.json()["what"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "judge", 405), ("GET", "nothing", 404), ("POST", "x/judge", 404)]
)
def test_every_other_page_is_a_clear_error(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, json={})
    assert answer.status_code == status
    assert "POST /judge" in answer.json()["mend"]


def test_health_and_judges_are_told(client: httpx.Client) -> None:
    assert client.get("health").json() == {"status": "ok", "judging": 0}
    judges = client.get("judges").json()
    assert {"name": "kayenta", "visible": True, "inUse": True} in judges
    assert {"name": "kayenta-repaired", "visible": True, "inUse": False} in judges


def test_the_repaired_judge_is_asked_when_chosen() -> None:
    case = next(case for case in golden() if case["family"] == "error" and "result" in case["expected"])
    kind, text = reply(json.dumps(a_request(case)).encode(), Given(judge=PairJudge.KAYENTA_REPAIRED))
    assert kind == ANSWER
    assert json.loads(text)["score"] != case["expected"]["result"]["score"]


def test_a_question_that_breaks_the_judge_is_answered_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    kind, text = reply(b"{}", None)  # type: ignore[arg-type]  # whatever else could go wrong
    assert (kind, text) == (FAILURE, b"{}")
    assert "judge_failed" in caplog.text


def test_the_sequential_judge_answers_in_kayentas_shape() -> None:
    with serving("--judge", "sequential") as (client, _):
        answer = client.post("judge", json=a_request())
    kayentas = json.loads(judge_json(json.dumps(a_request())))
    assert answer.status_code == 200
    assert answer.json().keys() == kayentas.keys()
    assert answer.json()["judgeName"] == "GennakerSequentialJudge-v1.0"
    assert answer.json()["score"]["classification"] in ("Pass", "Marginal")


def test_a_body_above_the_limit_is_refused_however_it_is_sent() -> None:
    def in_chunks() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 1000

    with serving("--max-request-mb", "0.02") as (client, _):
        whole = client.post("judge", content=b" " * 30_000, headers={"Content-Type": "application/json"})
        chunked = client.post("judge", content=in_chunks(), headers={"Content-Type": "application/json"})
        assert client.post("judge", json=a_request()).status_code == 200
    assert (whole.status_code, chunked.status_code) == (413, 413)
    assert "at most 0.02 MB" in whole.json()["why"]


def test_a_request_above_the_time_limit_is_given_up_and_the_next_is_judged() -> None:
    with serving("--time-limit", "0.25", "--max-request-mb", "100") as (client, _):
        slow = client.post("judge", json=a_slow_request(30))
        after = asked_until(lambda: client.post("judge", json=a_request()).status_code, 200)
    assert slow.status_code == 504
    assert "took too long" in slow.json()["what"]
    assert after == 200


def asked_until(ask: Callable[[], int], wanted: int) -> int:
    """What `ask` gives once it gives what is wanted, or after a minute: a new process takes its time to start."""
    until = time.monotonic() + 60
    while (given := ask()) != wanted and time.monotonic() < until:
        pass
    return given


def test_a_token_is_asked_for_in_a_header_or_as_the_first_part_of_the_path() -> None:
    with serving("--token-env", "JUDGE_TOKEN", JUDGE_TOKEN=TOKEN) as (client, _):
        request = a_request()
        statuses = [
            client.post("judge", json=request).status_code,
            client.post("judge", json=request, headers={"Authorization": "Bearer wrong"}).status_code,
            client.post("wrong/judge", json=request).status_code,
            client.get("judges").status_code,
            client.post("judge", json=request, headers={"Authorization": f"Bearer {TOKEN}"}).status_code,
            client.post(f"{TOKEN}/judge", json=request).status_code,
            client.get(f"{TOKEN}/judges").status_code,
            client.get("health").status_code,
        ]
    assert statuses == [401, 401, 401, 401, 200, 200, 200, 200]


def test_a_server_told_to_stop_finishes_what_it_is_at() -> None:
    with serving("--max-request-mb", "100") as (client, process), ThreadPoolExecutor(1) as aside:
        answer = aside.submit(client.post, "judge", json=a_slow_request(4))
        asked_until(lambda: client.get("health").json()["judging"] or int(answer.done()), 1)
        process.send_signal(signal.SIGTERM)
        assert answer.result().status_code == 200


def test_a_port_that_is_taken_is_one_clear_error(client: httpx.Client) -> None:
    with pytest.raises(CanaryError, match=f"cannot listen on 127.0.0.1 port {client.base_url.port}: Address already"):
        serve(PairJudge.KAYENTA, "127.0.0.1", client.base_url.port or 0, "", Limits(1, 1.0, 1), lambda url: None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_server_that_others_could_reach_needs_a_token(host: str) -> None:
    with pytest.raises(CanaryError, match="without a token"):
        check_access(host, "")
    check_access(host, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machines_own_addresses_need_none(host: str) -> None:
    check_access(host, "")


@pytest.mark.parametrize("token", ["short", "0123456789abcde/", "0123456789 abcdef", "0123456789abcdeé"])
def test_a_token_that_could_be_guessed_or_does_not_fit_a_path_is_refused(token: str) -> None:
    with pytest.raises(CanaryError, match="token cannot be used"):
        check_access("127.0.0.1", token)


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--judge", "kayente"), "unknown judge 'kayente'"), (("--token-env", "NOT_SET"), "NOT_SET is not set")],
)
def test_a_wrong_option_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(app, ["serve", *words])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
