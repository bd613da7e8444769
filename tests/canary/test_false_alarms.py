"""How often settings fail a canary that is its own baseline."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary import CanaryConfig, CanaryError, Look
from canary.false_alarms import of_looks, of_traffic
from canary.looks import Side
from canary.simulation import Traffic, simulate

MINUTES = timedelta(minutes=5)


def a_config(**settings: Any) -> CanaryConfig:
    error_rate = {"name": "error_rate", "margin": 2, "negligible": 0.001}
    told = {"interval": "15s", "min_duration": "1m", "duration": "5m", "metrics": [error_rate]}
    return CanaryConfig.model_validate({**told, **settings})


def some_looks(traffic: Traffic, duration: timedelta = MINUTES) -> list[Look]:
    return list(simulate(traffic, timedelta(seconds=15), duration, seed=4))


def test_the_sequential_judge_keeps_its_alpha_on_simulated_traffic() -> None:
    found = of_traffic(a_config(alpha=0.05), Traffic(harm=9), trials=100)
    assert found.is_within
    assert found.fails.share <= 0.08
    assert found.passes.share > 0.9


def test_settings_that_ignore_clusters_raise_false_alarms_and_are_told_so() -> None:
    error_rate = {"name": "error_rate", "dispersion": 1}
    found = of_traffic(a_config(metrics=[error_rate]), Traffic(rate=300, cluster=8), trials=60)
    assert found.fails.share > 0.3
    assert not found.is_within


def test_halves_of_a_stored_baseline_raise_no_alarm_whatever_the_canary_did() -> None:
    found = of_looks(a_config(alpha=0.05), some_looks(Traffic(harm=20, drift=5)), splits=100)
    assert found.is_within
    assert found.fails.share <= 0.08
    assert found.trials == 100


def test_halves_of_latencies_are_judged_too() -> None:
    config = a_config(metrics=["error_rate", {"name": "latency", "margin": 3, "negligible": 0.05}])
    assert of_looks(config, some_looks(Traffic(rate=300)), splits=10).passes.share >= 0.7


def test_a_baseline_without_histogram_leaves_latency_undecided() -> None:
    looks = [
        replace(look, baseline=Side(look.baseline.requests, look.baseline.errors), canary=Side(0, 0))
        for look in some_looks(Traffic(rate=300))
    ]
    found = of_looks(a_config(metrics=["error_rate", "latency"]), looks, splits=5)
    assert (found.fails.share, found.passes.share, found.errors.share) == (0, 0, 0)


def test_looks_after_the_deadline_count_for_nothing() -> None:
    looks = some_looks(Traffic(rate=5), timedelta(minutes=20))
    assert of_looks(a_config(), looks, splits=20) == of_looks(a_config(), looks[:21], splits=20)


def test_a_baseline_that_served_nothing_is_one_clear_error() -> None:
    looks = some_looks(Traffic())
    for none in ([], looks[:1], [replace(look, baseline=Side(0, 0)) for look in looks]):
        with pytest.raises(CanaryError, match="served nothing"):
            of_looks(a_config(), none, splits=5)


def test_the_same_seed_gives_the_same_figures() -> None:
    looks = some_looks(Traffic(rate=30))
    assert of_looks(a_config(), looks, splits=30, seed=2) == of_looks(a_config(), looks, splits=30, seed=2)
    assert of_looks(a_config(), looks, splits=30, seed=2) != of_looks(a_config(), looks, splits=30, seed=3)


def test_figures_are_json_that_says_whether_they_are_within() -> None:
    told = json.loads(of_traffic(a_config(), Traffic(), trials=5).to_json())
    assert told["is_within"] is True
    assert told["fails"] == {"share": 0.0, "low": 0.0, "high": pytest.approx(0.5218, abs=1e-4), "median_minutes": None}
