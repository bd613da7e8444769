"""The rules of other systems and ours on the same simulated traffic.

Half an hour, looked at every minute: false roll-backs, and detection of two and five times the errors, also where
errors come in clusters of minutes (a log-normal factor of each minute, common to both sides, and half as much of each
alone). Twice the base is also where the bounds of Argo and Flagger are: kind to what they find, hard on false alarms.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from canary.simulation import Traffic
from tests.bench.canary.rules import (
    Floats,
    Served,
    argo,
    flagger,
    found_percent,
    kayenta,
    median_minute,
    ours,
    peeked,
    served,
    times,
)
from tests.bench.rows import Row

PEERS: Final = "5 Peers' rules in half an hour, base error rate 1 %"
ALPHA: Final = 0.01


@dataclass(frozen=True)
class HalfHour:
    """Traffic of the peers' table: requests a minute on a side, sigma of the minutes, and the harms to find."""

    per_minute: int
    sigma: float
    factors: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.per_minute}/min, sigma {self.sigma:g}"

    def served(self, factor: float, runs: int, seed: int) -> Served:
        """Counts of half an hour in which the canary has `factor` times the errors."""
        harm = times(BASE, factor)
        return served(Traffic(rate=self.per_minute / 60, harm=harm, noise=self.sigma), runs, 30, seed)


BASE: Final = 0.01
HALF_HOURS: Final = [
    HalfHour(30, 0.0, (2, 5)),
    HalfHour(300, 0.0, (2, 5)),
    HalfHour(300, 0.3, (2,)),
    HalfHour(3000, 0.3, (2, 5)),
    HalfHour(3000, 0.6, (2, 5)),
]

RULES: Final[dict[str, Callable[[Served], Floats]]] = {
    "Argo, errors below twice the base, limit 0": partial(argo, bound=2 * BASE, failure_limit=0),
    "Argo, errors below twice the base, limit 3": partial(argo, bound=2 * BASE, failure_limit=3),
    "Flagger, success at least 1 - twice the base, threshold 5": partial(flagger, bound=2 * BASE, threshold=5),
    "Kayenta at 10, 20 and 30 min": partial(kayenta, looks=(10, 20, 30)),
    "z-test at 5 %, peeked every minute": partial(peeked, alpha=0.05),
    "ours at 1 %, every 15 s": lambda traffic: ours(traffic, [ALPHA])[0],
}

#: What is asked of ours: by traffic and factor, the least detection in percent and the latest median in minutes.
BARS: Final[dict[tuple[str, float], tuple[float | None, float | None]]] = {
    ("300/min, sigma 0", 2): (99.0, 7.0),
    ("3000/min, sigma 0.3", 5): (99.0, 2.0),
    ("30/min, sigma 0", 5): (None, 13.0),
    ("30/min, sigma 0", 2): (29.0, None),
}


def measure(scale: float = 1.0) -> list[Row]:
    """The table."""
    return list(peers(max(20, round(1000 * scale))))


def peers(runs: int) -> Iterator[Row]:
    """False roll-backs and detections of every rule on every traffic."""
    for number, half_hour in enumerate(HALF_HOURS):
        for factor in (1.0, *half_hour.factors):
            traffic = half_hour.served(factor, runs, seed=500 + 10 * number + round(factor))
            for name, rule in RULES.items():
                yield from _rows(half_hour, factor, name, rule(traffic))


def _rows(half_hour: HalfHour, factor: float, name: str, found: Floats) -> Iterator[Row]:
    is_ours, share, median = name.startswith("ours"), found_percent(found), median_minute(found)
    note = f"{len(found)} runs"
    if factor == 1:
        bar = 100 * (ALPHA + 1.64 * float(np.sqrt(ALPHA * (1 - ALPHA) / len(found)))) if is_ours else None
        yield Row(PEERS, f"{half_hour}, no harm: {name}", share, "% failed", bar, note=note)
        return
    least, latest = BARS.get((str(half_hour), factor), (None, None)) if is_ours else (None, None)
    cell = f"{half_hour}, {factor:g} times the errors: {name}"
    told = f"median {median:g} min; {note}" if np.isfinite(median) else f"median after the half hour; {note}"
    yield Row(PEERS, cell, share, "% failed", least, "at least", note=told)
    if latest is not None:
        yield Row(PEERS, f"{cell}, median", median if np.isfinite(median) else 30.0, "min", latest, note=note)
