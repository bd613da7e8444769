"""However it is computed, the statistic is that of the ranks; and the solver goes the steps of R's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from canary.kayenta.differences import Differences
from canary.kayenta.groups import Floats, grouped
from canary.kayenta.interval import QUANTILE, shift_between
from canary.kayenta.positions import Positions
from canary.kayenta.ranks import AllTied, rank, standardized
from canary.kayenta.shifts import statistics
from canary.kayenta.solver import TOLERANCE, crossing, together

KINDS = ("normal", "lognormal", "counts", "mostly zero", "rounded", "far from zero", "tiny", "negative")


def a_sample(kind: str, n: int, rng: np.random.Generator) -> Floats:
    drawn: dict[str, Any] = {
        "normal": lambda: rng.normal(10, 2, n),
        "lognormal": lambda: rng.lognormal(3, 1.5, n),
        "counts": lambda: rng.poisson(5, n).astype(float),
        "mostly zero": lambda: np.maximum(rng.normal(-1, 1, n), 0),
        "rounded": lambda: rng.normal(0, 1, n).round(1),
        "far from zero": lambda: 1e9 + rng.normal(0, 1, n).round(3),
        "tiny": lambda: 1e-9 * rng.normal(1, 0.1, n),
        "negative": lambda: -rng.lognormal(0, 1, n),
    }
    return np.sort(drawn[kind]())


def shifts_for(x: Floats, y: Floats, rng: np.random.Generator) -> list[float]:
    """Shifts as the solver asks for: the ends, differences to the last bit, their neighbours, and others, at random."""
    least, most = float(x[0] - y[-1]), float(x[-1] - y[0])
    differences = [float(rng.choice(x) - rng.choice(y)) for _ in range(8)]
    near = [float(np.nextafter(shift, way)) for shift in differences for way in (-np.inf, np.inf)]
    others = [float(shift) for shift in rng.uniform(least, most, 12)]
    middle = float(np.median(x) - np.median(y))
    close = [middle + float(step) for step in rng.normal(0, (most - least) * 1e-4, 12)]
    asked = [least, most, *differences, *near, *others, *close]
    return [shift for shift in asked if least <= shift <= most]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(1, 5), (7, 3), (60, 60), (300, 180), (900, 1100)])
def test_each_way_gives_the_statistic_of_the_ranks(kind: str, n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    x, y = a_sample(kind, n, rng), a_sample(kind, m, rng)
    shifts = shifts_for(x, y, rng)
    wanted = outcomes(lambda asked: plainly(x, y, asked), shifts)
    ways = [statistics(x, y), Differences(grouped(x), grouped(y), 1e-3 * float(np.ptp(x) + np.ptp(y))).statistics]
    if len(grouped(y).sizes) > 1:
        ways.append(Positions(grouped(x), grouped(y)).statistics)
    for way in ways:
        assert outcomes(way, shifts) == wanted
        if AllTied not in wanted:
            assert way(shifts[3:]) + way(shifts[:3]) == wanted[3:] + wanted[:3]


NUMBERS = st.one_of(
    st.floats(-1e3, 1e3),
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.1, 0.2, 0.3, 1e16, 1e-300, 5e-324, 1e308, np.inf, -np.inf]),
)
SAMPLES = st.lists(NUMBERS, min_size=1, max_size=12).map(lambda values: np.sort(np.array(values)))


@settings(deadline=None)
@given(SAMPLES, SAMPLES, st.lists(st.floats(0, 1), max_size=5))
def test_no_values_make_the_quick_ways_differ(x: Floats, y: Floats, parts: list[float]) -> None:
    with np.errstate(all="ignore"):
        least, most = float(x[0] - y[-1]), float(x[-1] - y[0])
        shifts = [least, most, *(least + part * (most - least) for part in parts)]
        assert outcomes(statistics(x, y), shifts) == outcomes(lambda asked: plainly(x, y, asked), shifts)


def plainly(x: Floats, y: Floats, shifts: Any) -> list[float]:
    return [standardized(rank(x, y, shift), len(x), len(y)) for shift in shifts]


def outcomes(way: Any, shifts: list[float]) -> list[Any]:
    found: list[Any] = []
    for shift in shifts:
        try:
            found += way([shift])
        except AllTied:
            found.append(AllTied)
    return found


def test_the_quantile_is_that_of_98_percent() -> None:
    assert pytest.approx(norm.ppf(0.99), rel=1e-14) == QUANTILE


def test_the_public_example_has_its_interval() -> None:
    found = shift_between(np.array([1.0] * 3 + [100.0] * 7), np.ones(10), TOLERANCE)
    wanted = (6.825022991538781e-05, 99.0, 98.99992904170193)
    assert (found.low, found.high, found.estimate) == pytest.approx(wanted, rel=1e-14)


@given(st.floats(-5, 5), st.floats(0.1, 3))
def test_a_smooth_function_is_solved_as_closely_as_asked(root: float, power: float) -> None:
    def function(at: float) -> float:
        return float(np.sign(root - at) * abs(root - at) ** power)

    search = crossing(0.0, (-6.0, function(-6.0)), (7.0, function(7.0)), TOLERANCE)
    (found,) = together([search], lambda points: [function(point) for point in points])
    assert found == pytest.approx(root, abs=2 * TOLERANCE)


def test_an_end_at_the_level_is_the_answer() -> None:
    assert together([crossing(2.0, (0.0, 2.0), (1.0, 1.0), 1e-4)], lambda points: [0.0 for _ in points]) == [0.0]


def test_searches_side_by_side_find_what_each_finds_alone() -> None:
    def line(points: Any) -> list[float]:
        return [np.tanh(3.0 - point) for point in points]

    def searches() -> list[Any]:
        ends = [(point, line([point])[0]) for point in (0.0, 9.0)]
        return [crossing(level, ends[0], ends[1], 1e-4) for level in (0.5, 0.0, -0.9)]

    assert together(searches(), line) == [together([search], line)[0] for search in searches()]
