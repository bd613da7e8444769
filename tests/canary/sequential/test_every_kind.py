"""One session that judges metrics of every kind."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from canary import CanaryConfig, Judgment, Look, Side, Verdict, judge
from canary.samples import EventCount, Gauge, Moments, Sample
from tests.canary.builders import BEGIN

METRICS: list[dict[str, Any]] = [
    {"name": "error_rate", "margin": 3, "negligible": 0.02},
    {"name": "basket", "kind": "mean", "margin": 1.3, "direction": "decrease"},
    {"name": "cpu", "kind": "gauge", "margin": 1.3},
    {"name": "crashes", "kind": "events", "margin": 3},
]


def a_config(*, metrics: list[dict[str, Any]] | None = None, **settings: Any) -> CanaryConfig:
    fixed = {"interval": "15s", "min_duration": "1m", "duration": "30m"}
    return CanaryConfig.model_validate({**fixed, "metrics": metrics or METRICS, **settings})


class Service:
    """One side: 50 requests a look, as many baskets, some pods, and a crash now and then."""

    def __init__(self, pods: int, *, basket: float = 1, cpu: float = 1, crashes: float = 1) -> None:
        self._basket, self._cpu, self._crashes, self._pods = basket, cpu, crashes, pods
        self._requests = self._errors = self._crashed = 0
        self._sums = np.zeros(3)

    def side(self, rng: np.random.Generator) -> Side:
        self._requests += 50
        self._errors += int(rng.binomial(50, 0.005))
        self._crashed += int(rng.poisson(2 * self._crashes))
        values = self._basket * rng.lognormal(0, 0.5, 50)
        self._sums += (50, values.sum(), (values**2).sum())
        count, total, squares = map(float, self._sums)
        pods = {f"pod-{number}": float(self._cpu * rng.normal(50, 2)) for number in range(self._pods)}
        samples: dict[str, Sample] = {
            "basket": Moments(int(count), total, squares),
            "cpu": Gauge(pods),
            "crashes": EventCount(self._crashed),
        }
        return Side(self._requests, self._errors, samples=samples)


def looks(*, seed: int = 1, minutes: int = 30, pods: int = 4, worse: dict[str, float] | None = None) -> list[Look]:
    rng = np.random.default_rng(seed)
    baseline, canary = Service(pods), Service(pods, **(worse or {}))
    times = (BEGIN + timedelta(seconds=15 * tick) for tick in range(4 * minutes + 1))
    return [Look(at, baseline.side(rng), canary.side(rng)) for at in times]


def results(judgment: Judgment) -> dict[str, Verdict]:
    return {metric.name: metric.verdict for metric in judgment.metrics}


def test_a_canary_without_harm_passes_on_every_kind() -> None:
    judgment = judge(a_config(), looks())
    assert judgment.verdict is Verdict.PASS
    assert set(results(judgment).values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    ("worse", "metric"), [({"basket": 0.6}, "basket"), ({"cpu": 1.5}, "cpu"), ({"crashes": 4.0}, "crashes")]
)
def test_each_kind_finds_its_harm(worse: dict[str, float], metric: str) -> None:
    judgment = judge(a_config(), looks(worse=worse))
    assert (judgment.verdict, judgment.decided_by) == (Verdict.FAIL, metric)


def test_a_gauge_of_one_pod_holds_and_does_not_fail() -> None:
    judgment = judge(a_config(), looks(pods=1, worse={"cpu": 1.5}))
    assert results(judgment)["cpu"] is Verdict.FAIL
    assert judgment.verdict is Verdict.INCONCLUSIVE
    assert "too weak to fail a canary alone" in judgment.reason


def test_the_order_of_metrics_does_not_matter() -> None:
    seen = looks(worse={"crashes": 1.5}, minutes=5)
    one, other = judge(a_config(), seen), judge(a_config(metrics=METRICS[::-1]), seen)
    assert {metric.name: metric for metric in one.metrics} == {metric.name: metric for metric in other.metrics}
    assert one.verdict is other.verdict


def test_one_metric_without_meaning_is_named_and_the_others_are_judged() -> None:
    seen = looks(minutes=20)
    impossible = {"basket": Moments(5, 9.0, 1.0)}
    broken = [
        replace(look, canary=replace(look.canary, samples={**look.canary.samples, **impossible})) for look in seen
    ]
    judgment = judge(a_config(), broken)
    by_name = {metric.name: metric for metric in judgment.metrics}
    assert by_name["basket"].verdict is Verdict.ERROR
    assert "does not fit its sum of squares" in by_name["basket"].sentence
    assert by_name["crashes"].verdict is by_name["cpu"].verdict is Verdict.PASS


def test_a_judgment_of_every_kind_is_read_back_and_replayed_bit_for_bit() -> None:
    seen = looks(minutes=12)
    judgment = judge(a_config(), seen)
    assert Judgment.from_json(judgment.to_json()) == judgment
    assert judge(a_config(), [Look.from_json(look.to_json()) for look in seen]).to_json() == judgment.to_json()
