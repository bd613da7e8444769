"""False alarms and detection delays of the sequential judge, in simulated traffic.

Cells are named after the tables of the benchmark of sequential canary tests (T1 counts, T2 latency, T3 false alarms,
T5 clustered errors); two scenarios run whole sessions under the `quick` profile.

Run: python tests/bench/bench_canary.py [OUT.json]
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from canary.config import MetricConfig, MetricKind
from canary.sequential.counts import Counts, Floats
from canary.sequential.evidence import RateEvidence
from tests.canary.builders import Group, quick, some_looks, watched

ALPHA, BETA, TICK_S, HOUR = 0.01, 0.05, 15, 240
#: OpenTelemetry's default edges, in milliseconds.
EDGES_MS = np.array([5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000])


@dataclass(frozen=True)
class Cell:
    """One simulated situation: requests a second on each side, error rates, mean size of error clusters."""

    name: str
    rate: float
    baseline: float
    canary: float
    cluster: float = 1
    known_dispersion: float | None = None
    runs: int = 1000


CELLS = [
    Cell("T3 no harm, 10/s, 0.1 %", 10, 0.001, 0.001),
    Cell("T3 no harm, 100/s, 1 %", 100, 0.01, 0.01),
    Cell("T3 no harm, 1000/s, 0.1 %", 1000, 0.001, 0.001),
    Cell("T1 10/s, 0.1 -> 0.5 %", 10, 0.001, 0.005, runs=200),
    Cell("T1 10/s, 0.1 -> 0.5 %, dispersion known to be 1", 10, 0.001, 0.005, known_dispersion=1, runs=200),
    Cell("T1 10/s, 1 -> 2 %", 10, 0.01, 0.02, runs=200),
    Cell("T1 10/s, 1 -> 2 %, dispersion known to be 1", 10, 0.01, 0.02, known_dispersion=1, runs=200),
    Cell("T1 100/s, 0.1 -> 0.2 %", 100, 0.001, 0.002, runs=200),
    Cell("T1 100/s, 1 -> 2 %", 100, 0.01, 0.02, runs=200),
    Cell("T5 no harm, 100/s, 0.1 %, clusters of 2", 100, 0.001, 0.001, 2),
    Cell("T5 no harm, 100/s, 0.1 %, clusters of 5", 100, 0.001, 0.001, 5),
    Cell("T5 no harm, 100/s, 1 %, clusters of 5", 100, 0.01, 0.01, 5),
    Cell("T5 100/s, 1 -> 2 %, clusters of 2", 100, 0.01, 0.02, 2, runs=200),
    Cell("T5 100/s, 1 -> 2 %, clusters of 5", 100, 0.01, 0.02, 5, runs=200),
    Cell("T5 100/s, 0.1 -> 0.2 %, clusters of 5", 100, 0.001, 0.002, 5, runs=200),
]


def errors(rng: np.random.Generator, requests: Floats, rate: float, cluster: float) -> Floats:
    """Errors of one tick; clusters are of geometric size and stay on one side."""
    if cluster == 1:
        return rng.binomial(requests.astype(int), rate).astype(float)
    clusters = rng.poisson(requests * rate / cluster)
    extra = np.where(clusters > 0, rng.negative_binomial(np.maximum(clusters, 1), 1 / cluster), 0)
    return np.minimum(clusters + extra, requests).astype(float)


def detection(cell: Cell) -> dict[str, float | None]:
    """How many of the cell's runs fail within an hour, and after how many minutes (median, None if never)."""
    rng = np.random.default_rng(1)
    metric = MetricConfig(name=MetricKind.ERROR_RATE, dispersion=cell.known_dispersion)
    evidence, found_s = RateEvidence(cell.runs, metric), np.full(cell.runs, np.inf)
    for tick in range(1, HOUR + 1):
        sides = [rng.poisson(cell.rate * TICK_S, cell.runs).astype(float) for _ in range(2)]
        failed = [
            errors(rng, side, rate, cell.cluster)
            for side, rate in zip(sides, (cell.baseline, cell.canary), strict=True)
        ]
        evidence.add(Counts(sides[0], failed[0], sides[1], failed[1]))
        found_s = np.where(evidence.log_harm() >= -np.log(ALPHA), np.minimum(found_s, tick * TICK_S), found_s)
        if np.isfinite(found_s).all():
            break
    return summary(found_s / 60)


def latency_detection(rate: float, slower: float, runs: int, known_dispersion: float | None) -> dict[str, float | None]:
    """The same for latency: lognormal around 100 ms (sigma 0.6), all quantiles of the canary times `slower`."""
    from canary.config import CanaryConfig
    from canary.sequential.latency import LatencyWatch
    from canary.ticks import Tick, Traffic

    metric = MetricConfig(name=MetricKind.LATENCY, dispersion=known_dispersion)
    config = CanaryConfig(metrics=(metric,), alpha=ALPHA)
    found = np.full(runs, np.inf)
    for run in range(runs):
        rng, watch = np.random.default_rng(run), LatencyWatch(metric, config, is_stepped=False)
        for tick in range(1, HOUR // 2 + 1):
            sides = []
            for factor in (1.0, slower):
                took_ms = rng.lognormal(np.log(100), 0.6, rng.poisson(rate * TICK_S)) * factor
                counts = np.bincount(np.searchsorted(EDGES_MS, took_ms), minlength=len(EDGES_MS) + 1)
                sides.append(Traffic(len(took_ms), 0, tuple(counts.tolist())))
            watch.add(Tick(TICK_S, 0.5, False, sides[0], sides[1], tuple(EDGES_MS.astype(float).tolist())))
            if (result := watch.result()).log_evidence_harm >= result.log_limit_harm:
                found[run] = tick * TICK_S / 60
                break
    return summary(found)


def scenario(canary: Group, runs: int) -> dict[str, object]:
    """Whole sessions of the `quick` profile at 15 requests a second: verdicts, and seconds until they came."""
    judgments = [
        watched(
            quick(), some_looks(150, canary=Group(error_rate=canary.error_rate, slower_ms=canary.slower_ms), seed=seed)
        )
        for seed in range(runs)
    ]
    verdicts = [str(judgment.verdict) for judgment in judgments]
    seconds = [judgment.elapsed_s for judgment in judgments]
    return {
        "runs": runs,
        "verdicts": {verdict: verdicts.count(verdict) / runs for verdict in sorted(set(verdicts))},
        "median_s": float(np.median(seconds)),
        "p90_s": float(np.percentile(seconds, 90)),
        "worst_s": max(seconds),
    }


def summary(found_min: Floats) -> dict[str, float | None]:
    """Share found and median delay of a cell."""
    median = float(np.percentile(found_min, 50, method="higher"))
    return {
        "runs": len(found_min),
        "share": float(np.isfinite(found_min).mean()),
        "median_min": median if np.isfinite(median) else None,
    }


def main() -> None:
    """Runs every cell and writes the figures as JSON."""
    begin = time.monotonic()
    figures: dict[str, object] = {"alpha": ALPHA, "beta": BETA, "tick_s": TICK_S}
    figures["counts"] = {cell.name: detection(cell) for cell in CELLS}
    figures["latency"] = {
        "T3 no harm, 10/s (30 min)": latency_detection(10, 1.0, 60, None),
        "T2 10/s, +10 %": latency_detection(10, 1.1, 30, None),
        "T2 10/s, +10 %, dispersion known to be 1": latency_detection(10, 1.1, 30, 1.0),
        "T2 100/s, +10 %": latency_detection(100, 1.1, 20, None),
        "T2 10/s, +25 %": latency_detection(10, 1.25, 30, None),
    }
    figures["quick profile, 15/s, looks every second"] = {
        "12 % errors against 0.2 %": scenario(Group(error_rate=0.12), 100),
        "60 ms slower": scenario(Group(slower_ms=60), 100),
        "alike": scenario(Group(), 200),
    }
    figures["seconds"] = round(time.monotonic() - begin, 1)
    text = json.dumps(figures, indent=2)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
