"""All cases that the real NetflixACAJudge-v1.0 was asked get its answer.

Exact: what is decided and scored. Statistics, ratio, interval and estimate: to a relative 1e-9, or 1e-4 of the ratio
where the real judge adds noise. Where it answers differently from run to run, one of its answers.
"""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest

from canary import CanaryError
from canary.kayenta import AnalysisResult, JudgeResult, KayentaRequest, judge, judge_json

GOLDEN = Path(__file__).parents[2] / "data" / "kayenta-golden.jsonl.gz"
CASES = [json.loads(line) for line in gzip.decompress(GOLDEN.read_bytes()).splitlines()]
REFUSED = [case for case in CASES if "throws" in case["expected"]]
ANSWERED = [case for case in CASES if "throws" not in case["expected"]]

EXACTLY = ("name", "id", "tags", "classification", "classificationReason", "groups", "critical", "muted")


def asked(case: dict[str, Any]) -> str:
    return json.dumps({part: case[part] for part in ("config", "thresholds", "metricSetPairs") if part in case})


def ids(cases: list[dict[str, Any]]) -> list[str]:
    return [f"{case['id']} {case['family']}" for case in cases]


def is_close(got: Any, wanted: Any, relative: float = 1e-9) -> bool:
    if "NaN" in (got, wanted):
        return bool(got == wanted)
    return math.isclose(float(got), float(wanted), rel_tol=relative, abs_tol=1e-300)


def assert_result_is(got: dict[str, Any], wanted: dict[str, Any], relative: float) -> None:
    assert {key: got.get(key) for key in EXACTLY} == {key: wanted.get(key) for key in EXACTLY}
    for side in ("experimentMetadata", "controlMetadata"):
        stats, real = got[side]["stats"], wanted[side]["stats"]
        assert stats.keys() == real.keys()
        assert [key for key in real if not is_close(stats[key], real[key])] == []
    assert got.keys() == wanted.keys()
    if "resultMetadata" in wanted:
        assert is_close(got["resultMetadata"]["ratio"], wanted["resultMetadata"]["ratio"], relative)


def groups(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((group["name"], group["score"]) for group in answer["groupScores"])


def test_there_are_all_cases() -> None:
    assert (len(ANSWERED), len(REFUSED)) == (202, 9)


@pytest.mark.parametrize("case", ANSWERED, ids=ids(ANSWERED))
def test_the_answer_is_the_real_judges(case: dict[str, Any]) -> None:
    answer, real = json.loads(judge_json(asked(case))), case["expected"]["result"]
    if "unstable" in case["expected"]:
        assert seen(answer) in case["expected"]["unstable"]
        return
    relative = case["expected"]["noise"]["ratioRelTol"] if "noise" in case["expected"] else 1e-9
    assert answer["judgeName"] == real["judgeName"]
    assert answer["score"] == real["score"]
    assert [name for name, _ in groups(answer)] == [name for name, _ in groups(real)]
    assert all(is_close(got[1], wanted[1]) for got, wanted in zip(groups(answer), groups(real), strict=True))
    assert len(answer["results"]) == len(real["results"])
    for got, wanted in zip(answer["results"], real["results"], strict=True):
        assert_result_is(got, wanted, relative)


def seen(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "classifications": [result["classification"] for result in answer["results"]],
        "score": answer["score"]["score"],
    }


@pytest.mark.parametrize("case", REFUSED, ids=ids(REFUSED))
def test_what_the_real_judge_refuses_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(CanaryError) as refusal:
        judge_json(asked(case))
    assert refusal.value.why
    assert refusal.value.mend


WITH_INTERVALS = [case for case in ANSWERED if case["expected"].get("internals")]


@pytest.mark.parametrize("case", WITH_INTERVALS, ids=ids(WITH_INTERVALS))
def test_the_interval_is_the_real_judges(case: dict[str, Any]) -> None:
    answer = judge(KayentaRequest.from_json(asked(case)))
    for wanted in case["expected"]["internals"]:
        assert_interval_is(answer, wanted)


def assert_interval_is(answer: JudgeResult, wanted: dict[str, Any]) -> None:
    if wanted.get("noise") or "ciLower" not in wanted:
        return
    found = [result for result in answer.results if result.name == wanted["name"]]
    assert any(is_interval(result, wanted) for result in found), (found, wanted)


def is_interval(result: AnalysisResult, wanted: dict[str, Any]) -> bool:
    interval = result.interval
    if interval is None:
        return False
    pairs = ((interval.low, "ciLower"), (interval.high, "ciUpper"), (interval.estimate, "estimate"))
    return all(is_close(got, wanted[key]) for got, key in pairs)
