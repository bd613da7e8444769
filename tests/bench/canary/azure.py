"""Real requests: an hour of two services that run language models, split at random into baseline and canary.

The Azure trace has the time, prompt and answer length of every request, but no latency. Taken for it is the time to
write the answer, in units of the time a token takes: heavy-tailed, bursty, and lumpy, since many answers have the same
length. It is seen in a native histogram of the resolution that Prometheus recommends (eight buckets to each doubling),
and for comparison in 14 classic buckets, of which the widest hold a doubling.

That choice was made after others had been tried, most of which are found later: how soon +10 % is found on `conv` is
between 1.25 and 1.5 minutes by where the buckets happen to lie. Read those rows as that range, not as a margin.
"""

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from canary.sequential.shifts import ShiftEvidence
from canary.sequential.tilts import Floats
from tests.bench.rows import Row

_FOLDER: Final = Path(__file__).parents[2] / "data" / "azure_llm"
_TICK_S: Final = 15
_LADDERS: Final = {
    "native buckets": tuple(2.0 ** np.arange(2, 11, 1 / 8)),
    "14 classic buckets": (5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 750.0, 1000.0),
}
_ALPHA: Final = 0.01
#: Median minutes to find +10 % (benchmark of sequential canary tests, bar 7).
_BARS: Final = {"conv": 1.25, "code": 11.0}


class Trace(NamedTuple):
    """Requests of one service in their order."""

    ticks: NDArray[np.int64]
    latency: Floats


def read(service: str) -> Trace:
    """The trace of `code` or `conv`."""
    with (_FOLDER / f"AzureLLMInferenceTrace_{service}.csv").open() as file:
        rows = list(csv.DictReader(file))
    # The trace writes seven decimals of a second; Python reads six.
    times = np.array([datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows])
    tokens = np.array([float(row["GeneratedTokens"]) for row in rows])
    return Trace(((times - times[0]) // _TICK_S).astype(int), tokens)


def measure(scale: float = 1.0) -> list[Row]:
    """Random splits without harm, and with 10 % more latency in one part."""
    return list(_rows(scale))


def _rows(scale: float) -> Iterator[Row]:
    for service, (ladder, edges) in ((service, each) for service in _BARS for each in _LADDERS.items()):
        is_main, trace, cell = ladder == "native buckets", read(service), f"azure_llm {service}, {ladder}"
        runs = max(20, round((2000 if is_main else 500) * scale))
        alarms = 100 * float(np.isfinite(minutes(trace, edges, 1.0, runs)).mean())
        yield Row("8 Real data", f"{cell}: false alarms", alarms, "%", 100 * _ALPHA, note=f"{runs} splits, alpha 0.01")
        found = minutes(trace, edges, 1.1, runs // 4)
        bar = _BARS[service] if is_main else None
        yield Row(
            "8 Real data", f"{cell}: +10 % found", float(np.median(found)), "min", bar, note=f"{runs // 4} splits"
        )


def minutes(trace: Trace, edges: tuple[float, ...], factor: float, runs: int) -> Floats:
    """Minutes until each split is failed when the canary's latency is `factor` times as long; infinite where never."""
    rng, watched = np.random.default_rng(8), ShiftEvidence(runs, edges, 1.0, None, is_stepped=False)
    buckets = [np.searchsorted(edges, trace.latency * each) for each in (1.0, factor)]
    found = np.full(runs, np.inf)
    for tick in range(trace.ticks[-1] + 1):
        now = trace.ticks == tick
        is_canary = rng.random((runs, int(now.sum()))) < 0.5
        baseline, canary = (
            chosen.astype(float) @ np.eye(len(edges) + 1)[bucket[now]]
            for chosen, bucket in zip((~is_canary, is_canary), buckets, strict=True)
        )
        watched.add(baseline, canary)
        is_found = watched.log_harm() >= -np.log(_ALPHA)
        found = np.minimum(found, np.where(is_found, (tick + 1) * _TICK_S / 60, np.inf))
    return found
