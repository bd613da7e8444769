"""Ours against Kayenta's fixed hour: how long until harm is found, and how often it is.

Kayenta judges once, after 60 minutes, on one point a minute: the error rate in percent, or the median and the 99 %
quantile of the latency as a metric store estimates them from buckets (either being High counts). Ours looks every 15 s
and stops; a run in which it finds nothing counts as the whole hour. Cells are those of tables T1 and T2 of the
benchmark of sequential canary tests. Latencies are log-normal around 100 ms (sigma 0.6); a tail alone is slower from
the 95 % quantile on, more and more, so that the 99 % quantile is by the factor said.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.config import CanaryConfig, MetricConfig, MetricKind
from canary.samples import Histogram
from canary.sequential.latency import HistogramPanel
from canary.simulation import EDGES_MS, Traffic
from canary.ticks import Pair, Tick
from tests.bench.canary.rules import (
    PER_MINUTE,
    TICK_S,
    Floats,
    found_percent,
    geometric_mean,
    is_high,
    kayenta,
    median_minute,
    ours,
    restricted_mean,
    served,
    times,
)
from tests.bench.rows import Row

FIGURE: Final = "3 Against Kayenta's fixed hour"
ALPHA: Final = 0.01
MINUTES: Final = 60
RATES: Final = (10, 100, 1000)
ERRORS: Final = ((0.001, 0.002), (0.001, 0.005), (0.001, 0.01), (0.01, 0.015), (0.01, 0.02))
SLOWER: Final = (1.05, 1.1, 1.25)
TAILS: Final = (1.2, 1.5, 2.0)
MEDIAN_MS, SPREAD = 100.0, 0.6
QUANTILES: Final = (0.5, 0.99)


@dataclass(frozen=True)
class Cell:
    """One situation, with the minute of each run's failure by ours and by Kayenta."""

    name: str
    sequential: Floats
    fixed: Floats

    @property
    def row(self) -> Row:
        """The mean delay of ours; the note has the rest."""
        shares = f"{found_percent(self.sequential):.1f} % found; Kayenta at 60 min {found_percent(self.fixed):.1f} %"
        note = f"median {median_minute(self.sequential):g} min, {shares}; {len(self.fixed)} runs"
        return Row(FIGURE, self.name, restricted_mean(self.sequential, MINUTES), "min", note=note)

    @property
    def counts(self) -> bool:
        """Whether Kayenta finds at least half, so that delays can be compared."""
        return found_percent(self.fixed) >= 50

    @property
    def points_below(self) -> float:
        """How many points of detection ours is below Kayenta's."""
        return found_percent(self.fixed) - found_percent(self.sequential)


def measure(scale: float = 1.0) -> list[Row]:
    """A row for each cell, and what all of them come to."""
    cells = [*errors(max(20, round(500 * scale))), *latency(max(20, round(100 * scale)))]
    compared = [cell for cell in cells if cell.counts]
    note = f"{len(compared)} of {len(cells)} cells, those in which Kayenta finds at least half"
    worst = max(compared, key=lambda cell: cell.points_below)
    delay = geometric_mean([restricted_mean(cell.sequential, MINUTES) for cell in compared])
    return [
        *(cell.row for cell in cells),
        Row(FIGURE, "geometric-mean delay", delay, "min", MINUTES / 40, note=note),
        Row(FIGURE, "detection below Kayenta's, worst cell", worst.points_below, "points", 2.0, note=worst.name),
    ]


def errors(runs: int) -> Iterator[Cell]:
    """Error rates."""
    for number, (rate, (low, high)) in enumerate((rate, pair) for rate in RATES for pair in ERRORS):
        traffic = served(
            Traffic(rate=rate, error_rate=low, harm=times(low, high / low)), runs, MINUTES, seed=300 + number
        )
        name = f"{rate} requests/s a side, errors {100 * low:g} -> {100 * high:g} %"
        yield Cell(name, ours(traffic, [ALPHA])[0], kayenta(traffic, (MINUTES,)))


def latency(runs: int) -> Iterator[Cell]:
    """Latencies: all of the canary's slower by one factor, or its tail."""
    shifts = [
        *((by, 1.0, f"latency +{by - 1:.0%}") for by in SLOWER),
        *((1.0, by, f"p99 +{by - 1:.0%}") for by in TAILS),
    ]
    for number, (rate, (slower, tail, shift)) in enumerate((rate, shift) for rate in RATES for shift in shifts):
        rng = np.random.default_rng(400 + number)
        sides = np.stack([chances(1.0, 1.0), chances(slower, tail)])[:, None, :]
        ticks = [rng.multinomial(rng.poisson(rate * TICK_S, (2, runs)), sides) for _ in range(MINUTES * PER_MINUTE)]
        yield Cell(f"{rate} requests/s a side, {shift}", _sequential(ticks), _fixed(np.stack(ticks)))


def chances(slower: float, tail: float) -> Floats:
    """The chance of each bucket where all quantiles are `slower` times as long, and the 99 % one `tail` times more.

    >>> round(float(chances(1.0, 1.0)[:6].sum()), 3)  # the median is 100 ms
    0.5
    """
    normal = NormalDist()
    from_z, to_z = normal.inv_cdf(0.95), normal.inv_cdf(0.99)
    steeper = math.log(tail) / (to_z - from_z)
    below = []
    for edge in EDGES_MS:
        log_time = math.log(edge / (MEDIAN_MS * slower))
        z = log_time / SPREAD
        below.append(normal.cdf(z if z <= from_z else (log_time + steeper * from_z) / (SPREAD + steeper)))
    return np.diff(np.array([0.0, *below, 1.0]))


def _sequential(ticks: list[NDArray[np.int64]]) -> Floats:
    """The minute at which each run is failed; every run is a metric of its own in one panel."""
    runs = ticks[0].shape[1]
    found = np.full(runs, np.inf)
    config = CanaryConfig(metrics=(MetricConfig(name="latency"),), alpha=ALPHA)
    metrics = [MetricConfig(name=f"run-{run}", kind=MetricKind.HISTOGRAM) for run in range(runs)]
    panel = HistogramPanel(metrics, config, is_stepped=False)
    for number, buckets in enumerate(ticks, start=1):
        baselines, canaries = (map(tuple, side.tolist()) for side in buckets)
        sides = zip(metrics, baselines, canaries, strict=True)
        pairs = {metric.name: Pair(Histogram(b, EDGES_MS), Histogram(c, EDGES_MS)) for metric, b, c in sides}
        panel.add(Tick(TICK_S, 0.5, False, 0, 0, pairs))
        is_harm = np.array([reading.log_harm for reading in panel.readings()]) >= -np.log(ALPHA)
        found = np.where(is_harm, np.minimum(found, number / PER_MINUTE), found)
        if np.isfinite(found).all():
            break
    return found


def _fixed(ticks: NDArray[np.int64]) -> Floats:
    """60 where Kayenta fails the run after the hour, else infinity; `ticks` is `(ticks, 2, runs, buckets)`."""
    minutes = ticks.reshape(-1, PER_MINUTE, *ticks.shape[1:]).sum(axis=1)
    found = np.full(ticks.shape[2], np.inf)
    for quantile in QUANTILES:
        baseline, canary = np.sort(quantiles(minutes, quantile), axis=0).transpose(1, 2, 0)
        for run in np.flatnonzero(np.isinf(found)):
            if is_high(canary[run], baseline[run]):
                found[run] = MINUTES
    return found


def quantiles(buckets: NDArray[np.int64], quantile: float) -> Floats:
    """Quantiles of histograms, `(..., buckets)`, by linear interpolation as `canary.threshold.values.quantile_of`."""
    reached = np.cumsum(buckets, axis=-1)
    rank = quantile * reached[..., -1:]
    bucket = np.argmax(reached >= rank, axis=-1)[..., None]
    edges = np.array([0.0, *EDGES_MS, EDGES_MS[-1]])
    within = np.take_along_axis(buckets, bucket, -1)
    below = np.take_along_axis(reached, bucket, -1) - within
    part = np.divide(rank - below, within, out=np.zeros_like(rank), where=within > 0)
    estimate: Floats = (edges[bucket] + (edges[bucket + 1] - edges[bucket]) * part)[..., 0]
    return estimate
