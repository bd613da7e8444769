"""Traffic that never was: looks of a canary and its baseline under a load, and a harm, of one's choice.

traffic = Traffic(rate=100, error_rate=0.01, harm=2)
looks = list(simulate(traffic, interval=timedelta(seconds=15), duration=timedelta(minutes=10), seed=1))
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from canary.looks import Look, Side

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

#: When simulated looks begin, so that the same seed gives the same looks.
BEGIN: Final = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)

#: Bucket edges of `http.server.request.duration` (OpenTelemetry semantic conventions), in milliseconds.
EDGES_MS: Final = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0)

_Factor = Annotated[float, Field(gt=0, le=1000)]


class Traffic(BaseModel):
    """What the two sides serve, and what is wrong with the canary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(default=100.0, gt=0, le=1e6, description="Requests a second on each side at an even split.")
    share: float = Field(default=0.5, gt=0, lt=1, description="The canary's share of both sides' traffic.")
    ramp: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        default=(), description="Shares of the steps of a ramp, equally long; instead of `share`."
    )
    error_rate: float = Field(default=0.01, ge=0, lt=1, description="Share of the baseline's requests that fail.")
    harm: _Factor = Field(default=1.0, description="Odds ratio of a failing request, canary against baseline.")
    latency_ms: float = Field(default=100.0, gt=0, le=1e6, description="Median latency of the baseline.")
    spread: float = Field(default=0.6, gt=0, le=5, description="Standard deviation of the logarithm of a latency.")
    slower: _Factor = Field(default=1.0, description="Factor on the canary's latencies.")
    harm_from: float = Field(default=0.0, ge=0, lt=1, description="Part of the time after which the harm begins.")
    drift: _Factor = Field(default=1.0, description="Factor by which both sides' error rate has grown at the end.")
    cluster: float = Field(default=1.0, ge=1, le=1000, description="Mean size of the clusters that errors come in.")
    noise: float = Field(
        default=0.0, ge=0, le=3, description="Standard deviation of a minute's log error rate; half as much a side."
    )


class Drawn(NamedTuple):
    """What both sides served in one tick, baseline first: `(2, runs)`, and `(2, runs, buckets)`."""

    requests: Counts
    errors: Counts
    latency: Counts


class Load:
    """Draws ticks of `runs` canaries at once, all under the same traffic.

    Args:
        traffic: what to draw.
        runs: how many canaries.
        length_s: seconds from the first look to the last, in which drift, ramp and harm run their course.
        seed: the same seed draws the same.
        edges_ms: upper edges of the latency buckets.
    """

    def __init__(
        self, traffic: Traffic, runs: int, length_s: float, seed: int, edges_ms: tuple[float, ...] = EDGES_MS
    ) -> None:
        self._traffic, self._runs, self._length_s = traffic, runs, length_s
        self._rng = np.random.default_rng(seed)
        self._edges_ms = edges_ms
        self._minute = -1
        self._noise = np.ones((2, runs))

    def share(self, at_s: float) -> float:
        """The canary's share of the traffic at a moment."""
        return self._traffic.ramp[self.step(at_s)] if self._traffic.ramp else self._traffic.share

    def step(self, at_s: float) -> int:
        """The number of the ramp's step at a moment, from 0."""
        steps = len(self._traffic.ramp)
        return min(int(at_s / self._length_s * steps), steps - 1) if steps else 0

    def tick(self, from_s: float, seconds: float) -> Drawn:
        """What was served in the `seconds` after `from_s`."""
        share, pair = self.share(from_s), 2 * self._traffic.rate * seconds
        requests = self._rng.poisson(np.array([[pair * (1 - share)], [pair * share]]), (2, self._runs))
        is_harmed = from_s >= self._traffic.harm_from * self._length_s
        errors = self._errors(requests, self._error_rates(from_s, is_harmed=is_harmed))
        latency = np.stack(
            [
                self._rng.multinomial(side, self._buckets(self._traffic.slower if is_canary and is_harmed else 1.0))
                for is_canary, side in enumerate(requests)
            ]
        )
        return Drawn(requests, errors, latency)

    def _error_rates(self, at_s: float, *, is_harmed: bool) -> Floats:
        """The chance of a request to fail, of shape `(2, runs)`."""
        traffic = self._traffic
        rate = np.minimum(traffic.error_rate * traffic.drift ** (at_s / self._length_s) * self._minutes(at_s), 1.0)
        odds = np.array([[1.0], [traffic.harm if is_harmed else 1.0]])
        rates: Floats = odds * rate / (1 - rate + odds * rate)
        return rates

    def _minutes(self, at_s: float) -> Floats:
        """What the present minute does to each side's error rate: mean 1, the most of it common to both."""
        minute, noise = int(at_s // 60), self._traffic.noise
        if noise > 0 and minute != self._minute:
            common = self._rng.normal(0.0, noise, self._runs)
            own = self._rng.normal(0.0, noise / 2, (2, self._runs))
            self._noise = np.exp(common + own - (noise**2 + (noise / 2) ** 2) / 2)
            self._minute = minute
        return self._noise

    def _errors(self, requests: Counts, rates: Floats) -> Counts:
        size = self._traffic.cluster
        if size == 1:
            return self._rng.binomial(requests, rates)
        clusters = self._rng.poisson(requests * rates / size)
        more = self._rng.negative_binomial(np.maximum(clusters, 1), 1 / size)
        return np.minimum(np.where(clusters > 0, clusters + more, 0), requests)

    def _buckets(self, slower: float) -> Floats:
        """The chance of each bucket for lognormal latencies."""
        below = [self._below(edge / (self._traffic.latency_ms * slower)) for edge in self._edges_ms]
        return np.diff(np.array([0.0, *below, 1.0]))

    def _below(self, ratio: float) -> float:
        return 0.5 * math.erfc(-math.log(ratio) / self._traffic.spread / math.sqrt(2))


def simulate(
    traffic: Traffic,
    interval: timedelta,
    duration: timedelta,
    seed: int,
    edges_ms: tuple[float, ...] = EDGES_MS,
) -> Iterator[Look]:
    """Looks at simulated traffic, the first before any request.

    Args:
        traffic: what is served.
        interval: time between two looks.
        duration: time from the first look to the last.
        seed: the same seed gives the same looks.
        edges_ms: upper edges of the latency buckets.

    >>> looks = simulate(Traffic(rate=10), timedelta(seconds=15), timedelta(minutes=1), seed=1)
    >>> [(look.at.second, look.canary.requests) for look in looks]
    [(0, 0), (15, 143), (30, 293), (45, 431), (0, 587)]
    """
    every_s, length_s = interval.total_seconds(), duration.total_seconds()
    load = Load(traffic, 1, length_s, seed, edges_ms)
    sums = [np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int64), np.zeros((2, 1, len(edges_ms) + 1), np.int64)]
    for number in range(int(length_s / every_s) + 1):
        if number:
            drawn = load.tick((number - 1) * every_s, every_s)
            sums = [before + grown for before, grown in zip(sums, drawn, strict=True)]
        # A look says what was set in the tick that it ends.
        at_s = max(number - 1, 0) * every_s
        step = f"{100 * load.share(at_s):g}%" if traffic.ramp else ""
        baseline, canary = (_side(Drawn(*sums), which, edges_ms) for which in (0, 1))
        yield Look(BEGIN + number * interval, baseline, canary, canary_share=load.share(at_s), step=step)


def _side(sums: Drawn, which: int, edges_ms: tuple[float, ...]) -> Side:
    requests, errors, latency = (each[which, 0] for each in sums)
    return Side(int(requests), int(errors), tuple(map(int, latency)), edges_ms)
