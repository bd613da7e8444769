"""Requests to the Kayenta judge, for tests."""

import json
from collections.abc import Sequence
from typing import Any

from canary.kayenta import Compat, JudgeResult, KayentaRequest, judge

GOOD = [10.0, 11.0, 9.0, 10.5, 9.5, 10.2, 9.8, 10.1, 9.9, 10.3]
WORSE = [value * 3 for value in GOOD]


def a_metric(name: str = "m", groups: Sequence[str] = ("g",), **options: Any) -> dict[str, Any]:
    return {"name": name, "groups": list(groups), "analysisConfigurations": {"canary": options}}


def a_pair(experiment: Sequence[Any], control: Sequence[Any] = GOOD, name: str = "m") -> dict[str, Any]:
    return {"name": name, "id": f"id-{name}", "tags": {}, "values": {"control": control, "experiment": experiment}}


def a_request(
    pairs: Sequence[dict[str, Any]] = (),
    metrics: Sequence[dict[str, Any]] | None = None,
    weights: Any = None,
    thresholds: Any = None,
) -> dict[str, Any]:
    """A request of which each pair has a metric of its name, in group `g`, unless `metrics` says otherwise."""
    return {
        "config": {
            "metrics": [a_metric(pair["name"]) for pair in pairs] if metrics is None else list(metrics),
            "classifier": {} if weights is None else {"groupWeights": weights},
        },
        "thresholds": {"pass": 95, "marginal": 75} if thresholds is None else thresholds,
        "metricSetPairs": list(pairs),
    }


def judged(request: dict[str, Any], compat: Compat = Compat.EXACT, seed: int = 0) -> JudgeResult:
    return judge(KayentaRequest.from_json(json.dumps(request)), compat=compat, seed=seed)


def judged_one(
    experiment: Sequence[Any], control: Sequence[Any] = GOOD, compat: Compat = Compat.EXACT, **opts: Any
) -> Any:
    """The only result of a request with one metric of the options `opts`."""
    return judged(a_request([a_pair(experiment, control)], [a_metric(**opts)]), compat).results[0]
