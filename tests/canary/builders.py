"""Looks and configurations for tests, with traffic drawn from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from canary import CanaryConfig, Judgment, Look, Side, start

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
EDGES_MS = (0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)
PROFILES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in (Path(__file__).parents[2] / "dags" / "canaries").glob("*.yaml")
}


def a_config(**settings: Any) -> CanaryConfig:
    return CanaryConfig.model_validate({"metrics": ["error_rate"], "interval": "1s", "min_duration": "5s", **settings})


def quick() -> CanaryConfig:
    return CanaryConfig.from_profile("quick", PROFILES)


@dataclass
class Group:
    """One side under simulated load: `rate` requests a second, lognormal latency around 20 ms."""

    rate: float = 15
    error_rate: float = 0.002
    slower_ms: float = 0
    counters: list[int] = field(default_factory=lambda: [0, 0])
    latency: Any = field(default_factory=lambda: np.zeros(len(EDGES_MS) + 1, int))

    def serve(self, seconds: float, rng: np.random.Generator) -> Side:
        requests = int(rng.poisson(self.rate * seconds))
        took_ms = rng.lognormal(np.log(20), 0.5, requests) + self.slower_ms
        self.counters[0] += requests
        self.counters[1] += int(rng.binomial(requests, self.error_rate))
        self.latency = self.latency + np.bincount(np.searchsorted(EDGES_MS, took_ms), minlength=len(EDGES_MS) + 1)
        return Side(*self.counters, tuple(int(count) for count in self.latency), EDGES_MS)


def some_looks(
    seconds: int, *, canary: Group, baseline: Group | None = None, every_s: float = 1, seed: int = 1
) -> Iterator[Look]:
    rng, baseline = np.random.default_rng(seed), baseline or Group()
    yield Look(BEGIN, baseline.serve(0, rng), canary.serve(0, rng))
    for tick in range(1, int(seconds / every_s) + 1):
        at = BEGIN + timedelta(seconds=tick * every_s)
        yield Look(at, baseline.serve(every_s, rng), canary.serve(every_s, rng))


def watched(config: CanaryConfig, looks: Iterator[Look]) -> Judgment:
    """The judgment at which a watcher would stop."""
    session = start(config)
    for look in looks:
        judgment = session.add(look)
        if judgment.is_final:
            break
    return judgment


def counted(*pairs: tuple[int, int, int, int], every_s: float = 1, share: float = 0.5) -> list[Look]:
    """Looks from (baseline requests, errors, canary requests, errors) of each tick; the first look is all zeros."""
    sums = np.zeros(4, int)
    looks = [Look(BEGIN, Side(0, 0), Side(0, 0), share)]
    for tick, pair in enumerate(pairs, start=1):
        sums += pair
        n_b, s_b, n_c, s_c = map(int, sums)
        looks.append(Look(BEGIN + timedelta(seconds=tick * every_s), Side(n_b, s_b), Side(n_c, s_c), share))
    return looks
