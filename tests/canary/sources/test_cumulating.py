"""From raw series to counts that only grow: resets, holes, late pods, buckets."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.samples import Histogram
from canary.sources.buckets import CumulativeHistogram, on_common_edges
from canary.sources.cumulate import CumulativeCount
from canary.sources.series import Fidelity, Series

BEGIN = 1_000_000.0


def a_counter(values: Sequence[float], *, first: float = 0.0, step: float = 15.0, **tags: str) -> Series:
    times = BEGIN + first + step * np.arange(len(values))
    return Series.of(zip(times, values, strict=True), Fidelity.COUNTER, tags)


def counted(*looks: Sequence[Series]) -> float:
    count = CumulativeCount(BEGIN)
    for series in looks:
        count.add(series)
    return count.total


def test_growth_is_summed_over_series() -> None:
    assert counted([a_counter([100, 110], pod="a"), a_counter([7, 8], pod="b")]) == 11


def test_a_counter_that_fell_began_again_from_zero() -> None:
    assert counted([a_counter([100, 110, 5, 6])]) == 10 + 5 + 1


def test_one_pod_that_starts_again_does_not_look_like_a_fall_of_the_sum() -> None:
    assert counted([a_counter([1000, 1010], pod="a"), a_counter([500, 3], pod="b")]) == 13


def test_a_hole_is_no_reset() -> None:
    assert counted([a_counter([100, math.nan, math.nan, 130])]) == 30


def test_what_no_counter_can_be_is_a_hole() -> None:
    assert counted([a_counter([100, -5, math.inf, 130])]) == 30


def test_a_pod_that_appears_later_counts_from_zero() -> None:
    old, new = a_counter([100] * 9, pod="old"), a_counter([4, 9], first=90, pod="new")
    assert counted([old, new]) == 9


def test_a_pod_that_was_there_before_the_begin_counts_from_what_it_had_then() -> None:
    assert counted([a_counter([900, 905, 907], first=-20, pod="a")]) == 2


def test_a_pod_that_starts_again_over_the_begin_counts_from_zero() -> None:
    assert counted([a_counter([900, 4], first=-1)]) == 4


def test_counts_by_interval_are_summed_once_their_interval_is_closed() -> None:
    counts = Series.of([(BEGIN, 3), (BEGIN + 60, 4), (BEGIN + 120, 1)], Fidelity.COUNT)
    count = CumulativeCount(BEGIN)
    count.add([counts], closed_s=BEGIN + 120)
    assert count.total == 7
    count.add([counts], closed_s=BEGIN + 180)
    assert count.total == 8


def test_smoothed_values_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="not countable"):
        counted([Series.of([(BEGIN, 1.0)], Fidelity.SMOOTHED)])


@given(
    values=st.lists(st.integers(0, 1000), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5),
)
def test_however_looks_cut_a_series_and_overlap_the_count_is_the_same(values: list[int], cuts: list[int]) -> None:
    series = a_counter(values)
    ends = [BEGIN + 15 * cut for cut in sorted(cuts)]
    looks = [[series.between(BEGIN, end)] for end in ends] + [[series]]
    assert counted(*looks) == counted([series])


def some_buckets(counts: dict[str, Sequence[float]], **more: str) -> list[Series]:
    return [a_counter(values, **{"le": edge, **more}) for edge, values in counts.items()]


def test_classic_buckets_become_disjoint_and_are_summed_over_pods() -> None:
    histogram = CumulativeHistogram(BEGIN, scale=1000)
    a = some_buckets({"0.1": [10, 13], "0.5": [20, 25], "+Inf": [20, 26]}, pod="a")
    b = some_buckets({"0.1": [0, 1], "0.5": [0, 1], "+Inf": [0, 1]}, pod="b")
    assert histogram.add(a + b) == ()
    assert histogram.histogram() == Histogram((4, 2, 1), (100.0, 500.0))


def test_the_buckets_of_a_pod_begin_again_together() -> None:
    histogram = CumulativeHistogram(BEGIN)
    # After the start the lowest bucket is higher than before, and still all of it is new.
    histogram.add(some_buckets({"0.1": [2, 5], "+Inf": [100, 6]}))
    assert histogram.histogram() == Histogram((5, 1), (0.1,))


def test_pods_with_other_buckets_are_compared_on_those_they_share() -> None:
    histogram = CumulativeHistogram(BEGIN)
    a = some_buckets({"0.1": [0, 1], "0.2": [0, 2], "0.5": [0, 4], "+Inf": [0, 5]}, pod="a")
    b = some_buckets({"0.1": [0, 10], "0.5": [0, 20], "1": [0, 40], "+Inf": [0, 50]}, pod="b")
    histogram.add(a + b)
    assert histogram.histogram() == Histogram((11, 13, 31), (0.1, 0.5))


def test_edges_stay_when_a_later_pod_lacks_one_and_nothing_is_counted_as_faster_than_it_was() -> None:
    histogram = CumulativeHistogram(BEGIN)
    a = some_buckets({"0.1": [0] * 9, "0.5": [0] * 9, "+Inf": [0] * 9}, pod="a")
    late = [
        a_counter(values, first=5, le=edge, pod="b") for edge, values in {"0.1": [1], "0.2": [3], "+Inf": [4]}.items()
    ]
    histogram.add([*a, *late])
    assert histogram.histogram() == Histogram((1, 2, 1), (0.1, 0.5))


def test_buckets_without_the_one_of_infinity_are_named_and_left_out() -> None:
    histogram = CumulativeHistogram(BEGIN)
    (note,) = histogram.add(some_buckets({"0.1": [0, 1]}, pod="a"))
    assert "pod" in note
    assert histogram.histogram() is None


def test_two_sides_with_other_buckets_meet_on_the_common_edges() -> None:
    one, other = Histogram((1, 2, 3, 4), (1.0, 2.0, 5.0)), Histogram((10, 20, 30), (2.0, 5.0))
    assert on_common_edges(one, other) == (Histogram((3, 3, 4), (2.0, 5.0)), other)
    assert on_common_edges(one, Histogram((1, 2), (9.0,)))[0] == one


@given(
    steps=st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=12),
    resets=st.sets(st.integers(0, 11)),
)
def test_a_histogram_counts_every_observation_once_whatever_restarts(steps: list[list[int]], resets: set[int]) -> None:
    truth, state, rows = np.zeros(3), np.zeros(3), [np.zeros(3)]
    for number, step in enumerate(steps):
        # A process that starts again is seen when its count of all falls.
        if number in resets and sum(step) < state.sum():
            state = np.zeros(3)
        state, truth = state + step, truth + step
        rows.append(np.cumsum(state))
    table = np.array([np.zeros(3), *rows[1:]])
    histogram = CumulativeHistogram(BEGIN)
    edges = ("1", "2", "+Inf")
    series = some_buckets({edge: table[:, place].tolist() for place, edge in enumerate(edges)})
    histogram.add([each.between(BEGIN, BEGIN + 40) for each in series])
    histogram.add(series)
    assert histogram.histogram() == Histogram(tuple(int(count) for count in truth), (1.0, 2.0))
