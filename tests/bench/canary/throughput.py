"""How fast counts are judged on one core: updates in batches, one update alone, and a service of 10,000 metrics.

Times are processor times, each the best of several repetitions.
"""

import time
from collections.abc import Callable
from typing import Final

from canary.config import CanaryConfig, MetricConfig, MetricKind
from canary.looks import ERROR_RATE
from canary.samples import EventCount
from canary.sequential.counts import Counts
from canary.sequential.error_rate import CountsPanel
from canary.sequential.evidence import RateEvidence
from canary.sequential.metrics import Limits, result_of
from canary.ticks import Pair, Tick
from tests.bench.canary.traffic import Load
from tests.bench.rows import Row

FIGURE: Final = "7 Speed of counts on one core"
TICK_S: Final = 15
#: 100 requests a second and side, of which 1 % fail.
LOAD: Final = Load(100, 0.01, 0.01)
BATCHES: Final = (100, 1_000, 10_000)
METRICS: Final = 10_000


def measure(scale: float = 1.0) -> list[Row]:
    """A row for each size of batch, one for a single update, and three for a service."""
    repetitions = max(2, round(20 * scale))
    rows = [Row(FIGURE, "one update alone", 1e6 * _update_s(1, repetitions), "us", bar=150)]
    for size in BATCHES:
        per_second = size / _update_s(size, repetitions)
        rows.append(Row(FIGURE, f"batches of {size:,}", per_second, "updates/s", bar=500_000, sense="at least"))
    return rows + _service(max(20, round(METRICS * min(scale, 1.0))), repetitions)


def _update_s(size: int, repetitions: int) -> float:
    """Processor seconds of an update of `size` rates."""
    evidence, ticks = RateEvidence(size, MetricConfig(name=ERROR_RATE)), _ticks(size)
    rounds = max(1, 2_000 // size)

    def add() -> None:
        for _ in range(rounds):
            for counts in ticks:
                evidence.add(counts)

    return _best(add, repetitions) / (rounds * len(ticks))


def _service(size: int, repetitions: int) -> list[Row]:
    """One look at all metrics of a service: taking it in, reading the evidence, and the results in words."""
    metrics = tuple(MetricConfig(name=f"metric_{number}", kind=MetricKind.COUNTS) for number in range(size))
    config = CanaryConfig(metrics=metrics)
    panel = CountsPanel(metrics, config, is_stepped=False)
    look = _look(_ticks(size)[0])
    taken_s = _best(lambda: panel.add(look), repetitions)
    read_s = _best(lambda: panel.readings(), max(2, repetitions // 4))
    readings = panel.readings()

    def results() -> None:
        limits = Limits.of(config)
        for reading, metric in zip(readings, metrics, strict=True):
            result_of(reading, metric, limits, 1)

    told_s = _best(results, 2)
    name = f"{size:,} metrics, a look every {TICK_S} s"
    return [
        Row(FIGURE, f"{name}: evidence", 100 * (taken_s + read_s) / TICK_S, "% of a core"),
        Row(FIGURE, f"{name}: results and sentences", 100 * told_s / TICK_S, "% of a core"),
        Row(FIGURE, f"{name}: together", 100 * (taken_s + read_s + told_s) / TICK_S, "% of a core", bar=5),
    ]


def _ticks(size: int) -> list[Counts]:
    ticks = LOAD.ticks(size, seed=1)
    return [next(ticks) for _ in range(4)]


def _look(counts: Counts) -> Tick:
    columns = zip(*(each.astype(int).tolist() for each in counts), strict=True)
    pairs = {
        f"metric_{number}": Pair(EventCount(s_b, n_b), EventCount(s_c, n_c))
        for number, (n_b, s_b, n_c, s_c) in enumerate(columns)
    }
    requests_baseline, requests_canary = (int(each[0]) for each in (counts.requests_baseline, counts.requests_canary))
    return Tick(TICK_S, 0.5, False, requests_baseline, requests_canary, pairs)


def _best(action: Callable[[], object], repetitions: int) -> float:
    """The least processor seconds that the action took."""
    taken = []
    for _ in range(repetitions):
        begin = time.process_time()
        action()
        taken.append(time.process_time() - begin)
    return min(taken)
