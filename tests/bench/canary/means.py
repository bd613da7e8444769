"""Means without a difference, with one, and at the margin: of light and heavy tails, mostly zero, in clusters, few."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.sequential.mixtures import Floats
from canary.sequential.ratios import RatioEvidence, Sums
from tests.bench.canary.gauges import ALPHAS, FALSE_ALARMS, bar
from tests.bench.rows import Row

SHOWN: Final = "1 Means: what is found and certified, for comparison"
CERTIFIED: Final = "4 Certified promote"
BETA: Final = 0.05
MARGIN: Final = 1.1
TICKS: Final = 120


@dataclass(frozen=True, slots=True)
class Cell:
    """How observations come: how many a tick on each side, of what values, in clusters of what size."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, int]], Floats]
    baseline: float = 50
    canary: float = 50
    cluster: int = 1


def _lognormal(sigma: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    return lambda rng, shape: rng.lognormal(-(sigma**2) / 2, sigma, shape)


def _rarely(chance: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    return lambda rng, shape: (rng.random(shape) < chance) * rng.lognormal(0, 0.5, shape)


CELLS: Final = (
    Cell("lognormal, sigma 0.5", _lognormal(0.5)),
    Cell("lognormal, sigma 1", _lognormal(1)),
    Cell("lognormal, sigma 2", _lognormal(2)),
    Cell("lognormal, sigma 1, canary with 5 %", _lognormal(1), 190, 10),
    Cell("lognormal, sigma 1.5, canary with 5 %", _lognormal(1.5), 190, 10),
    Cell("1 % not zero", _rarely(0.01), 100, 100),
    Cell("5 % not zero", _rarely(0.05), 100, 100),
    Cell("1 % not zero, canary with 5 %", _rarely(0.01), 190, 10),
    Cell("lognormal, sigma 0.5, in clusters of 2", _lognormal(0.5), cluster=2),
    Cell("lognormal, sigma 0.5, in clusters of 5", _lognormal(0.5), cluster=5),
    Cell("lognormal, sigma 0.5, one a tick", _lognormal(0.5), 1, 1),
)


def measure(scale: float = 1.0) -> list[Row]:
    """False alarms in 120 looks, false certificates at the margin, and what is found of a difference of 10 %."""
    return [row for cell in CELLS for row in _of(cell, round(4000 * scale))]


def _of(cell: Cell, runs: int) -> Iterator[Row]:
    harm, safe, _ = watched(cell, runs, 1.0, seed=1)
    for alpha in ALPHAS:
        got = 100 * float(np.mean(harm >= -np.log(alpha)))
        yield Row(FALSE_ALARMS, f"mean, {cell.name}, alpha {alpha:g}", got, "%", bar(alpha, runs))
    certified = 100 * float(np.mean(safe >= -np.log(BETA)))
    yield Row(SHOWN, f"{cell.name}: certified below {MARGIN:g} times", certified, "%", note="within 120 looks")
    harm, safe, found = watched(cell, runs // 2, MARGIN, seed=2)
    at_margin = 100 * float(np.mean(safe >= -np.log(BETA)))
    yield Row(
        CERTIFIED, f"mean at the margin, {cell.name}", at_margin, "%", bar(BETA, runs // 2), note="false promotes"
    )
    yield Row(SHOWN, f"{cell.name}: +10 % found", 100 * float(np.mean(harm >= -np.log(0.05))), "%", note="alpha 0.05")
    if np.median(found) <= TICKS:
        yield Row(SHOWN, f"{cell.name}: +10 % found, median", float(np.median(found)), "looks", note="alpha 0.05")


def watched(cell: Cell, runs: int, ratio: float, seed: int) -> tuple[Floats, Floats, Floats]:
    """Highest evidence for harm and for safety of each run, and the look at which harm passed 0.05."""
    rng = np.random.default_rng([seed, len(cell.name)])
    evidence = RatioEvidence(np.ones(runs), np.full(runs, MARGIN))
    harm, safe, found = np.zeros(runs), np.zeros(runs), np.full(runs, np.inf)
    for look in range(1, TICKS + 1):
        sides = [_drawn(cell, rng, runs, size) for size in (cell.baseline, cell.canary)]
        count, total, squares = sides[1]
        evidence.add(Sums(*sides[0], count, ratio * total, ratio**2 * squares))
        harm, safe = np.maximum(harm, evidence.log_harm(1)), np.maximum(safe, evidence.log_safe(1))
        found = np.where((harm >= -np.log(0.05)) & np.isinf(found), look, found)
    return harm, safe, found


def _drawn(cell: Cell, rng: np.random.Generator, runs: int, size: float) -> tuple[Floats, Floats, Floats]:
    """Count, sum and sum of squares of a Poisson number of clusters, each of one value many times."""
    clusters = rng.poisson(size / cell.cluster, runs)
    most = int(clusters.max(initial=1))
    values = cell.draw(rng, (runs, most)) * (np.arange(most) < clusters[:, None])
    return cell.cluster * clusters.astype(float), cell.cluster * values.sum(1), cell.cluster * (values**2).sum(1)
