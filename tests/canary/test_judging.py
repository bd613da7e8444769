"""What the sequential judge says about a canary."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary import CanaryConfig, Look, Side, Verdict, judge, start
from tests.canary.builders import BEGIN, Group, a_config, counted, quick, some_looks, watched


def test_a_canary_that_fails_12_percent_is_failed_within_20_seconds_at_15_requests_a_second() -> None:
    judgment = watched(quick(), some_looks(60, canary=Group(error_rate=0.12)))
    assert (judgment.verdict, judgment.decided_by) == (Verdict.FAIL, "error_rate")
    assert judgment.elapsed_s <= 20


def test_a_canary_that_is_60_ms_slower_is_failed_within_10_seconds() -> None:
    judgment = watched(quick(), some_looks(60, canary=Group(slower_ms=60)))
    assert (judgment.verdict, judgment.decided_by) == (Verdict.FAIL, "latency")
    assert judgment.elapsed_s <= 10


def test_a_canary_like_its_baseline_is_passed_within_its_deadline() -> None:
    judgment = watched(quick(), some_looks(150, canary=Group()))
    assert judgment.verdict is Verdict.PASS
    assert judgment.elapsed_s <= 120


def test_the_reason_gives_both_rates_and_the_evidence() -> None:
    reason = watched(a_config(), iter(counted(*[(100, 0, 100, 20)] * 20))).reason
    assert reason.startswith("Error rate of the canary is 20 % against 0 % in the baseline (odds ratio above")
    assert reason.endswith("passed the limit of 100.")


def test_a_tolerated_slowdown_is_no_harm() -> None:
    looks = list(some_looks(120, canary=Group(slower_ms=2)))
    metric = {"name": "latency", "margin": 3}
    strict = judge(a_config(metrics=[metric]), looks)
    tolerant = judge(a_config(metrics=[{**metric, "tolerance": 2.5}]), looks)
    assert tolerant.metrics[0].log_evidence_harm < strict.metrics[0].log_evidence_harm
    assert tolerant.verdict is not Verdict.FAIL


def test_a_single_look_is_inconclusive() -> None:
    judgment = start(a_config()).add(counted()[0])
    assert judgment.verdict is Verdict.INCONCLUSIVE
    assert not judgment.is_final


def test_no_looks_at_all_are_inconclusive() -> None:
    judgment = judge(a_config(), [])
    assert (judgment.verdict, judgment.looks) == (Verdict.INCONCLUSIVE, 0)
    assert "could not be seen" in judgment.reason


def test_no_traffic_never_passes() -> None:
    judgment = judge(a_config(duration="30s", min_requests=0), counted(*[(0, 0, 0, 0)] * 40))
    assert judgment.verdict is Verdict.INCONCLUSIVE
    assert judgment.is_final
    assert "no requests" in judgment.reason


def test_too_few_requests_never_pass_and_say_how_many_are_needed() -> None:
    config = a_config(min_requests=1_000, metrics=[{"name": "error_rate", "negligible": 0.5}])
    judgment = judge(config, counted(*[(10, 0, 10, 0)] * 50))
    assert judgment.verdict is Verdict.INCONCLUSIVE
    assert "500 requests, and 1,000 are needed" in judgment.reason
    assert judgment.more_requests == 500


def test_nothing_passes_before_the_minimum_duration() -> None:
    config = a_config(min_duration="1m", metrics=[{"name": "error_rate", "negligible": 0.5}])
    ticks = [(100, 0, 100, 0)] * 60
    assert judge(config, counted(*ticks[:59])).verdict is Verdict.INCONCLUSIVE
    assert judge(config, counted(*ticks)).verdict is Verdict.PASS


def test_an_undecided_canary_is_inconclusive_and_final_at_the_deadline() -> None:
    judgment = judge(a_config(duration="20s"), counted(*[(100, 1, 100, 1)] * 20))
    assert (judgment.verdict, judgment.is_final) == (Verdict.INCONCLUSIVE, True)
    assert judgment.reason.startswith("Not decided by the deadline of 20s: Error rate")


def test_an_undecided_canary_says_about_how_long_it_still_needs() -> None:
    ticks = [(100, 0, 100, 0)] * 400
    config = a_config(duration="1h")
    early = judge(config, counted(*ticks[:40]))
    assert early.more_minutes is not None
    done = watched(config, iter(counted(*ticks)))
    assert done.verdict is Verdict.PASS
    assert early.elapsed_s + 60 * early.more_minutes == pytest.approx(done.elapsed_s, rel=0.5)


def test_a_wrong_share_of_traffic_is_an_error_that_says_which_side_got_more() -> None:
    judgment = watched(a_config(), iter(counted(*[(90, 0, 10, 0)] * 60)))
    assert judgment.verdict is Verdict.ERROR
    assert "less traffic than was set" in judgment.reason
    assert "50 % was meant" in judgment.reason


def test_a_canary_that_gets_nothing_while_the_baseline_is_served_is_an_error() -> None:
    assert watched(a_config(), iter(counted(*[(100, 0, 0, 0)] * 60))).verdict is Verdict.ERROR


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_share_within_a_tenth_of_what_was_set_is_right(share: float) -> None:
    off = 0.05 * min(share, 1 - share)
    ticks = [(round(2000 * (1 - share - off)), 10, round(2000 * (share + off)), 10)] * 60
    assert judge(
        a_config(metrics=[{"name": "error_rate", "margin": 900}]), counted(*ticks, share=share)
    ).verdict not in (Verdict.ERROR,)


def test_harm_is_told_even_where_the_share_is_wrong_too() -> None:
    assert judge(a_config(), counted((5_000, 0, 1_000, 800))).verdict is Verdict.FAIL


def test_the_same_look_twice_changes_nothing() -> None:
    looks = list(some_looks(30, canary=Group()))
    doubled = [look for look in looks for _ in range(2)]
    assert judge(quick(), doubled) == judge(quick(), looks)


def test_fail_is_for_good() -> None:
    harm, fine = [(100, 0, 100, 50)] * 20, [(100, 0, 100, 0)] * 200
    assert judge(a_config(), counted(*harm, *fine)).verdict is Verdict.FAIL


def test_after_a_pass_harm_is_still_seen() -> None:
    config = a_config(min_requests=0)
    fine, harm = [(1000, 0, 1000, 0)] * 60, [(1000, 1, 1000, 500)] * 60
    assert judge(config, counted(*fine)).verdict is Verdict.PASS
    assert judge(config, counted(*fine, *harm)).verdict is Verdict.FAIL


def test_a_side_that_restarted_counts_on_from_zero() -> None:
    at = [BEGIN + timedelta(seconds=second) for second in range(3)]
    before, after = Side(1_000, 10), Side(100, 1)
    looks = [Look(at[0], Side(0, 0), Side(0, 0)), Look(at[1], before, before), Look(at[2], Side(1_100, 11), after)]
    judgment = judge(a_config(), looks)
    assert (judgment.requests_baseline, judgment.requests_canary) == (1_100, 1_100)


def test_what_warms_up_is_left_out() -> None:
    ticks = [(100, 0, 100, 90)] * 3 + [(100, 0, 100, 0)] * 40
    assert judge(a_config(), counted(*ticks)).verdict is Verdict.FAIL
    assert judge(a_config(warm_up="3s"), counted(*ticks)).requests_canary == 4_000


def test_histograms_that_are_missing_leave_latency_undecided() -> None:
    judgment = judge(a_config(metrics=["error_rate", "latency"]), counted(*[(1_000, 0, 1_000, 0)] * 60))
    assert {metric.name: metric.verdict for metric in judgment.metrics} == {
        "error_rate": Verdict.PASS,
        "latency": Verdict.INCONCLUSIVE,
    }
    assert judgment.verdict is Verdict.INCONCLUSIVE


def test_swapping_the_sides_mirrors_the_odds_ratio() -> None:
    looks = list(some_looks(60, canary=Group(error_rate=0.03), baseline=Group(error_rate=0.01)))
    config = a_config(alpha=1e-9)
    ahead = judge(config, looks).metrics[0]
    swapped = [replace(look, baseline=look.canary, canary=look.baseline) for look in looks]
    back = judge(config, swapped).metrics[0]
    assert ahead.effect is not None
    assert back.effect is not None
    assert ahead.effect * back.effect == pytest.approx(1, rel=1e-6)
    assert ahead.log_evidence_harm > back.log_evidence_harm


def test_more_errors_in_the_canary_are_more_evidence_for_harm_and_less_for_safety() -> None:
    results = [judge(a_config(alpha=1e-9), counted(*[(200, 2, 200, errors)] * 20)).metrics[0] for errors in range(2, 9)]
    harm = [result.log_evidence_harm for result in results]
    safe = [result.log_evidence_safe for result in results]
    assert harm == sorted(harm)
    assert safe == sorted(safe, reverse=True)


def test_harm_that_shows_only_in_a_later_step_is_found_and_safety_starts_anew_there() -> None:
    def stepped(looks: list[Look], after: int) -> list[Look]:
        return [replace(look, step="20%" if index > after else "5%") for index, look in enumerate(looks)]

    fine, harm = [(1_000, 0, 1_000, 0)] * 30, [(1_000, 0, 1_000, 20)] * 10
    config = a_config(min_requests=0, min_duration="1s")
    assert judge(config, stepped(counted(*fine), 30)).verdict is Verdict.PASS
    assert judge(config, stepped(counted(*fine, fine[0]), 30)).verdict is Verdict.INCONCLUSIVE
    assert judge(config, stepped(counted(*fine, *harm), 30)).verdict is Verdict.FAIL


def test_each_step_of_a_ramp_has_its_own_deadline() -> None:
    looks = [
        replace(look, step="5%" if index <= 20 else "20%") for index, look in enumerate(counted(*[(1, 0, 1, 0)] * 30))
    ]
    config = a_config(duration="15s")
    assert judge(config, looks[:21]).is_final
    assert not judge(config, looks).is_final


def test_a_metric_with_more_weight_needs_less_evidence() -> None:
    config = CanaryConfig.model_validate(
        {"alpha": 0.01, "metrics": [{"name": "error_rate", "weight": 3}, {"name": "latency", "weight": 1}]}
    )
    errors, latency = judge(config, counted((10, 0, 10, 0))).metrics
    assert errors.log_limit_harm < latency.log_limit_harm


def test_an_undecided_metric_says_how_many_more_requests_it_takes() -> None:
    """The forecast is an expectation: what really comes is within a factor of two of it."""
    ticks = [(1_000, 10, 1_000, 10)] * 400
    config = a_config(duration="2h", min_requests=0, metrics=[{"name": "error_rate", "dispersion": 1, "negligible": 0}])
    early = judge(config, counted(*ticks[:5]))
    needed = early.metrics[0].until_safe
    assert needed is not None
    assert "more requests a side until safety can be certified" in early.reason
    done = watched(config, iter(counted(*ticks)))
    assert done.verdict is Verdict.PASS
    assert done.requests_canary - early.requests_canary == pytest.approx(needed, rel=0.5)
