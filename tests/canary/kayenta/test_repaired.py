"""Each defect of Kayenta's judge is kept when compatibility is exact, and mended when it is repaired."""

from typing import Any

import numpy as np
import pytest

from canary import CanaryError
from canary.kayenta import Classification, Compat, ScoreClass
from tests.canary.kayenta.asking import GOOD, WORSE, a_metric, a_pair, a_request, judged, judged_one

REPAIRED = Compat.REPAIRED
BAD_OPTION = {"critical": "yes"}


def test_1_constants_are_compared_with_noise_or_exactly() -> None:
    request = a_request([a_pair([1.000001] * 30, [1.0] * 60)], [a_metric(effectSize={"allowedIncrease": 1.0})])
    noisy = {judged(request, seed=seed).results[0].ratio for seed in range(5)}
    assert len(noisy) == 5
    assert {judged(request, REPAIRED, seed).results[0].ratio for seed in range(5)} == {1.000001}
    assert judged(request, REPAIRED).results[0].classification is Classification.HIGH


@pytest.mark.parametrize(("compat", "found"), [(Compat.EXACT, Classification.PASS), (REPAIRED, Classification.HIGH)])
def test_2_the_solver_comes_near_an_absolute_amount_or_a_part_of_the_spread(
    compat: Compat, found: Classification
) -> None:
    rng = np.random.default_rng(1)
    control, experiment = rng.lognormal(0, 0.5, 60), 2 * rng.lognormal(0, 0.5, 60)
    tiny = [(1e-6 * side).tolist() for side in (experiment, control)]
    assert judged_one(*tiny, compat).classification is found
    assert judged_one(experiment.tolist(), control.tolist(), compat).classification is Classification.HIGH


def test_3_one_point_against_zeros_is_an_error_that_scores_100_or_high() -> None:
    request = a_request([a_pair([9.0], [0.0, 0.0, 0.0])], [a_metric(critical=True, mustHaveData=True)])
    exact, repaired = judged(request), judged(request, REPAIRED)
    assert exact.results[0].classification is Classification.ERROR
    assert (exact.score.score, exact.score.classification) == (100.0, ScoreClass.PASS)
    assert repaired.results[0].classification is Classification.HIGH
    assert (repaired.score.score, repaired.score.classification) == (0.0, ScoreClass.FAIL)


def test_4_a_group_without_data_scores_100_or_is_left_out() -> None:
    pairs = [a_pair([], name="a"), a_pair(WORSE, name="b"), a_pair(WORSE, name="c")]
    metrics = [a_metric("a", ["empty"]), a_metric("b", ["full"]), a_metric("c", ["full"])]
    request = a_request(pairs, metrics, {"empty": 80, "full": 20})
    assert judged(request).score.score == 80.0
    assert judged(request, REPAIRED).score.score == 0.0


def test_4_nothing_but_groups_without_a_weight_or_data_never_passes() -> None:
    pairs = [a_pair([], name="a"), a_pair(GOOD, name="b"), a_pair(GOOD, name="c")]
    metrics = [a_metric("a", ["empty"]), a_metric("b", ["full"]), a_metric("c", ["full"])]
    request = a_request(pairs, metrics, {"empty": 100, "full": 0})
    assert judged(request).score.score == 100.0
    assert judged(request, REPAIRED).score.score == 0.0
    assert judged(request, REPAIRED).score.reason == "Canary Failed: no group with a weight has data"


def test_5_weights_are_taken_as_they_are_or_normalised() -> None:
    request = a_request([a_pair(GOOD)], [a_metric(), a_metric("unasked", ["other"])], {"g": 40, "other": 60})
    assert judged(request).score.score == 40.0
    assert judged(request, REPAIRED).score.score == 100.0


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ({"typo": 50}, "no metric is in group 'typo'; groups are g"),
        ({"g": 101}, "each must be from 0 to 100"),
        ({"g": -1}, "each must be from 0 to 100"),
        ({"g": "NaN"}, "each must be from 0 to 100"),
        ({"g": 60, "h": 60}, "they add up to 120"),
    ],
)
def test_5_weights_that_make_no_sense_are_refused(weights: dict[str, Any], why: str) -> None:
    request = a_request([a_pair(GOOD)], [a_metric(groups=["g", "h"] if "h" in weights else ["g"])], weights)
    with pytest.raises(CanaryError, match=why):
        judged(request, REPAIRED)


@pytest.mark.parametrize("thresholds", [{"marginal": 50}, {"pass": None, "marginal": 50}, {"pass": 90}])
def test_6_a_missing_threshold_is_0_or_refused(thresholds: dict[str, Any]) -> None:
    request = a_request([a_pair(WORSE)], thresholds=thresholds)
    is_pass = judged(request).score.classification is ScoreClass.PASS
    assert is_pass is (thresholds.get("pass") is None)
    with pytest.raises(CanaryError, match=r"threshold '(pass|marginal)' is missing"):
        judged(request, REPAIRED)


def test_6_null_data_are_0_or_nan() -> None:
    series = [*GOOD, None, ""]
    exact, repaired = judged_one(series, WORSE), judged_one(series, WORSE, REPAIRED)
    assert (exact.experiment.count, exact.experiment.min) == (12, 0.0)
    assert (repaired.experiment.count, repaired.experiment.min) == (10, 9.0)


def test_6_a_null_option_is_0_or_its_default() -> None:
    options = {"effectSize": {"allowedDecrease": None}, "direction": "decrease"}
    fallen = [value / 3 for value in GOOD]
    assert judged_one(fallen, **options).classification is Classification.PASS
    assert judged_one(fallen, compat=REPAIRED, **options).classification is Classification.LOW
    assert judged_one(GOOD, compat=REPAIRED, nanStrategy=None).classification is Classification.PASS


def test_7_between_negative_means_a_fall_has_a_ratio_above_1_or_below() -> None:
    fallen, control = [-value * 3 for value in GOOD], [-value for value in GOOD]
    exact, repaired = judged_one(fallen, control), judged_one(fallen, control, REPAIRED)
    assert (exact.classification, exact.ratio) == (Classification.PASS, pytest.approx(3.0))
    assert (repaired.classification, repaired.ratio) == (Classification.LOW, pytest.approx(-1.0))


def test_8_one_mistyped_option_fails_the_analysis_or_its_metric() -> None:
    request = a_request([a_pair(GOOD), a_pair(GOOD, name="n")], [a_metric(**BAD_OPTION), a_metric("n")])
    with pytest.raises(CanaryError, match="critical is 'yes', not true or false"):
        judged(request)
    answer = judged(request, REPAIRED)
    assert [result.classification for result in answer.results] == [Classification.ERROR, Classification.PASS]
    assert answer.results[0].reason == "The options of m cannot be used: critical is 'yes', not true or false"
    assert answer.score.score == 50.0


def test_8_the_error_of_a_critical_metric_fails_the_canary() -> None:
    answer = judged(a_request([a_pair(GOOD)], [a_metric(critical=True, muted=3)]), REPAIRED)
    assert answer.score.classification is ScoreClass.FAIL
    assert answer.score.reason.startswith("Canary Failed: The options of m cannot be used: muted is 3")


def test_9_the_tolerance_is_a_part_of_the_shift_or_of_the_baselines_level() -> None:
    slightly = [100.0 + value for value in GOOD], [99.0 + value / 10 for value in GOOD]
    assert judged_one(*slightly).classification is Classification.HIGH
    assert judged_one(*slightly, REPAIRED).classification is Classification.PASS
    much = [1.3 * value for value in slightly[0]]
    assert judged_one(much, slightly[1], REPAIRED).classification is Classification.HIGH


def test_9_a_metrics_own_effect_size_is_its_tolerance() -> None:
    slightly = [100.0 + value for value in GOOD], [99.0 + value / 10 for value in GOOD]
    own = {"effectSize": {"allowedIncrease": 1.05}}
    assert judged_one(*slightly, REPAIRED, **own).classification is Classification.HIGH


@pytest.mark.parametrize(("compat", "found"), [(Compat.EXACT, ScoreClass.MARGINAL), (REPAIRED, ScoreClass.FAIL)])
def test_10_a_score_equal_to_marginal_is_marginal_or_fails_as_the_stage_does(compat: Compat, found: ScoreClass) -> None:
    pairs = [a_pair(GOOD), a_pair(WORSE, name="n")]
    answer = judged(a_request(pairs, thresholds={"pass": 90, "marginal": 50}), compat)
    assert (answer.score.score, answer.score.classification) == (50.0, found)
