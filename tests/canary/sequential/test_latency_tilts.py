"""The likelihood of a tick's split between two sides, against exact sums."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canary.sequential.tilts import Floats, log_raised, log_tilted

RATIO = np.array([0.8, 0.9, 1.1, 1.4, 2.0])


def exact_mean(both: Floats, n_c: int, ratio: Floats) -> float:
    """Logarithm of the mean product of ratios over all ways to deal `n_c` requests to the canary."""
    coefficients = np.eye(1, n_c + 1)[0]
    for requests, each in zip(both, ratio, strict=True):
        for _ in range(int(requests)):
            coefficients[1:] += each * coefficients[:-1]
    return float(np.log(coefficients[n_c]) - np.log(float(comb(int(both.sum()), n_c))))


@pytest.mark.parametrize(("n_b", "n_c"), [(1, 1), (1, 5), (2, 2), (3, 3), (5, 40), (15, 15), (60, 40)])
@pytest.mark.parametrize("size", [0.2, 0.5, 1.0])
def test_a_tilt_is_never_worth_more_than_by_the_exact_sum(n_b: int, n_c: int, size: float) -> None:
    rng, ratio = np.random.default_rng(1), RATIO**size
    for _ in range(10):
        both = rng.multinomial(n_b + n_c, [0.1, 0.3, 0.3, 0.2, 0.1]).astype(float)
        canary = rng.multivariate_hypergeometric(both.astype(int), n_c).astype(float)
        exact = canary @ np.log(ratio) - exact_mean(both, n_c, ratio)
        got = log_tilted((both - canary)[None], canary[None], np.log(ratio)[None, :, None])[0, 0]
        assert got <= exact + 1e-9
        assert got == pytest.approx(exact, abs=0.3 if min(n_b, n_c) < 5 else 0.05)


@pytest.mark.parametrize(("n_b", "n_c"), [(1, 1), (1, 4), (2, 3), (10, 10), (30, 500)])
@pytest.mark.parametrize("odds", [0.5, 1.5, 4.0, 12.0])
def test_the_evidence_of_an_edge_has_mean_at_most_one_without_harm(n_b: int, n_c: int, odds: float) -> None:
    for events in range(1, min(n_b + n_c, 40)):
        splits = np.arange(max(0, events - n_b), min(n_c, events) + 1)
        ones = np.ones(len(splits))
        evidence = np.exp(log_raised(n_b * ones, 1.0 * (events - splits), n_c * ones, 1.0 * splits, np.log([odds])))[
            :, 0
        ]
        mean = stats.hypergeom(n_b + n_c, events, n_c).pmf(splits) @ evidence
        assert mean <= 1 + 1e-3
        assert mean >= 0.6 if min(n_b, n_c) < 5 else 0.97


def test_an_edge_is_the_tilt_of_two_values() -> None:
    baseline, canary, log_odds = np.array([[100.0, 30.0, 5.0]]), np.array([[90.0, 40.0, 12.0]]), np.log([1.3, 4.0])
    step = np.array([0.0, 0.0, 1.0])[None, :, None] * log_odds
    raised = log_raised(np.array([135.0]), np.array([5.0]), np.array([142.0]), np.array([12.0]), log_odds)
    assert log_tilted(baseline, canary, step) == pytest.approx(raised, abs=1e-3)


@given(
    st.lists(st.integers(0, 30), min_size=5, max_size=5),
    st.lists(st.integers(0, 30), min_size=5, max_size=5),
    st.integers(0, 3),
)
def test_a_slower_request_of_the_canary_is_never_less_evidence(
    baseline: list[int], canary: list[int], bucket: int
) -> None:
    """With that, a ratio that rises with the bucket is fair to every canary that is no slower."""
    log_ratio = np.log(RATIO)[None, :, None]
    before, slower = np.array([canary], float), np.array([canary], float)
    if before[0, bucket] and sum(baseline) > 1 and sum(canary) > 1:
        slower[0, bucket] -= 1
        slower[0, bucket + 1] += 1
        side = np.array([baseline], float)
        assert log_tilted(side, slower, log_ratio)[0, 0] >= log_tilted(side, before, log_ratio)[0, 0] - 0.01
        assert log_tilted(before, side, log_ratio)[0, 0] >= log_tilted(slower, side, log_ratio)[0, 0] - 0.01


def test_a_side_without_requests_and_an_edge_that_all_are_above_say_nothing() -> None:
    some, none = np.array([[3.0, 4.0]]), np.zeros((1, 2))
    log_ratio = np.log([[[1.0], [2.0]]])
    for baseline, canary in product((some, none), repeat=2):
        if baseline is none or canary is none:
            assert log_tilted(baseline, canary, log_ratio).tolist() == [[0.0]]
    two = np.array([2.0])
    assert log_raised(two, two, two, two, np.log([2.0])).tolist() == [[0.0]]
    assert log_raised(two, 0 * two, two, 0 * two, np.log([2.0])).tolist() == [[0.0]]
