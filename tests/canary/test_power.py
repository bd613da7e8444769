"""What a canary can see, told before it starts."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canary import CanaryConfig, CanaryError, Verdict, start, trials
from canary.binomial import interval
from canary.power import Power, power
from canary.simulation import Traffic, simulate
from canary.trials import judged, served
from tests.canary.builders import PROFILES


def a_config(**settings: Any) -> CanaryConfig:
    """Settings that decide in a few looks."""
    error_rate = {"name": "error_rate", "margin": 2, "negligible": 0.001}
    told = {"interval": "15s", "min_duration": "1m", "duration": "5m", "metrics": [error_rate]}
    return CanaryConfig.model_validate({**told, **settings})


def with_latency(**settings: Any) -> CanaryConfig:
    return a_config(metrics=["error_rate", {"name": "latency", "margin": 2, "negligible": 0.01}], **settings)


@pytest.mark.parametrize("traffic", [Traffic(rate=40), Traffic(rate=40, harm=3), Traffic(rate=40, slower=1.5)])
@pytest.mark.parametrize("warm_up", ["0s", "45s"])
def test_canaries_judged_side_by_side_end_as_a_session_of_each_would(traffic: Traffic, warm_up: str) -> None:
    config, runs = with_latency(warm_up=warm_up), 6
    ends = judged(config, served(traffic, config, runs, seed=3), runs)
    one_by_one = trials._OneByOne(config, runs)
    minutes, verdicts = [float("inf")] * runs, [Verdict.INCONCLUSIVE] * runs
    for number, tick in enumerate(served(traffic, config, runs, seed=3), start=1):
        still_open = [run for run in range(runs) if verdicts[run] is Verdict.INCONCLUSIVE]
        for run, verdict in one_by_one.add(tick, still_open).items():
            minutes[run], verdicts[run] = number / 4, verdict
    assert (ends.minutes.tolist(), ends.verdicts) == (minutes, tuple(verdicts))


def test_the_same_seed_gives_the_same_figures_and_another_seed_others() -> None:
    first, again, other = (power(a_config(), Traffic(), trials=30, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_the_first_prospect_is_that_of_a_harmless_canary() -> None:
    found = power(a_config(), Traffic(rate=200), harms=(3, 5), slower=(2,), trials=30)
    assert [(each.harm, each.slower) for each in found.prospects] == [(1, 1), (3, 1), (5, 1), (1, 2)]
    harmless, harmed, *_ = found.prospects
    assert harmless.is_harmless
    assert harmless.passes.share == 1
    assert harmless.fails.share == 0
    assert harmed.fails.share == 1
    assert harmed.passes.share == 0


def test_worse_harm_is_seen_more_often_and_sooner() -> None:
    found = power(a_config(), Traffic(rate=20), harms=(1.5, 2.5, 6), trials=60)
    fails = [prospect.fails for prospect in found.prospects[1:]]
    assert all(less.share <= more.share for less, more in pairwise(fails))
    assert (fails[-1].median_minutes or np.inf) < (fails[0].median_minutes or np.inf)


def test_what_is_seen_in_fewer_than_half_of_the_trials_has_no_median() -> None:
    found = power(a_config(), Traffic(rate=1), harms=(1.2,), trials=30)
    assert found.prospects[1].fails.share < 0.5
    assert found.prospects[1].fails.median_minutes is None


def test_more_traffic_certifies_sooner() -> None:
    minutes = [
        power(a_config(), Traffic(rate=rate), harms=(), trials=30).prospects[0].passes.median_minutes
        for rate in (30, 300)
    ]
    assert minutes[1] < (minutes[0] or np.inf)


def test_the_harm_of_the_traffic_itself_counts_for_nothing() -> None:
    plain, harmed = (power(a_config(), Traffic(harm=harm), trials=20) for harm in (1, 9))
    assert plain == harmed


def test_a_slower_canary_is_seen_by_its_latency() -> None:
    found = power(with_latency(), Traffic(rate=100), harms=(), slower=(2,), trials=10)
    assert found.prospects[1].fails.share == 1


def test_metrics_that_traffic_does_not_show_are_named() -> None:
    config = a_config(metrics=["error_rate", {"name": "cpu", "kind": "gauge"}])
    assert power(config, Traffic(), harms=(), trials=5).left_out == ("cpu",)


def test_settings_without_a_metric_that_traffic_shows_are_refused() -> None:
    signal = {"name": "error_rate", "role": "signal"}
    for metrics in ([{"name": "cpu", "kind": "gauge"}], [signal, {"name": "cpu", "kind": "gauge"}]):
        with pytest.raises(CanaryError, match="can be simulated"):
            power(a_config(metrics=metrics), Traffic(), trials=5)


def test_progress_is_told_to_the_end_of_each_effect() -> None:
    told: list[tuple[int, int]] = []
    power(a_config(), Traffic(rate=1), harms=(1.1,), trials=2, on_progress=lambda *at: told.append(at))
    assert told[-1] == (40, 40)
    assert all(before < after for before, after in pairwise(told))


def test_the_profiles_for_production_see_a_doubling_of_errors() -> None:
    config = CanaryConfig.from_profile("standard", PROFILES)
    config = config.model_copy(update={"metrics": config.metrics[:1]})
    found = power(config, Traffic(rate=100, error_rate=0.01), harms=(2,), trials=40)
    assert found.prospects[1].fails.low > 0.9


def test_figures_survive_json() -> None:
    found = power(a_config(), Traffic(rate=5), trials=5)
    assert Power.from_json(found.to_json()) == found
    with pytest.raises(CanaryError, match="cannot be read"):
        Power.from_json('{"prospects": [1]}')


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_is_that_of_clopper_and_pearson(hits: int, more: int) -> None:
    found = stats.binomtest(hits, hits + more).proportion_ci(method="exact")
    assert interval(hits, hits + more) == pytest.approx((found.low, found.high), abs=1e-9)


def test_sessions_of_a_real_watch_agree_with_the_trials() -> None:
    """The verdicts of `start`, fed by simulated looks, have the same frequency as those of trials."""
    config, passed = a_config(), 0
    for seed in range(20):
        session = start(config)
        for look in simulate(Traffic(rate=100), config.interval, config.duration, seed):
            judgment = session.add(look)
            if judgment.is_final:
                break
        passed += judgment.verdict is Verdict.PASS
    assert passed >= 18
    assert power(config, Traffic(rate=100), harms=(), trials=40).prospects[0].passes.share >= 0.9
