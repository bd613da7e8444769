"""Likelihoods between the points of their grid."""

import numpy as np
import pytest

from canary.sequential import odds
from canary.sequential.counts import Counts, log_likelihood


def some_counts() -> Counts:
    columns = [(1_500, 15, 1_400, 33), (90_000, 900, 110_000, 1_000), (60, 0, 70, 9), (5_000, 2_500, 5_000, 2_400)]
    return Counts(*np.array(columns, float).T)


def test_likelihoods_are_read_right_between_the_points_of_the_grid() -> None:
    places = np.log([0.55, 0.83, 1.01, 1.5**0.5, 1.5, 3.0, 10.0])
    counts = some_counts()
    read = log_likelihood(counts, odds.LOG_KNOTS) @ odds.at(places).T
    computed = log_likelihood(counts, places)
    close = np.abs(computed) < 30
    assert read[close] == pytest.approx(computed[close], abs=0.1)


def test_beyond_the_grid_its_end_is_read() -> None:
    assert odds.at(np.log([1e9])) @ odds.LOG_KNOTS == pytest.approx(np.log([1000.0]))


def test_the_peak_is_at_the_most_likely_odds_ratio() -> None:
    counts = Counts(*(np.array([each]) for each in (90_000.0, 900.0, 90_000.0, 1_200.0)))
    places, heights = odds.peaks(odds.refined(log_likelihood(counts, odds.LOG_KNOTS)))
    assert np.exp(places[0]) == pytest.approx((1_200 / 88_800) / (900 / 89_100), rel=1e-3)
    assert heights == pytest.approx(log_likelihood(counts, places)[0], abs=0.05)
