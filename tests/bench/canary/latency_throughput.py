"""How many histograms of 14 edges the sequential judge takes in a second of one core."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.samples import Histogram
from canary.sequential.latency import HistogramPanel
from canary.ticks import Pair, Tick
from tests.bench.canary.latency_traffic import TICK_S, Shift, evidence
from tests.bench.rows import Row

_FIGURE: Final = "7 Speed"
_BATCH: Final = 2000
_WARM: Final = 40


def measure(scale: float = 1.0) -> list[Row]:
    """Updates in batches and one by one, and whole looks at many metrics."""
    return list(_rows(max(5, round(40 * scale))))


def _rows(ticks: int) -> Iterator[Row]:
    batch, single = (_update_s(size, count) for size, count in ((_BATCH, ticks), (1, 50 * ticks)))
    note = "evidence for harm, dispersion estimated"
    yield Row(_FIGURE, "histogram updates, batches of 2,000", _BATCH / batch, "a CPU second", 100_000, "at least", note)
    yield Row(_FIGURE, "histogram update, one", 1e6 * single, "us", 150, note=note)
    known = _update_s(_BATCH, ticks, dispersion=1.0)
    note = "evidence for harm, dispersion known"
    yield Row(
        _FIGURE, "histogram updates, batches of 2,000, dispersion known", _BATCH / known, "a CPU second", note=note
    )
    look = _look_s(10_000, max(2, ticks // 10))
    note = "panel of 10,000 histograms: evidence for harm and safety, intervals and readings, once in 15 s"
    yield Row(_FIGURE, "a look at 10,000 histograms every 15 s", 100 * look / TICK_S, "% of a core", 5, note=note)


def _fastest(work: Callable[[], object], times: int, groups: int = 5) -> float:
    """CPU seconds of one call: the fastest of five groups, for other programs only ever slow it down."""
    each = max(1, times // groups)
    best = float("inf")
    for _ in range(groups):
        begin = time.process_time()
        for _ in range(each):
            work()
        best = min(best, (time.process_time() - begin) / each)
    return best


def _update_s(size: int, ticks: int, dispersion: float | None = None) -> float:
    """CPU seconds to take one tick into the evidence of `size` histograms, after the first ten minutes."""
    rng, watched = np.random.default_rng(7), evidence(size, dispersion)
    chances = Shift("", 0.0).probabilities()[0]
    pairs = [rng.poisson(100 * TICK_S * chances, (2, size, len(chances))).astype(float) for _ in range(_WARM)]
    for baseline, canary in pairs:
        watched.add(baseline, canary)
    baseline, canary = pairs[0]
    return _fastest(lambda: watched.add(baseline, canary), ticks)


def _look_s(size: int, ticks: int) -> float:
    """CPU seconds of one look at a panel of `size` metrics: taking it in, and saying what each metric says."""
    rng, chances = np.random.default_rng(7), Shift("", 0.0).probabilities()[0]
    metrics = tuple(MetricConfig.model_validate({"name": f"m{each}", "kind": "histogram"}) for each in range(size))
    panel = HistogramPanel(metrics, CanaryConfig(metrics=metrics), is_stepped=False)
    requests = rng.poisson(100 * TICK_S * chances, (2, size, len(chances))).tolist()
    edges = tuple(map(float, range(1, len(chances))))
    pairs = [
        Pair(Histogram(tuple(baseline), edges), Histogram(tuple(canary), edges))
        for baseline, canary in zip(*requests, strict=True)
    ]
    tick = Tick(TICK_S, 0.5, False, 0, 0, {metric.name: pair for metric, pair in zip(metrics, pairs, strict=True)})
    panel.add(tick)

    def look() -> None:
        panel.add(tick)
        panel.readings()

    return _fastest(look, ticks, groups=2)
