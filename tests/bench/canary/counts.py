"""Error counts under the sequential judge: false alarms, delays and false promotes, cell by cell.

Cells are those of tables T1, T3, T4, T5 and T6 of the benchmark of sequential canary tests (a look every 15 s for an
hour, Poisson requests), and the clustered cells of the peers' comparison (a look a minute for half an hour). The
dispersion is unknown to the judge unless a cell says otherwise. The oracle knows both error rates: it multiplies
conditional likelihood ratios of the true odds ratio. A run in which nothing is found counts as the whole time.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from canary.config import MetricConfig
from canary.looks import ERROR_RATE
from canary.sequential.counts import Counts, Floats, log_likelihood
from canary.sequential.evidence import RateEvidence
from tests.bench.canary.traffic import Load, Ramp
from tests.bench.rows import Row

FALSE_ALARMS: Final = "1 False alarms of counts"
BEYOND: Final = "1 False alarms of counts beyond what was asked for"
DELAYS: Final = "2 Delay of counts against the oracle"
TEMPERING: Final = "2 What not knowing the dispersion costs on clean data"
HARM: Final = "3 Median delay of counts"
PROMOTES: Final = "4 Certified promote of counts"
PEERS: Final = "1 False alarms and delays in the peers' cells"
ALPHAS: Final = (0.01, 0.05)
BETA: Final = 0.05

UNKNOWN: Final = MetricConfig(name=ERROR_RATE, negligible=0)
KNOWN: Final = MetricConfig(name=ERROR_RATE, negligible=0, dispersion=1)

#: Error rates of T1, and the most minutes (median) that are asked for at 10, 100 and 1,000 requests a second.
T1: Final = {
    (0.001, 0.002): (None, 6.0, 1.0),
    (0.001, 0.005): (6.5, 1.0, 0.5),
    (0.001, 0.01): (6.5, 1.0, 0.5),
    (0.01, 0.015): (None, None, 0.5),
    (0.01, 0.02): (6.0, 1.0, 0.5),
}
RATES: Final = (10, 100, 1000)
#: Requests a minute, factor on the error rate, noise, the most minutes, and the least share found.
PEER_HARM: Final = (
    (30, 5, 0.0, 13.0, None),
    (300, 2, 0.0, 7.0, 99.0),
    (300, 2, 0.3, 7.0, 99.0),
    (3000, 5, 0.0, 2.0, None),
    (3000, 5, 0.3, 2.0, None),
)


def measure(scale: float = 1.0) -> list[Row]:
    """A row for each cell."""
    many, few = max(20, round(2000 * scale)), max(20, round(500 * scale))
    return [*false_alarms(many), *beyond(few), *peers(many, few), *delays(few), *tempering(few), *promotes(many, few)]


def false_alarms(runs: int) -> list[Row]:
    """A/A in every cell of T3, T5 and T6, at both alphas."""
    rows: list[Row] = []
    for rate in RATES:
        for errors in (0.001, 0.01):
            for cluster in (1, 2, 5):
                load = Load(rate, errors, errors, cluster)
                found = _first(load, UNKNOWN, runs, ALPHAS, seed=1)
                rows += _alarm_rows(f"{rate}/s, {errors:.1%} errors{_clusters(cluster)}", found, runs)
    for total in (100, 1000):
        for cluster in (1, 5):
            found = _first_in_ramp(Ramp(total, cluster=cluster), runs, seed=2)
            rows += _alarm_rows(f"ramp, {total}/s in all{_clusters(cluster)}", found, runs)
    return rows


def beyond(runs: int) -> list[Row]:
    """A/A where more is wrong than was asked for: larger clusters, and minutes that differ while looks are closer."""
    loads = [(f"100/s, 1.0% errors{_clusters(size)}", Load(100, 0.01, 0.01, size)) for size in (10, 20)]
    for noise in (0.3, 0.6):
        cell = f"3000/min, noise {noise:g} from minute to minute, looks every 15 s for 30 min"
        loads.append((cell, Load(50, 0.01, 0.01, noise=noise, minutes=30)))
    rows = [_alarm_rows(cell, _first(load, UNKNOWN, runs, ALPHAS, seed=9), runs, BEYOND) for cell, load in loads]
    return [replace(row, bar=None) for each in rows for row in each]


def peers(runs: int, few: int) -> list[Row]:
    """The clustered cells of the peers' comparison: error rates that differ from minute to minute and side to side."""
    rows: list[Row] = []
    for a_minute in (30, 300, 3000):
        for noise in (0.0, 0.3, 0.6):
            load = Load(a_minute / 60, 0.01, 0.01, noise=noise, minutes=30, tick_s=60)
            found = _first(load, UNKNOWN, runs, ALPHAS, seed=3)
            rows += _alarm_rows(f"{a_minute}/min, noise {noise:g}", found, runs, PEERS)
    for a_minute, factor, noise, minutes, least in PEER_HARM:
        load = Load(a_minute / 60, 0.01, 0.01 * factor, noise=noise, minutes=30, tick_s=60)
        found = _first(load, UNKNOWN, few, (0.05,), seed=4)[0]
        cell, share = (
            f"{a_minute}/min, noise {noise:g}, {factor} times the errors",
            100 * float(np.mean(found < np.inf)),
        )
        rows.append(Row(PEERS, f"{cell}: median", _median(found), "min", bar=minutes, note="alpha 0.05"))
        rows.append(Row(PEERS, f"{cell}: found", share, "%", bar=least, sense="at least", note="alpha 0.05"))
    return rows


def delays(runs: int) -> list[Row]:
    """Every cell of T1 at alpha 0.01: median minutes, and mean delay against the oracle's."""
    rows: list[Row] = []
    ratios: list[float] = []
    for (baseline, canary), bars in T1.items():
        for rate, bar in zip(RATES, bars, strict=True):
            load = Load(rate, baseline, canary)
            ours, oracle = _first(load, UNKNOWN, runs, (0.01,), seed=5)[0], _oracle(load, runs, seed=5)
            cell = f"{rate}/s, {baseline:.1%} to {canary:.1%}"
            note = f"{100 * float(np.mean(ours < np.inf)):.0f} % found; {runs} runs"
            rows.append(Row(HARM, cell, _median(ours), "min", bar=bar, note=note))
            ratio = _mean(ours, 60) / _mean(oracle, 60)
            is_compared = _mean(oracle, 60) >= 1
            note = f"oracle {_mean(oracle, 60):.2f} min{'' if is_compared else ', under 1: not in the mean'}"
            rows.append(Row(DELAYS, cell, ratio, "times", note=note))
            ratios += [ratio] * is_compared
    rows.append(Row(DELAYS, "geometric mean", float(np.exp(np.mean(np.log(ratios)))), "times", bar=1.35))
    return rows


def tempering(runs: int) -> list[Row]:
    """Doubled errors in the cells of T5: mean delay with the dispersion unknown, against knowing that it is 1."""
    rows: list[Row] = []
    for rate in (100, 1000):
        for errors in (0.001, 0.01):
            for cluster in (1, 2, 5):
                load = Load(rate, errors, 2 * errors, cluster)
                ours = _first(load, UNKNOWN, runs, (0.01,), seed=6)[0]
                cell = f"{rate}/s, {errors:.1%} to {2 * errors:.1%}{_clusters(cluster)}"
                note = f"mean {_mean(ours, 60):.2f}, median {_median(ours):g} min"
                if cluster == 1:
                    known = _first(load, KNOWN, runs, (0.01,), seed=6)[0]
                    note += f"; known {_mean(known, 60):.2f} and {_median(known):g}"
                    rows.append(Row(TEMPERING, cell, _mean(ours, 60) / _mean(known, 60), "times", bar=2.0, note=note))
                else:
                    rows.append(Row(TEMPERING, cell, 100 * float(np.mean(ours < np.inf)), "% found", note=note))
    return rows


def promotes(runs: int, few: int) -> list[Row]:
    """How soon a canary like its baseline is certified, and how often one exactly at the margin is; beta 0.05."""
    rows: list[Row] = []
    asked = {(100, 0.01, 1.5): 2.0, (100, 0.01, 1.25): 5.0, (100, 0.001, 2.0): 5.0}
    for (rate, errors, margin), bar in asked.items():
        metric = UNKNOWN.model_copy(update={"margin": margin})
        found = _first(Load(rate, errors, errors), metric, few, (BETA,), seed=7, of_safety=True)[0]
        cell = f"{rate}/s, {errors:.1%} errors, margin {margin:g}: median"
        rows.append(Row(PROMOTES, cell, _median(found), "min", bar=bar, note=f"{few} runs"))
    for rate in (100, 1000):
        for errors in (0.001, 0.01):
            for cluster in (1, 2, 5):
                at_margin = UNKNOWN.margin * errors / (1 + (UNKNOWN.margin - 1) * errors)
                load = Load(rate, errors, at_margin, cluster)
                found = _first(load, UNKNOWN, runs, (BETA,), seed=8, of_safety=True)[0]
                cell = f"{rate}/s, {errors:.1%} errors{_clusters(cluster)}, exactly at the margin"
                rows.append(_at_most(PROMOTES, cell, found, BETA, runs))
    return rows


def _first(
    load: Load, metric: MetricConfig, runs: int, levels: tuple[float, ...], *, seed: int, of_safety: bool = False
) -> Floats:
    """Minutes after which evidence first passes 1/level, of shape `(levels, runs)`; infinite where it never does."""
    evidence = RateEvidence(runs, metric)
    judged = evidence.log_safe if of_safety else evidence.log_harm
    ticks = ((False, each) for each in load.ticks(runs, seed))
    return _search(ticks, evidence, judged, levels, load.tick_s)


def _first_in_ramp(ramp: Ramp, runs: int, seed: int) -> Floats:
    evidence = RateEvidence(runs, UNKNOWN, is_stepped=True)
    return _search(ramp.ticks(runs, seed), evidence, evidence.log_harm, ALPHAS, ramp.tick_s)


def _search(
    ticks: Iterable[tuple[bool, Counts]],
    evidence: RateEvidence,
    judged: Callable[[], Floats],
    levels: tuple[float, ...],
    tick_s: float,
) -> Floats:
    limits, found = -np.log(levels)[:, None], np.full((len(levels), 1), np.inf)
    for number, (opens_step, counts) in enumerate(ticks, start=1):
        if opens_step:
            evidence.begin_step()
        evidence.add(counts)
        found = np.minimum(found, np.where(judged() >= limits, number * tick_s / 60, np.inf))
        if np.isfinite(found).all():
            break
    return found


def _oracle(load: Load, runs: int, seed: int) -> Floats:
    """Minutes after which the likelihood ratio of the true odds ratio passes 1/alpha, of shape `(runs,)`."""
    likelihood, found = np.zeros(runs), np.full(runs, np.inf)
    for number, counts in enumerate(load.ticks(runs, seed), start=1):
        likelihood += log_likelihood(counts, np.log([load.odds]))[:, 0]
        found = np.minimum(found, np.where(likelihood >= -np.log(0.01), number * load.tick_s / 60, np.inf))
        if np.isfinite(found).all():
            break
    return found


def _alarm_rows(cell: str, found: Floats, runs: int, figure: str = FALSE_ALARMS) -> list[Row]:
    return [
        _at_most(figure, f"{cell}, alpha {alpha:g}", each, alpha, runs)
        for alpha, each in zip(ALPHAS, found, strict=True)
    ]


def _at_most(figure: str, cell: str, found: Floats, level: float, runs: int) -> Row:
    """The share found, in percent, against the level and 1.64 of its standard errors."""
    bar = level + 1.64 * float(np.sqrt(level * (1 - level) / runs))
    return Row(figure, cell, 100 * float(np.mean(found < np.inf)), "%", bar=100 * bar, note=f"{runs} runs")


def _clusters(mean: int) -> str:
    return f", clusters of {mean}" if mean > 1 else ""


def _median(found: Floats) -> float:
    return float(np.percentile(found, 50, method="higher"))


def _mean(found: Floats, longest: float) -> float:
    return float(np.minimum(found, longest).mean())
