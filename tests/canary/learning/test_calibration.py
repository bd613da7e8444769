"""Whether probabilities are what they say."""

import math

import numpy as np
import pytest

from canary.learning.calibration import (
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability,
    reliability_plot,
)


def test_probabilities_that_are_true_have_hardly_an_error() -> None:
    rng = np.random.default_rng(1)
    told = rng.uniform(0, 0.4, 20_000)
    assert expected_calibration_error(told, rng.random(20_000) < told) < 0.01


def test_probabilities_twice_too_high_are_found_out() -> None:
    rng = np.random.default_rng(1)
    true = rng.uniform(0, 0.4, 20_000)
    happened = rng.random(20_000) < true
    assert expected_calibration_error(2 * true, happened) == pytest.approx(0.2, abs=0.01)
    assert log_loss(2 * true, happened) > log_loss(true, happened)
    assert brier_score(2 * true, happened) > brier_score(true, happened)


def test_groups_have_equal_size_and_hold_all_releases() -> None:
    found = reliability(np.linspace(0, 1, 95), np.zeros(95))
    assert sum(each.releases for each in found) == 95
    assert {each.releases for each in found} == {9, 10}
    assert all(each.low <= each.observed <= each.high for each in found)
    assert [each.predicted for each in found] == sorted(each.predicted for each in found)


def test_with_few_releases_there_are_few_groups_and_without_any_no_error_is_known() -> None:
    assert len(reliability([0.1, 0.2], [0, 1])) == 2
    assert reliability([], []) == ()
    assert math.isnan(expected_calibration_error([], []))
    assert math.isnan(log_loss([], []))
    assert math.isnan(brier_score([], []))


def test_a_wrong_certainty_costs_much_and_not_everything() -> None:
    assert 20 < log_loss([0.0], [1]) < 30


def test_the_plot_says_in_words_what_it_shows() -> None:
    figure = reliability_plot(reliability([0.1, 0.3, 0.8, 0.6], [0, 0, 1, 0], bins=2))
    assert "0.200 predicted, 0.000 observed" in str(figure.get_label())
    assert "no releases" in str(reliability_plot(()).get_label())
