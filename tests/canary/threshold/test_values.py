"""Numbers are made of samples as a metric store makes them."""

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.samples import EventCount, Gauge, Histogram, Lacking, Moments, Sample
from canary.threshold.config import ArgoMetric, Compared, Measure, Measured, WithoutTraffic
from canary.threshold.recent import Recent
from canary.threshold.values import compared, quantile_of, total_of, value_of
from canary.ticks import Pair, Tick


def a_measured(**settings: Any) -> Measured:
    return Measured.model_validate({"name": "it", **settings})


@pytest.mark.parametrize(
    ("sample", "measure", "expected"),
    [
        (EventCount(3, 200), "error_percent", 1.5),
        (EventCount(3, 200), "success_percent", 98.5),
        (EventCount(3, 200), "error_share", 0.015),
        (EventCount(3, 200), "success_share", 0.985),
        (EventCount(30, None), "per_second", 0.5),
        (Moments(4, 10.0, 30.0), "mean", 2.5),
        (Gauge({"a": 1.0, "b": 3.0}), "mean", 2.0),
        (Histogram((0, 10, 0), (100.0, 200.0)), "quantile", 199.0),
    ],
)
def test_a_measure_makes_one_number_of_a_sample(sample: Sample, measure: str, expected: float) -> None:
    assert value_of(sample, a_measured(measure=measure), 60) == pytest.approx(expected)


def test_a_measure_that_does_not_fit_the_sample_is_named() -> None:
    value = value_of(EventCount(1, 2), a_measured(measure="quantile"), 60)
    assert isinstance(value, Lacking)
    assert "quantile cannot be made" in value.why


def test_a_share_of_no_requests_is_not_a_number() -> None:
    assert math.isnan(value_of(EventCount(0, 0), a_measured(), 60))


@pytest.mark.parametrize(
    ("buckets", "quantile", "expected"),
    [
        ((50, 40, 10), 0.25, 50.0),
        ((50, 40, 10), 0.9, 200.0),
        ((50, 40, 10), 0.99, 200.0),
        ((0, 4, 0), 0.5, 150.0),
    ],
)
def test_a_quantile_is_estimated_linearly_within_its_bucket(
    buckets: tuple[int, ...], quantile: float, expected: float
) -> None:
    assert quantile_of(Histogram(buckets, (100.0, 200.0)), quantile) == pytest.approx(expected)


def test_a_quantile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(quantile_of(Histogram((0, 0), (1.0,)), 0.5))


@given(
    buckets=st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(lambda counts: sum(counts) > 0),
    quantile=st.floats(0.01, 0.99),
)
def test_a_quantile_lies_in_the_bucket_that_holds_it(buckets: list[int], quantile: float) -> None:
    edges = (1.0, 2.0, 5.0)
    value = quantile_of(Histogram(tuple(buckets), edges), quantile)
    ends = np.array([0.0, *edges])
    below = sum(buckets[: int(np.searchsorted(ends[1:], value, side="left"))])
    assert 0 <= value <= 5
    assert below <= quantile * sum(buckets) * (1 + 1e-12)


def test_a_ratio_is_the_canary_s_value_by_the_baseline_s() -> None:
    metric = a_measured(compared=Compared.RATIO)
    assert compared(2.0, 3.0, metric) == 1.5
    assert compared(0.0, 3.0, metric) == math.inf
    assert math.isnan(compared(0.0, 0.0, metric))


def test_growth_adds_up() -> None:
    assert total_of([EventCount(1, 10), EventCount(2, 20)]) == EventCount(3, 30)
    assert total_of([Histogram((1, 2), (5.0,)), Histogram((3, 4), (5.0,))]) == Histogram((4, 6), (5.0,))
    assert total_of([Moments(1, 2.0, 4.0), Moments(1, 3.0, 9.0)]) == Moments(2, 5.0, 13.0)
    assert total_of([Gauge({"a": 1.0}), Gauge({"a": 2.0})]) == Gauge({"a": 2.0})


def a_tick(errors: int, requests: int) -> Tick:
    pair = Pair(EventCount(0, 100), EventCount(errors, requests))
    return Tick(15, 0.5, False, 100, requests, {"error_rate": pair})


def recent(*ticks: Tick | Lacking, without: WithoutTraffic = WithoutTraffic.EMPTY, **settings: Any) -> Any:
    metric = ArgoMetric.model_validate({"name": "it", "interval": "30s", **settings})
    of_late = Recent([metric], without)
    for number, tick in enumerate(ticks, start=1):
        shown = Tick(15, 0.5, False, 0, 0, {"error_rate": tick}) if isinstance(tick, Lacking) else tick
        of_late.add(15.0 * number, shown)
    return of_late.measure(metric)[0]


def test_a_measurement_looks_back_over_its_window_and_no_further() -> None:
    assert recent(a_tick(50, 100), a_tick(0, 100), a_tick(4, 100)) == 2.0
    assert recent(a_tick(50, 100), a_tick(0, 100), a_tick(4, 100), window=timedelta(minutes=5)) == 18.0


def test_a_window_shorter_than_a_tick_is_that_tick() -> None:
    assert recent(a_tick(50, 100), a_tick(4, 100), window=timedelta(seconds=1)) == 4.0


def test_a_single_measurement_looks_back_over_everything() -> None:
    assert recent(a_tick(50, 100), a_tick(0, 100), a_tick(4, 100), interval=None) == 18.0


def test_a_side_without_requests_is_empty_or_nan_as_one_likes() -> None:
    assert recent(a_tick(0, 0)).outcome == "no data"
    assert math.isnan(recent(a_tick(0, 0), without=WithoutTraffic.NAN))


def test_a_gap_in_the_window_is_bridged_and_a_broken_sample_is_not() -> None:
    assert recent(a_tick(2, 100), Lacking("no data", "it is gone")) == 2.0
    assert recent(a_tick(2, 100), Lacking("malformed", "it is nonsense")).outcome == "malformed"


def test_every_measure_has_a_sample_it_can_be_made_of() -> None:
    samples = [EventCount(1, 2), Histogram((1, 1), (1.0,)), Moments(1, 1.0, 1.0)]
    for measure in Measure:
        values = [value_of(sample, a_measured(measure=measure), 1) for sample in samples]
        assert any(isinstance(value, float) for value in values), measure
