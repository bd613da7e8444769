"""Many histograms in one panel: each as if it were alone."""

import numpy as np
import pytest

from canary.config import CanaryConfig, MetricConfig
from canary.samples import EventCount, Histogram, Lacking
from canary.sequential.latency import HistogramPanel
from canary.sequential.metrics import Reading
from canary.ticks import Pair, Tick

EDGES = (10.0, 20.0, 40.0, 80.0)
SHAPE, SLOWER = np.array([0.2, 0.4, 0.3, 0.08, 0.02]), np.array([0.1, 0.3, 0.4, 0.15, 0.05])


def a_metric(name: str, **settings: object) -> MetricConfig:
    return MetricConfig.model_validate({"name": name, "kind": "histogram", **settings})


def a_tick(**metrics: Pair | Lacking) -> Tick:
    return Tick(15.0, 0.5, False, 0, 0, metrics)


def a_pair(baseline: np.ndarray, canary: np.ndarray, seed: int, edges: tuple[float, ...] = EDGES) -> Pair:
    rng = np.random.default_rng(seed)
    one, other = (tuple(int(n) for n in rng.poisson(200 * each)) for each in (baseline, canary))
    return Pair(Histogram(one, edges), Histogram(other, edges))


def read(metrics: list[MetricConfig], ticks: list[Tick]) -> dict[str, Reading]:
    panel = HistogramPanel(metrics, CanaryConfig(metrics=tuple(metrics)), is_stepped=False)
    for tick in ticks:
        panel.add(tick)
    return dict(zip((metric.name for metric in metrics), panel.readings(), strict=True))


def test_a_metric_in_a_panel_is_read_as_if_it_were_alone() -> None:
    wide = (100.0, 1000.0, 10000.0, 100000.0)
    metrics = [
        a_metric("a"),
        a_metric("b"),
        a_metric("c", tolerance=1.2),
        a_metric("d", dispersion=1),
        a_metric("bytes", unit="bytes"),
    ]
    pairs = [
        {
            metric.name: a_pair(
                SHAPE, SLOWER if metric.name == "b" else SHAPE, 10 * tick + row, wide if row == 4 else EDGES
            )
            for row, metric in enumerate(metrics)
        }
        for tick in range(12)
    ]
    together = read(metrics, [a_tick(**each) for each in pairs])
    for metric in metrics:
        alone = read([metric], [a_tick(**{metric.name: each[metric.name]}) for each in pairs])[metric.name]
        # Sums over many rows may be added up in another order.
        assert together[metric.name].log_harm == pytest.approx(alone.log_harm, abs=1e-9)
        assert together[metric.name].log_safe == pytest.approx(alone.log_safe, abs=1e-9)
        assert together[metric.name].comparison == alone.comparison


def test_a_metric_that_lacks_data_keeps_its_evidence_and_the_others_go_on() -> None:
    gap = Lacking("no data", "the canary does not show it")
    first, second = a_pair(SHAPE, SLOWER, 1), a_pair(SHAPE, SLOWER, 2)
    metrics = [a_metric("a"), a_metric("b")]
    before = read(metrics, [a_tick(a=first, b=first), a_tick(a=second, b=second)])
    after = read(
        metrics, [a_tick(a=first, b=first), a_tick(a=second, b=second), a_tick(a=gap, b=a_pair(SHAPE, SLOWER, 3))]
    )
    assert after["a"].log_harm == before["a"].log_harm
    assert after["a"].lacking == gap
    assert after["b"].lacking is None
    assert after["b"].sizes > before["b"].sizes


def test_a_metric_may_come_later_than_others_and_with_edges_of_its_own() -> None:
    late = Lacking("no data", "it is seen for the first time")
    pairs = [a_pair(SHAPE, SLOWER, seed) for seed in range(6)]
    ticks = [a_tick(a=pairs[0], b=late), *(a_tick(a=pair, b=pair) for pair in pairs[1:])]
    readings = read([a_metric("a"), a_metric("b")], ticks)
    alone = read([a_metric("b")], [a_tick(b=pair) for pair in pairs[1:]])["b"]
    assert readings["b"].log_harm == pytest.approx(alone.log_harm, abs=1e-9)
    assert readings["a"].log_harm > readings["b"].log_harm


def test_what_is_no_histogram_is_named() -> None:
    counts = Pair(EventCount(1, 10), EventCount(1, 10))
    lacking = read([a_metric("a")], [a_tick(a=counts)])["a"].lacking
    assert lacking is not None
    assert lacking.outcome == "wrong kind"


def test_sizes_are_told_in_their_own_unit() -> None:
    reading = read([a_metric("body", unit="bytes")], [a_tick(body=a_pair(SHAPE, SLOWER, seed)) for seed in range(9)])[
        "body"
    ]
    assert reading.comparison.startswith("body of ")
    assert "of the canary's requests is over" in reading.comparison
    assert "bytes against" in reading.comparison


def test_where_less_is_harm_the_sides_change_places() -> None:
    up = [a_tick(m=a_pair(SHAPE, SLOWER, seed)) for seed in range(9)]
    down = [a_tick(m=Pair(tick.metrics["m"].canary, tick.metrics["m"].baseline)) for tick in up]  # type: ignore[union-attr]  # every tick here has a pair
    more = read([a_metric("m")], up)["m"]
    less = read([a_metric("m", direction="decrease")], down)["m"]
    assert less.log_harm == more.log_harm
    assert less.log_harm > 5
    assert read([a_metric("m", direction="decrease")], up)["m"].log_harm < 0
    assert less.interval.high is not None
    assert less.interval.high < 1
    assert less.baseline is not None
    assert less.canary is not None
    assert less.canary < less.baseline


def test_the_same_ticks_are_read_the_same_bit_for_bit() -> None:
    ticks = [a_tick(a=a_pair(SHAPE, SLOWER, seed), b=a_pair(SHAPE, SHAPE, seed)) for seed in range(9)]
    assert read([a_metric("a"), a_metric("b")], ticks) == read([a_metric("a"), a_metric("b")], ticks)


@pytest.mark.parametrize("edges", [(-5.0, 0.0, 5.0, 10.0), (0.0, 1.0, 2.0, 3.0), (1.0,)])
def test_any_rising_edges_will_do(edges: tuple[float, ...]) -> None:
    shape, slower = (each[: len(edges) + 1] for each in (SHAPE, SLOWER))
    ticks = [a_tick(a=a_pair(shape, slower, seed, edges)) for seed in range(12)]
    assert np.isfinite(read([a_metric("a")], ticks)["a"].log_harm)
