"""Simulated traffic is what was asked for, and the same for the same seed."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from canary import Look
from canary.simulation import EDGES_MS, Load, Traffic, simulate

INTERVAL, HOUR = timedelta(seconds=15), timedelta(hours=1)


def looks_of(traffic: Traffic, duration: timedelta = HOUR, seed: int = 1) -> list[Look]:
    return list(simulate(traffic, INTERVAL, duration, seed))


def error_odds(look: Look, before: Look | None = None) -> float:
    """The odds ratio of a failing request between two looks."""
    odds = []
    for side in ("canary", "baseline"):
        after, then = getattr(look, side), getattr(before, side) if before else None
        errors = after.errors - (then.errors if then else 0)
        odds.append(errors / (after.requests - (then.requests if then else 0) - errors))
    return odds[0] / odds[1]


def test_the_same_seed_gives_the_same_looks_and_another_seed_others() -> None:
    traffic = Traffic(cluster=3, noise=0.3)
    assert looks_of(traffic, seed=1) == looks_of(traffic, seed=1) != looks_of(traffic, seed=2)


def test_looks_are_an_interval_apart_and_survive_json() -> None:
    looks = looks_of(Traffic(), timedelta(minutes=1))
    assert [(look.at - looks[0].at).total_seconds() for look in looks] == [0, 15, 30, 45, 60]
    assert [Look.from_json(look.to_json()) for look in looks] == looks


def test_both_sides_serve_the_rate_that_was_asked_for() -> None:
    last = looks_of(Traffic(rate=50))[-1]
    assert last.baseline.requests == pytest.approx(50 * 3600, rel=0.02)
    assert last.canary.requests == pytest.approx(50 * 3600, rel=0.02)
    assert last.baseline.errors == pytest.approx(50 * 3600 * 0.01, rel=0.1)
    assert sum(last.canary.latency) == last.canary.requests
    assert last.canary.edges_ms == EDGES_MS


def test_the_canary_gets_its_share_of_the_traffic() -> None:
    last = looks_of(Traffic(rate=50, share=0.1))[-1]
    assert last.canary.requests / (last.canary.requests + last.baseline.requests) == pytest.approx(0.1, rel=0.05)
    assert last.canary_share == 0.1


def test_harm_is_an_odds_ratio_of_failing() -> None:
    assert error_odds(looks_of(Traffic(rate=200, error_rate=0.1, harm=2))[-1]) == pytest.approx(2, rel=0.05)


def test_harm_may_begin_later() -> None:
    looks = looks_of(Traffic(rate=200, error_rate=0.1, harm=2, harm_from=0.5))
    assert error_odds(looks[120]) == pytest.approx(1, rel=0.05)
    assert error_odds(looks[-1], looks[120]) == pytest.approx(2, rel=0.05)


def test_a_slower_canary_has_the_latencies_times_that_factor() -> None:
    last = looks_of(Traffic(rate=200, latency_ms=100, slower=2.5))[-1]
    below = [sum(side.latency[:6]) / side.requests for side in (last.baseline, last.canary)]
    below.append(sum(last.canary.latency[:7]) / last.canary.requests)
    # Half of the baseline's requests take up to 100 ms, half of the canary's up to 250 ms.
    assert below[0] == pytest.approx(0.5, abs=0.01)
    assert below[1] < 0.1
    assert below[2] == pytest.approx(0.5, abs=0.01)


def test_errors_drift_on_both_sides() -> None:
    looks = looks_of(Traffic(rate=200, drift=3))
    first, last = looks[60].baseline.errors, looks[-1].baseline.errors - looks[-61].baseline.errors
    assert last / first == pytest.approx(3**0.75, rel=0.15)


def test_a_ramp_raises_the_share_in_steps_of_one_length() -> None:
    looks = looks_of(Traffic(ramp=(0.05, 0.2, 0.5)), timedelta(minutes=3))
    assert [look.step for look in looks] == ["5%"] * 5 + ["20%"] * 4 + ["50%"] * 4
    grown = [after.canary.requests - before.canary.requests for before, after in pairwise(looks)]
    assert sum(grown[8:]) > 2 * sum(grown[4:8]) > 4 * sum(grown[:4])


@pytest.mark.parametrize("traffic", [Traffic(cluster=5), Traffic(noise=0.6)])
def test_clusters_and_noise_spread_the_errors_and_leave_their_number(traffic: Traffic) -> None:
    def errors(traffic: Traffic) -> np.ndarray:
        load = Load(traffic, 2000, 3600, seed=3)
        return sum(load.tick(at * 60, 60).errors for at in range(3))[0]

    plain, spread = errors(Traffic()), errors(traffic)
    assert spread.mean() == pytest.approx(plain.mean(), rel=0.05)
    assert spread.var() > 3 * plain.var()


def test_no_side_has_more_errors_than_requests() -> None:
    load = Load(Traffic(rate=0.2, error_rate=0.9, cluster=20, noise=2), 500, 600, seed=1)
    for at in range(10):
        drawn = load.tick(at * 60, 60)
        assert (drawn.errors <= drawn.requests).all()
        assert (drawn.latency.sum(axis=2) == drawn.requests).all()


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"share": 1}, {"error_rate": 1}, {"cluster": 0.5}, {"hram": 2}])
def test_traffic_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Traffic.model_validate(wrong)
