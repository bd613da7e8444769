"""Kayenta's metric set pairs under the sequential judge."""

import json
from itertools import product
from typing import Any

import numpy as np
import pytest

from canary import CanaryError, Verdict
from canary.pairs import judge_pairs

POINTS = 60


def a_request(*metrics: dict[str, Any], judge: dict[str, Any] | None = None, **thresholds: float) -> bytes:
    """A request in Kayenta's shape; each metric with its name, series, and options of `canary` and `gennaker`."""
    config = {
        "metrics": [
            {
                "name": metric["name"],
                "groups": [metric.get("group", "all")],
                "analysisConfigurations": {
                    "canary": metric.get("canary", {"direction": "increase"}),
                    "gennaker": metric.get("gennaker", {}),
                },
            }
            for metric in metrics
        ],
        "judge": {"name": "RemoteJudge-v1.0", "judgeConfigurations": judge or {}},
        "classifier": {"groupWeights": {}},
    }
    scope = {"startTimeIso": "2026-01-01T00:00:00Z", "startTimeMillis": 1767225600000, "stepMillis": 60000}
    pairs = [
        {
            "name": metric["name"],
            "id": metric["name"],
            "tags": {},
            "values": {"control": metric["control"], "experiment": metric["experiment"]},
            "scopes": {"control": scope, "experiment": scope},
        }
        for metric in metrics
    ]
    told = thresholds or {"pass": 95, "marginal": 75}
    return json.dumps({"canaryConfig": config, "scoreThresholds": told, "metricSetPairList": pairs}).encode()


def errors(odds: float, seed: int = 1, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Failed requests and requests by the minute, 1 % of 1,000 in the baseline."""
    rng = np.random.default_rng(seed)
    requests = rng.poisson(1000, (2, POINTS))
    failed = rng.binomial(requests, np.array([[0.01], [0.01 * odds]]))
    sides = [dict(zip(("control", "experiment"), each.tolist(), strict=True)) for each in (failed, requests)]
    gennaker = {"kind": "counts", "requests": "requests", "margin": 1.5, **more}
    muted = {"muted": True}
    return {"name": "errors", **sides[0], "gennaker": gennaker}, {"name": "requests", **sides[1], "canary": muted}


def a_gauge(factor: float, seed: int = 1, **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values = rng.normal([[100], [100 * factor]], 5, (2, POINTS))
    return {"name": "cpu", "control": values[0].tolist(), "experiment": values[1].tolist(), **more}


def told(request: bytes) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(judge_pairs(request)[0])
    return result


def test_harm_in_counts_fails_and_scores_0() -> None:
    result = told(a_request(*errors(odds=3)))
    assert result["score"]["classification"] == "Fail"
    assert result["score"]["score"] == 0
    assert [each["classification"] for each in result["results"]] == ["High", "Pass"]
    assert "of the canary is" in result["score"]["classificationReason"]


def test_counts_that_are_no_worse_pass_and_score_100() -> None:
    result = told(a_request(*errors(odds=1)))
    assert (result["score"]["classification"], result["score"]["score"]) == ("Pass", 100)
    assert result["judgeName"] == "GennakerSequentialJudge-v1.0"
    assert result["results"][0]["controlMetadata"]["stats"]["count"] == POINTS


def test_what_is_not_decided_scores_between_the_thresholds() -> None:
    few = [{**each, "control": each["control"][:2], "experiment": each["experiment"][:2]} for each in errors(odds=1)]
    result = told(a_request(*few, **{"pass": 90, "marginal": 50}))
    assert (result["score"]["classification"], result["score"]["score"]) == ("Marginal", 70)
    assert result["results"][0]["classification"] == "Nodata"


def test_what_is_not_decided_fails_where_thresholds_leave_nothing_between() -> None:
    few = [{**each, "control": each["control"][:2], "experiment": each["experiment"][:2]} for each in errors(odds=1)]
    result = told(a_request(*few, **{"pass": 50, "marginal": 50}))
    assert (result["score"]["classification"], result["score"]["score"]) == ("Fail", 0)


def test_a_gauge_of_one_instance_never_fails_a_canary_alone() -> None:
    answer, judgment = judge_pairs(a_request(a_gauge(factor=3)))
    assert judgment.verdict is Verdict.INCONCLUSIVE
    assert json.loads(answer)["score"]["classification"] == "Marginal"


def test_a_gauge_that_is_no_worse_passes() -> None:
    assert told(a_request(a_gauge(factor=1)))["score"]["classification"] == "Pass"


def test_either_direction_is_watched_as_two() -> None:
    request = a_request(a_gauge(factor=1, canary={"direction": "either"}))
    assert [metric.name for metric in judge_pairs(request)[1].metrics] == ["cpu:0:increase", "cpu:0:decrease"]


def test_kayentas_effect_size_is_what_is_tolerated() -> None:
    canary = {"direction": "increase", "effectSize": {"allowedIncrease": 6}}
    tolerant = [{**errors(odds=3)[0], "canary": canary, "gennaker": {"kind": "counts", "requests": "requests"}}]
    assert told(a_request(*tolerant, errors(odds=3)[1]))["score"]["classification"] != "Fail"


def test_events_alone_are_held_against_the_split_of_the_traffic() -> None:
    crashes = {"name": "crashes", "control": [3] * POINTS, "experiment": [9] * POINTS, "gennaker": {"kind": "events"}}
    assert told(a_request(crashes))["results"][0]["classification"] == "High"


def test_the_error_rates_of_the_judge_may_be_set() -> None:
    request = a_request(*errors(odds=1.5), judge={"alpha": 1e-9})
    assert judge_pairs(request)[1].metrics[0].log_limit_harm == pytest.approx(-np.log(1e-9))


def test_one_malformed_metric_is_named_and_holds_the_canary() -> None:
    odd = {"name": "odd", "control": [0.5] * POINTS, "experiment": [0.25] * POINTS, "gennaker": {"kind": "events"}}
    result = told(a_request(*errors(odds=1), odd))
    assert [each["classification"] for each in result["results"]] == ["Pass", "Pass", "Nodata"]
    assert "malformed" in result["results"][2]["classificationReason"]
    assert result["score"]["classification"] == "Marginal"


@pytest.mark.parametrize(
    ("kind", "value"),
    [*product(("gauge", "events"), (1e308, -1e308, "Infinity", "-Infinity")), ("events", -3), ("events", 2**53)],
)
def test_points_that_cannot_be_never_pass(kind: str, value: float | str) -> None:
    odd = a_gauge(factor=1, gennaker={"kind": kind})
    odd["control"] = odd["experiment"] = [value] * POINTS
    assert judge_pairs(a_request(odd))[1].verdict is not Verdict.PASS


def test_points_without_data_are_left_out() -> None:
    holes = a_gauge(factor=1)
    holes["control"][5:20] = ["NaN"] * 15
    assert told(a_request(holes))["results"][0]["controlMetadata"]["stats"]["count"] == POINTS - 15


@pytest.mark.parametrize(
    ("gennaker", "said"),
    [
        ({"kind": "counts"}, "cannot be judged from a series"),
        ({"kind": "histogram"}, "cannot be judged from a series"),
        ({"kind": "gauge", "requests": "cpu"}, "cannot be judged from a series"),
        ({"kind": "counts", "requests": "nothing"}, "which is not there"),
        ({"kind": "gauges"}, "gennaker of metric 'cpu' is not valid"),
        ({"margn": 2}, "gennaker of metric 'cpu' is not valid"),
    ],
)
def test_what_a_metric_cannot_be_is_refused(gennaker: dict[str, Any], said: str) -> None:
    with pytest.raises(CanaryError, match=said):
        judge_pairs(a_request(a_gauge(factor=1, gennaker=gennaker)))


def test_nothing_to_judge_is_refused() -> None:
    empty = {"name": "cpu", "control": [], "experiment": []}
    for metrics in ([], [empty], [a_gauge(factor=1, canary={"muted": True})]):
        with pytest.raises(CanaryError, match="nothing to judge"):
            judge_pairs(a_request(*metrics))


def test_wrong_error_rates_are_refused() -> None:
    with pytest.raises(CanaryError, match="judgeConfigurations is not valid"):
        judge_pairs(a_request(a_gauge(factor=1), judge={"alpha": 7}))


def test_names_of_metrics_may_be_anything() -> None:
    for name in ("5xx rate", "é", "a" * 300):
        assert told(a_request({**a_gauge(factor=1), "name": name}))["results"][0]["name"] == name
