"""A canary under the threshold judge, from looks to judgments."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary import CanaryConfig, Judgment, Look, Side, Verdict, judge, start
from canary.samples import Gauge
from tests.canary.builders import BEGIN, a_config, counted

QUIET, GOOD, BAD = (1000, 10, 0, 0), (1000, 10, 1000, 5), (1000, 10, 1000, 50)
LIMITS = {"success": {"below": 2}}


def argo(*metrics: dict[str, Any], duration: str = "10m", **settings: Any) -> CanaryConfig:
    some = [{"name": "errors", "interval": "1m", **LIMITS, **metric} for metric in metrics or ({},)]
    rules = {"rules": "argo", "metrics": some, **settings}
    return a_config(judge="threshold", interval="1m", duration=duration, threshold=rules)


def flagger(**settings: Any) -> CanaryConfig:
    checks = [{"name": "success", "measure": "success_percent", "minimum": 99}]
    rules = {"rules": "flagger", "metrics": checks, "iterations": 3, **settings}
    return a_config(judge="threshold", interval="1m", threshold=rules)


def judged(config: CanaryConfig, *minutes: tuple[int, int, int, int]) -> Judgment:
    return judge(config, counted(*minutes, every_s=60))


def sequence(config: CanaryConfig, *minutes: tuple[int, int, int, int]) -> list[str]:
    session = start(config)
    return [session.add(look).verdict for look in counted(*minutes, every_s=60)]


def test_argo_s_failed_is_fail_with_value_bound_and_counts_in_the_sentence() -> None:
    judgment = judged(argo({"failure_limit": 1}), BAD, GOOD, BAD)
    assert (judgment.verdict, judgment.decided_by, judgment.is_final) == (Verdict.FAIL, "errors", True)
    assert judgment.reason == (
        "errors is 5 % (successful below 2), the measurement is failed; 3 measurements, 2 failed and "
        "1 may (failed 2 > failure limit 1)."
    )


def test_argo_s_successful_is_pass() -> None:
    assert sequence(argo({"count": 3}), GOOD, GOOD, GOOD) == ["INCONCLUSIVE"] * 3 + ["PASS"]


def test_argo_s_inconclusive_is_inconclusive_and_final() -> None:
    judgment = judged(argo({"failure": {"above": 8}}), BAD)
    assert (judgment.verdict, judgment.is_final) == (Verdict.INCONCLUSIVE, True)


def test_argo_s_error_is_error_after_five_empty_results_in_a_row() -> None:
    assert sequence(argo(), *[QUIET] * 5)[-2:] == ["INCONCLUSIVE", "ERROR"]


def test_without_traffic_a_query_may_give_nan_which_fails_a_success_condition() -> None:
    assert judged(argo(without_traffic="nan"), QUIET).verdict is Verdict.FAIL


def test_what_is_undecided_at_the_deadline_passes_as_in_argo() -> None:
    judgment = judged(argo(duration="3m"), GOOD, GOOD, GOOD)
    assert (judgment.verdict, judgment.is_final) == (Verdict.PASS, True)
    assert "ended before anything was decided" in judgment.reason


def test_nothing_passes_without_ever_a_value_unless_argos_letter_is_asked_for() -> None:
    never = [QUIET] * 3
    assert judged(argo(duration="3m", compat="exact"), *never).verdict is Verdict.PASS
    assert judged(argo(duration="3m"), *never).verdict is Verdict.INCONCLUSIVE


def test_a_measurement_waits_for_its_initial_delay_and_its_interval() -> None:
    judgment = judged(argo({"initial_delay": "2m", "interval": "3m", "failure_limit": 9}), *[BAD] * 6)
    assert "2 measurements, 2 failed" in judgment.reason


def test_a_measurement_that_ended_in_an_error_is_taken_again_at_the_next_look() -> None:
    judgment = judged(argo({"interval": "5m", "count": 2}), QUIET, GOOD)
    assert "1 of 2 measurements" in judgment.reason


def test_measurements_are_taken_at_the_nearest_look_though_looks_come_early_or_late() -> None:
    looks = counted(*[BAD] * 6, every_s=60)
    shaky = [replace(look, at=look.at + timedelta(seconds=(-1) ** n * 0.4 * (n > 0))) for n, look in enumerate(looks)]
    assert "6 measurements" in judge(argo({"failure_limit": 9}), shaky).reason


def test_a_dry_run_metric_is_a_signal_and_fails_nothing() -> None:
    config = argo({"count": 1}, {"name": "idea", "dry_run": True, "success": {"below": 0.1}, "count": 1})
    judgment = judged(config, GOOD)
    assert judgment.verdict is Verdict.PASS
    assert [(metric.role, metric.verdict) for metric in judgment.metrics] == [("guardrail", "PASS"), ("signal", "FAIL")]


def test_a_bound_may_be_on_the_ratio_to_the_baseline() -> None:
    config = argo({"compared": "ratio", "success": {"at_most": 1.5}})
    assert judged(config, (1000, 40, 1000, 50)).verdict is Verdict.INCONCLUSIVE
    judgment = judged(config, (1000, 30, 1000, 50))
    assert judgment.verdict is Verdict.FAIL
    assert "1.667 times the baseline's" in judgment.reason


def test_a_latency_quantile_is_an_estimate_and_says_so() -> None:
    edges = (100.0, 200.0, 500.0)
    looks = [
        Look(BEGIN, Side(0, 0, (0,) * 4, edges), Side(0, 0, (0,) * 4, edges)),
        Look(BEGIN + timedelta(minutes=1), Side(9, 0, (9, 0, 0, 0), edges), Side(100, 0, (50, 40, 10, 0), edges)),
    ]
    metric = {"name": "p95", "metric": "latency", "measure": "quantile", "quantile": 0.95, "success": {"below": 300}}
    judgment = judge(argo(metric), looks)
    assert judgment.verdict is Verdict.FAIL
    assert judgment.reason.startswith("p95 is 350 ms by linear interpolation in its bucket (successful below 300)")


def test_any_metric_of_the_looks_can_be_measured() -> None:
    def look(minute: int, memory: float) -> Look:
        sides = [Side(minute, 0, samples={"memory": Gauge({"pod-1": value})}) for value in (1.0, memory)]
        return Look(BEGIN + timedelta(minutes=minute), *sides)

    config = argo({"name": "memory", "metric": "memory", "measure": "mean", "success": {"below": 2}, "count": 2})
    assert judge(config, [look(0, 1.0), look(1, 1.0), look(2, 1.5)]).verdict is Verdict.PASS
    assert judge(config, [look(0, 1.0), look(1, 1.0), look(2, 2.5)]).verdict is Verdict.FAIL


def test_a_look_that_cannot_be_used_is_a_measurement_in_error() -> None:
    looks = counted(*[GOOD] * 6, every_s=60)
    broken = [looks[0], *(replace(look, canary=Side(-1, 0)) for look in looks[1:])]
    judgment = judge(argo(), broken)
    assert judgment.verdict is Verdict.ERROR
    assert "not usable" in judgment.reason


def test_a_look_from_the_past_does_not_turn_the_clock_back() -> None:
    looks = counted(GOOD, GOOD, GOOD, every_s=60)
    judgment = judge(argo(), [looks[0], looks[2], looks[1], looks[3]])
    assert (judgment.verdict, judgment.elapsed_s) == (Verdict.INCONCLUSIVE, 180)


def test_the_same_look_again_changes_nothing() -> None:
    session, looks = start(argo({"failure_limit": 3})), counted(BAD, BAD, every_s=60)
    once = [session.add(look) for look in looks][-1]
    assert session.add(looks[-1]) is once


def test_flagger_rolls_back_one_interval_after_the_check_that_reaches_the_threshold() -> None:
    assert sequence(flagger(threshold=2), BAD, BAD, BAD) == ["INCONCLUSIVE"] * 3 + ["FAIL"]
    judgment = judged(flagger(threshold=2), BAD, BAD, BAD)
    assert judgment.reason == (
        "success is 95 % (at least 99 passes), the check failed; 2 failed checks of the 2 that roll back, 0 passed."
    )


def test_flagger_promotes_when_all_steps_are_passed() -> None:
    assert sequence(flagger(), GOOD, GOOD, GOOD) == ["INCONCLUSIVE"] * 3 + ["PASS"]


def test_flagger_counts_no_data_as_failed_checks() -> None:
    assert judged(flagger(), QUIET, QUIET).verdict is Verdict.FAIL


def test_flagger_has_no_deadline_so_what_is_undecided_then_is_inconclusive() -> None:
    config = flagger(iterations=100).model_copy(update={"duration": timedelta(minutes=2)})
    judgment = judged(config, GOOD, GOOD)
    assert (judgment.verdict, judgment.is_final) == (Verdict.INCONCLUSIVE, True)


def test_flagger_does_not_make_up_for_thousands_of_years_without_a_look() -> None:
    first, *_, last = counted(GOOD, GOOD, every_s=60)
    late = replace(last, at=last.at.replace(year=9999))
    assert judge(flagger(), [first, late]).verdict is Verdict.INCONCLUSIVE


def at_steps(looks: list[Look], *steps: str) -> list[Look]:
    return [replace(look, step=step) for look, step in zip(looks, steps, strict=True)]


def test_each_step_of_a_ramp_is_an_analysis_run_of_its_own() -> None:
    looks = at_steps(counted(GOOD, GOOD, GOOD, every_s=60), "5%", "5%", "20%", "20%")
    session = start(argo({"count": 2}))
    assert [session.add(look).verdict for look in looks] == ["INCONCLUSIVE", "INCONCLUSIVE", "INCONCLUSIVE", "PASS"]


def test_flagger_does_not_forget_failed_checks_at_a_new_step_of_a_ramp() -> None:
    looks = at_steps(counted(BAD, GOOD, BAD, GOOD, every_s=60), "5%", "5%", "20%", "20%", "20%")
    assert judge(flagger(threshold=2), looks).verdict is Verdict.FAIL


def test_what_warms_up_is_not_measured() -> None:
    config = argo().model_copy(update={"warm_up": timedelta(minutes=2)})
    assert judged(config, BAD, BAD).verdict is Verdict.INCONCLUSIVE
    assert judged(config, BAD, BAD, BAD).verdict is Verdict.FAIL


MINUTES = st.lists(st.sampled_from([QUIET, GOOD, BAD, (0, 0, 0, 0)]), min_size=1, max_size=12)


@given(minutes=MINUTES, system=st.sampled_from([argo({"failure_limit": 2, "count": 6}), flagger(threshold=2)]))
def test_a_judgment_round_trips_and_replays_bit_for_bit(
    minutes: list[tuple[int, int, int, int]], system: CanaryConfig
) -> None:
    looks = counted(*minutes, every_s=60)
    judgment = judge(system, looks)
    assert Judgment.from_json(judgment.to_json()) == judgment
    assert judge(system, [Look.from_json(look.to_json()) for look in looks]).to_json() == judgment.to_json()


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR])
def test_fail_and_error_are_for_good(verdict: Verdict) -> None:
    first = [BAD] if verdict is Verdict.FAIL else [QUIET] * 5
    assert judged(argo(), *first).verdict is verdict
    assert judged(argo(), *first, *[GOOD] * 3).verdict is verdict
