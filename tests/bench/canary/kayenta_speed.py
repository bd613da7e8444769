"""How fast Kayenta's judge is on one core, from the text of a request to that of the answer.

Times are processor times, each the best of several repetitions over requests that are all different. A quarter of the
metrics each: normal, with a long tail (lognormal), counts (Poisson), and half zeros. The baseline is of the same kind;
every second canary is 10 % above it. Values have six digits.
"""

import json
import time
from typing import Any, Final

import numpy as np

from canary.kayenta import judge_json
from tests.bench.rows import Row

FIGURE: Final = "6 Speed of Kayenta's judge on one core"
#: Points a side: what is asked for, and what the real judge does, in metrics a second.
BARS: Final = {60: (5_000, 1_025.0), 1_440: (2_000, 44.6), 10_080: (300, 4.9)}
#: Metrics measured of each size, and how many a request has.
METRICS: Final = {60: 2_000, 1_440: 400, 10_080: 60}
A_REQUEST: Final = 20
REPETITIONS: Final = 5
SEED: Final = 6


def measure(scale: float = 1.0) -> list[Row]:
    """For each size, a row of requests with many metrics, and one of requests with a single one."""
    rows = []
    for points, (bar, real) in BARS.items():
        count = max(A_REQUEST, round(METRICS[points] * scale) // A_REQUEST * A_REQUEST)
        note = f"the real judge: {real:g}"
        many, one = _per_second(points, count, A_REQUEST), _per_second(points, count, 1)
        cell = f"{points:,} points a side"
        rows.append(Row(FIGURE, f"{cell}, {A_REQUEST} metrics a request", many, "metrics/s", bar, "at least", note))
        rows.append(Row(FIGURE, f"{cell}, 1 metric a request", one, "metrics/s"))
    return rows


def _per_second(points: int, metrics: int, a_request: int) -> float:
    requests = [_request(points, a_request, first) for first in range(0, metrics, a_request)]
    judge_json(requests[0])
    return metrics / min(_seconds(requests) for _ in range(REPETITIONS))


def _seconds(requests: list[bytes]) -> float:
    begun = time.process_time()
    for request in requests:
        judge_json(request)
    return time.process_time() - begun


def _request(points: int, metrics: int, first: int) -> bytes:
    names = [f"metric-{number}" for number in range(metrics)]
    asked = {
        "config": {
            "name": "bench",
            "metrics": [_metric(name) for name in names],
            "classifier": {"groupWeights": {"all": 100}},
        },
        "thresholds": {"pass": 95, "marginal": 75},
        "metricSetPairs": [_pair(name, points, first + number) for number, name in enumerate(names)],
    }
    return json.dumps(asked).encode()


def _metric(name: str) -> dict[str, Any]:
    query = {"type": "prometheus", "metricName": name}
    return {"name": name, "groups": ["all"], "query": query, "analysisConfigurations": {"canary": {"critical": False}}}


def _pair(name: str, points: int, number: int) -> dict[str, Any]:
    rng = np.random.default_rng([SEED, points, number])
    kind, effect = number % 4, 1.1 if number % 8 >= 4 else 1.0
    values = {"control": _series(kind, points, rng, 1.0), "experiment": _series(kind, points, rng, effect)}
    scope = {"startTimeIso": "2026-01-01T00:00:00Z", "startTimeMillis": 1767225600000, "stepMillis": 60000}
    scopes = {"control": scope, "experiment": scope}
    return {"name": name, "id": f"{name}-{number}", "tags": {}, "values": values, "scopes": scopes}


def _series(kind: int, points: int, rng: np.random.Generator, effect: float) -> list[float]:
    drawn = (
        rng.normal(100, 15, points),
        rng.lognormal(np.log(20), 0.8, points),
        rng.poisson(30, points),
        np.maximum(rng.normal(0, 0.01, points), 0.0),
    )
    return [float(f"{effect * value:.6g}") for value in drawn[kind]]
