"""Bucketed latency under the sequential judge: false alarms, delay, and certified safety."""

from collections.abc import Iterator
from itertools import product
from typing import Final

import numpy as np

from canary.config import MetricConfig
from canary.sequential.protected import ProtectedEdges
from canary.sequential.shifts import above
from canary.sequential.tilts import Floats
from tests.bench.canary.latency_traffic import (
    EDGES_MS,
    TICK_S,
    TICKS,
    Shift,
    Traffic,
    delays,
    drifted,
    evidence,
    heavy,
    highest,
    independent,
    lognormal,
)
from tests.bench.rows import Row

_ALPHAS: Final = (0.01, 0.05)
_RATES: Final = (10, 100, 1000)
_SHIFTS: Final = (
    Shift("all quantiles +5 %", 0.05),
    Shift("all quantiles +10 %", 0.1),
    Shift("all quantiles +25 %", 0.25),
    Shift("p99 +20 % (tail only)", 0.2, only_tail=True),
    Shift("p99 +50 % (tail only)", 0.5, only_tail=True),
    Shift("p99 +100 % (tail only)", 1.0, only_tail=True),
    Shift("p99 +50 % (tail only), heavy", 0.5, only_tail=True, law=heavy),
)
#: Median minutes that are asked for (benchmark of sequential canary tests, bars 3).
_BARS: Final = {
    (10, "all quantiles +10 %"): 2.5,
    (10, "p99 +50 % (tail only)"): 3.5,
    (10, "p99 +20 % (tail only)"): 16.0,
    (100, "all quantiles +10 %"): 1.0,
    (100, "p99 +50 % (tail only)"): 1.0,
    (100, "p99 +20 % (tail only)"): 2.0,
}


def measure(scale: float = 1.0) -> list[Row]:
    """All figures of bucketed latency; `scale` multiplies the number of runs."""
    return [*_false_alarms(scale), *_unrest(scale), *_delays(scale), *_safety(scale)]


def _runs(full: int, scale: float) -> int:
    return max(20, round(full * scale))


def _most(rate: float, runs: int) -> float:
    """The bar of a false-alarm rate: 1.64 standard errors above, in percent."""
    return 100 * (rate + 1.64 * float(np.sqrt(rate * (1 - rate) / runs)))


def _false_alarms(scale: float) -> Iterator[Row]:
    figure, runs = "1 False alarms", _runs(4000, scale)
    cells = {
        f"latency {rate} rps {law.__name__}": independent(
            np.random.default_rng([1, rate, index]), runs, rate, Shift("", 0.0, law=law).probabilities(), TICKS
        )
        for rate, (index, law) in product(_RATES, enumerate((lognormal, heavy)))
    }
    for name, traffic in cells.items():
        top = highest(traffic, evidence(runs))
        for alpha in _ALPHAS:
            got = 100 * float((top >= -np.log(alpha)).mean())
            yield Row(figure, f"{name}, alpha {alpha:g}", got, "%", _most(alpha, runs), note=f"{runs} runs")
    for rate in (100, 1000):
        top = _in_a_ramp(np.random.default_rng([2, rate]), runs, rate)
        for alpha in _ALPHAS:
            got = 100 * float((top >= -np.log(alpha)).mean())
            cell = f"latency {rate} rps in a 5/20/50 % ramp, drifting +30 %, alpha {alpha:g}"
            yield Row(figure, cell, got, "%", _most(alpha, runs), note=f"{runs} runs")


def _in_a_ramp(rng: np.random.Generator, runs: int, rate: float) -> Floats:
    """Most evidence in an hour of three steps, without harm, while all latency grows by 30 %."""
    watched, top = evidence(runs, is_stepped=True), np.full(runs, -np.inf)
    for tick in range(TICKS):
        if tick in (TICKS // 3, 2 * TICKS // 3):
            watched.begin_step()
        share = (0.05, 0.2, 0.5)[3 * tick // TICKS]
        requests = rate * TICK_S * drifted(lognormal, 1 + 0.3 * tick / TICKS)
        baseline, canary = (rng.poisson(part * requests, (runs, len(requests))) for part in (1 - share, share))
        watched.add(baseline.astype(float), canary.astype(float))
        top = np.maximum(top, watched.log_harm())
    return top


def _unrest(scale: float) -> Iterator[Row]:
    """Alike sides whose requests are not independent; no theorem holds here."""
    figure, runs, alpha = "1 False alarms", _runs(300, scale), 0.01
    kinds = {
        "in clusters of mean size 2": lambda rng, rate: _clusters(rng, runs, rate, 2),
        "in clusters of mean size 5": lambda rng, rate: _clusters(rng, runs, rate, 5),
        "shifting by 1 % from tick to tick": lambda rng, rate: _shifting(rng, runs, rate, 0.01),
        "shifting by 3 % from tick to tick": lambda rng, rate: _shifting(rng, runs, rate, 0.03),
        "with a burst of up to 4 % slow requests in a tenth of the ticks": lambda rng, rate: _bursts(rng, runs, rate),
    }
    for (index, (name, traffic)), rate in product(enumerate(kinds.items()), _RATES):
        top = highest(traffic(np.random.default_rng([3, rate, index]), rate), evidence(runs))
        raw = highest(traffic(np.random.default_rng([3, rate, index]), rate), evidence(runs, 1.0))
        got, untempered = (100 * float((each >= -np.log(alpha)).mean()) for each in (top, raw))
        bar = 100 * 1.5 * alpha + _most(alpha, runs) - 100 * alpha if "cluster" in name else None
        note = f"{runs} runs; {untempered:.1f} % when dispersion is taken for 1"
        yield Row(figure, f"latency {rate} rps {name}, alpha {alpha:g}", got, "%", bar, note=note)


def _clusters(rng: np.random.Generator, runs: int, rate: float, mean: float) -> Traffic:
    """Clusters of geometric size, of one latency and on one side."""
    chances = Shift("", 0.0).probabilities()[0]
    for _ in range(TICKS):
        clusters = rng.poisson(rate * TICK_S / mean * chances, (2, runs, len(chances)))
        more = np.where(clusters > 0, rng.negative_binomial(np.maximum(clusters, 1), 1 / mean), 0)
        baseline, canary = (clusters + more).astype(float)
        yield baseline, canary


def _shifting(rng: np.random.Generator, runs: int, rate: float, spread: float) -> Traffic:
    """All latency of a side times a lognormal factor of its own in every tick (41 steps of it)."""
    steps = np.linspace(-4, 4, 41)
    chances = np.array([drifted(lognormal, float(np.exp(spread * step))) for step in steps])
    for _ in range(TICKS):
        which = np.clip(np.round(5 * rng.standard_normal((2, runs))) + 20, 0, 40).astype(int)
        baseline, canary = rng.poisson(rate * TICK_S * chances[which]).astype(float)
        yield baseline, canary


def _bursts(rng: np.random.Generator, runs: int, rate: float) -> Traffic:
    """In a tenth of a side's ticks, up to 4 % more requests between 500 ms and 1 s."""
    chances = Shift("", 0.0).probabilities()[0]
    for _ in range(TICKS):
        requests = rng.poisson(rate * TICK_S * chances, (2, runs, len(chances))).astype(float)
        burst = rng.poisson(0.04 * rate * TICK_S * rng.random((2, runs))) * (rng.random((2, runs)) < 0.1)
        requests[:, :, 8] += burst // 2
        requests[:, :, 9] += burst - burst // 2
        yield requests[0], requests[1]


def _delays(scale: float) -> Iterator[Row]:
    alpha, ratios, tempered, hours = 0.01, [], [], []
    for rate, (index, shift) in product(_RATES, enumerate(_SHIFTS)):
        runs = _runs(600 if rate == 10 else 300, scale)
        chances = shift.probabilities()
        seeds = ([4, rate, index], [4, rate, index])
        found = [
            delays(
                independent(np.random.default_rng(seed), runs, rate, chances, TICKS), evidence(runs, d), alpha, chances
            )
            for seed, d in zip(seeds, (None, 1.0), strict=True)
        ]
        (judge, oracle), (known, _) = found
        cell = f"latency {rate} rps {shift.name}"
        means = [float(np.minimum(each, 60).mean()) for each in (judge, oracle, known)]
        hours.append(means[0] / 60)
        if means[1] >= 1:
            ratios.append(means[0] / means[1])
            tempered.append(means[2] / means[1])
        note = f"oracle {np.median(oracle):g} min, dispersion known {np.median(known):g} min, {runs} runs"
        yield Row("2 Delay", cell, float(np.median(judge)), "min", _BARS.get((rate, shift.name)), note=note)
        share = 100 * float(np.isfinite(judge).mean())
        yield Row("3 Against Kayenta", f"{cell}: found", share, "%", 98.0, "at least", "Kayenta at most 100 %")
    kind = "geometric mean of cells whose oracle takes a minute or more"
    got, best = (float(np.exp(np.mean(np.log(each)))) for each in (ratios, tempered))
    yield Row("2 Delay", f"latency, default: {kind}", got, "times the oracle", 1.9)
    yield Row("2 Delay", f"latency, dispersion known: {kind}", best, "times the oracle", 1.6)
    hour = float(np.exp(np.mean(np.log(hours))))
    yield Row("3 Against Kayenta", "latency: geometric mean delay against an hour", hour, "of an hour", 1 / 40)


def _safety(scale: float) -> Iterator[Row]:
    figure, beta, runs = "4 Certified promote", 0.05, _runs(1000, scale)
    for name, level, bar in (("the median", 0.45, 0.5), ("p90", 0.9, 1.0)):
        metric = MetricConfig(name="latency", margin=1.25, protect=(level,), negligible=0)
        alike = Shift("", 0.0).probabilities()
        minutes, known = (
            float(
                np.median(_certified(np.random.default_rng([5, round(bar)]), runs // 2, alike, metric, beta, 60, each))
            )
            for each in (None, 1.0)
        )
        cell, note = (
            f"latency 100 rps, edge at {name}, margin 1.25",
            f"dispersion known {known:g} min, {runs // 2} runs",
        )
        yield Row(figure, f"{cell}: alike", minutes, "min", bar, note=note)
        at_margin = alike[0], _at_margin(alike[0], level, metric.margin)
        found = _certified(np.random.default_rng([6, round(bar)]), runs, at_margin, metric, beta, TICKS, None)
        got = 100 * float(np.isfinite(found).mean())
        yield Row(figure, f"{cell}: false promote at it", got, "%", _most(beta, runs), note=f"{runs} runs")


def _at_margin(chances: Floats, level: float, margin: float) -> Floats:
    """A canary whose odds of exceeding the edge of `level` are `margin` times as high."""
    edge = int(np.searchsorted(np.cumsum(chances), level)) + 1
    over = chances[edge:].sum()
    raised = margin * over / (1 - over + margin * over)
    return np.concatenate([chances[:edge] * (1 - raised) / (1 - over), chances[edge:] * raised / over])


def _certified(
    rng: np.random.Generator,
    runs: int,
    chances: tuple[Floats, Floats],
    metric: MetricConfig,
    beta: float,
    ticks: int,
    dispersion: float | None,
) -> Floats:
    """Minutes until each run is certified safe; infinite where it is not."""
    watched, protected = evidence(runs, dispersion), ProtectedEdges(runs, len(EDGES_MS), metric)
    seen, minutes = np.zeros((runs, len(EDGES_MS) + 1)), np.full(runs, np.inf)
    for tick, (baseline, canary) in enumerate(independent(rng, runs, 100, chances, ticks), start=1):
        watched.add(baseline, canary)
        protected.add(*above(baseline), *above(canary))
        seen += baseline
        protected.pick(seen)
        log_safe = protected.log_safe(watched.log_weights(), watched.levels).min(axis=1)
        minutes = np.minimum(minutes, np.where(log_safe >= -np.log(beta), tick * TICK_S / 60, np.inf))
    return minutes
