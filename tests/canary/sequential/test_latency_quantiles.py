"""The band of differences between quantiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from canary.samples import Histogram
from canary.sequential.quantiles import QuantileBand, quantile_band

EDGES = (50.0, 75.0, 100.0, 150.0, 250.0, 500.0)
LEVELS = (0.5, 0.9, 0.99)


def band_of(baseline: list[int], canary: list[int], levels: tuple[float, ...] = LEVELS) -> QuantileBand:
    return quantile_band(Histogram(tuple(baseline), EDGES), Histogram(tuple(canary), EDGES), levels, 0.05)


def test_the_band_holds_the_true_difference_at_all_times() -> None:
    rng, missed = np.random.default_rng(4), 0
    samples = [np.exp(rng.normal(np.log(median), 0.6, 100_000)) for median in (100, 130)]
    truth = np.quantile(samples[1], LEVELS) - np.quantile(samples[0], LEVELS)
    chances = [np.bincount(np.searchsorted(EDGES, each), minlength=7) / len(each) for each in samples]
    for _ in range(100):
        sides = [np.zeros(7, int), np.zeros(7, int)]
        is_missed = False
        for _ in range(20):
            sides = [side + rng.poisson(100 * each) for side, each in zip(sides, chances, strict=True)]
            band = band_of(sides[0].tolist(), sides[1].tolist())
            is_missed |= bool((band.low > truth).any() or (band.high < truth).any())
        missed += is_missed
    assert missed <= 5


def test_the_ends_are_differences_of_edges_and_close_in_with_requests() -> None:
    few, many = ([10 * n, 40 * n, 80 * n, 90 * n, 40 * n, 10 * n, n] for n in (1, 1000))
    wide, close = (band_of(side, side, (0.5,)) for side in (few, many))
    assert (close.low[0], close.high[0]) == (-50.0, 50.0)
    assert wide.low[0] <= close.low[0]
    assert wide.high[0] >= close.high[0]


def test_without_requests_nothing_is_known() -> None:
    band = band_of([0] * 7, [0] * 7)
    assert set(band.low.tolist()) == {-np.inf}
    assert set(band.high.tolist()) == {np.inf}


@given(
    st.lists(st.integers(0, 10_000), min_size=7, max_size=7), st.lists(st.integers(0, 10_000), min_size=7, max_size=7)
)
def test_swapping_the_sides_mirrors_the_band(one: list[int], other: list[int]) -> None:
    band, mirrored = band_of(one, other), band_of(other, one)
    assert band.low.tolist() == (-mirrored.high).tolist()
    assert (band.low <= band.high).all()
