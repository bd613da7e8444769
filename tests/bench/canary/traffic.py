"""Simulated counters of many canaries side by side, tick by tick; every array has one entry a run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from canary.sequential.counts import Counts, Floats


@dataclass(frozen=True, slots=True)
class Load:
    """What both sides serve.

    Args:
        rate: requests a second, of each side at an even split; Poisson.
        baseline: share of the baseline's requests that fail.
        canary: the same of the canary.
        cluster: mean size of the clusters that errors come in; geometric, each on one side and within one tick.
        noise: standard deviation of a minute's log error rate on both sides; each side has half as much of its own.
        minutes: how long it lasts.
        tick_s: seconds between two looks.
    """

    rate: float
    baseline: float
    canary: float
    cluster: float = 1.0
    noise: float = 0.0
    minutes: int = 60
    tick_s: int = 15

    @property
    def odds(self) -> float:
        """The odds ratio of a failing request, canary against baseline."""
        return self.canary / (1 - self.canary) * (1 - self.baseline) / self.baseline

    def ticks(self, runs: int, seed: int) -> Iterator[Counts]:
        """What happens in each tick."""
        rng = np.random.default_rng(seed)
        ones, per_minute = np.ones((2, runs)), max(1, 60 // self.tick_s)
        rates = np.array([[self.baseline], [self.canary]])
        for tick in range(self.minutes * 60 // self.tick_s):
            if self.noise and tick % per_minute == 0:
                shared, own = rng.normal(0, self.noise, runs), rng.normal(0, self.noise / 2, (2, runs))
                ones = np.exp(shared + own)
            requests = rng.poisson(self.rate * self.tick_s, (2, runs))
            failed = errors(rng, requests, np.minimum(rates * ones, 1.0), self.cluster)
            yield Counts(requests[0].astype(float), failed[0], requests[1].astype(float), failed[1])


@dataclass(frozen=True, slots=True)
class Ramp:
    """A ramp in equal steps while the error rate drifts, with an incident that hits both sides (T6).

    Args:
        total: requests a second of both sides together.
        harm: factor on the canary's error rate.
        harm_from_min: minute from which the canary is harmful.
        cluster: mean size of the clusters that errors come in.
    """

    total: float
    harm: float = 1.0
    harm_from_min: float = 0.0
    cluster: float = 1.0
    minutes: int = 60
    tick_s: int = 15
    shares: tuple[float, ...] = (0.05, 0.2, 0.5, 0.5)
    base_rate: float = 0.002
    drift: float = 3.0
    incident: float = 8.0
    incident_min: tuple[float, float] = (20.0, 23.0)

    def ticks(self, runs: int, seed: int) -> Iterator[tuple[bool, Counts]]:
        """Whether each tick opens a step, and what happens in it."""
        rng, count = np.random.default_rng(seed), self.minutes * 60 // self.tick_s
        share = self.shares[0]
        for tick in range(count):
            before, minute = share, tick * self.tick_s / 60
            share = self.shares[tick * len(self.shares) // count]
            rate = self.base_rate * (1 + (self.drift - 1) * tick / count)
            if self.incident_min[0] <= minute < self.incident_min[1]:
                rate *= self.incident
            rates = np.array([[rate], [rate * (self.harm if minute >= self.harm_from_min else 1.0)]])
            expected = self.total * self.tick_s * np.array([[1 - share], [share]])
            requests = rng.poisson(expected, (2, runs))
            failed = errors(rng, requests, rates, self.cluster)
            counts = Counts(requests[0].astype(float), failed[0], requests[1].astype(float), failed[1])
            yield share != before, counts


def errors(rng: np.random.Generator, requests: np.ndarray, rate: Floats, cluster: float) -> Floats:
    """Failed requests: binomial, or in clusters of geometric size with this mean."""
    if cluster == 1:
        return rng.binomial(requests, np.broadcast_to(rate, requests.shape)).astype(float)
    clusters = rng.poisson(requests * rate / cluster)
    more = np.where(clusters > 0, rng.negative_binomial(np.maximum(clusters, 1), 1 / cluster), 0)
    failed: Floats = np.minimum(clusters + more, requests).astype(float)
    return failed
