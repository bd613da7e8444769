"""A world of services that never was: their releases, some of them bad, and the traffic of each canary.

world = World(services=20, days=90, seed=1)
bad = [release for release in world.releases() if release.truth is Truth.BAD]
history = InMemoryHistory(list(world.batches(CanaryConfig())))
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from canary.config import CanaryConfig
from canary.judgment import Verdict
from canary.learning.facts import ReleaseFacts
from canary.learning.recorded import Batch, Recorded, Truth
from canary.learning.services import SimulatedService, a_service, badness, change_of, harmed, ordinary
from canary.simulation import EDGES_MS, Load, Traffic

#: Days of which a service's history is known at a release.
_REMEMBERED: Final = timedelta(days=90)
#: Where the truth of simulated canaries comes from: it was injected.
TRUTH_SOURCE: Final = "rehearsal"


@dataclass(frozen=True, slots=True)
class SimulatedRelease:
    """A release that never was.

    Args:
        number: in the world, from 0, oldest first.
        service: what was released.
        region: where its canary was.
        at: when its canary's first look was taken (aware, UTC).
        truth: whether it was bad.
        facts: what was known before.
        traffic: what its canary and baseline served.
        seed: of the traffic.
    """

    number: int
    service: str
    region: str
    at: datetime
    truth: Truth
    facts: ReleaseFacts
    traffic: Traffic
    seed: int

    @property
    def id(self) -> str:
        """Of its judgment."""
        return f"simulated-{self.seed}-{self.number:06d}"

    @property
    def run(self) -> str:
        """Of its pipeline, `dag id/run id`."""
        return f"{self.service}/simulated__{self.at.isoformat()}"


class World:
    """Services, and their releases over some days; the same arguments make the same world.

    Args:
        services: how many.
        days: how long.
        seed: of everything that is drawn.
        begin: midnight of the first day (aware).
    """

    def __init__(
        self, services: int = 50, days: int = 90, seed: int = 0, begin: datetime = datetime(2025, 1, 6, tzinfo=UTC)
    ) -> None:
        self._seed, self._days, self._begin = seed, days, begin
        rng = np.random.default_rng(seed)
        self._services = tuple(a_service(number, rng) for number in range(services))
        self._releases = self._drawn()

    def services(self) -> tuple[SimulatedService, ...]:
        """All services."""
        return self._services

    def releases(self) -> list[SimulatedRelease]:
        """All releases, oldest first."""
        return list(self._releases)

    def batches(
        self,
        config: CanaryConfig,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        size: int = 200,
        length: timedelta = timedelta(hours=1),
    ) -> Iterator[Batch]:
        """The looks of every release, at the configuration's interval and whatever its verdict would have been.

        Args:
            config: what they are said to be judged by.
            since: only releases from then on.
            until: only releases before.
            size: canaries in one batch.
            length: from the first look to the last.
        """
        chosen = [
            each
            for each in self._releases
            if (since is None or each.at >= since) and (until is None or each.at < until)
        ]
        for first in range(0, len(chosen), size):
            yield _batch(chosen[first : first + size], config, length)

    def _drawn(self) -> list[SimulatedRelease]:
        """The releases of each service, drawn from its own seed, then put in order."""
        found = []
        for place, service in enumerate(self._services):
            rng = np.random.default_rng([self._seed, place])
            found += _releases_of(service, self._times(service, rng), rng)
        found.sort(key=lambda release: (release[0].at, release[0].service))
        return [
            SimulatedRelease(number, facts.service, region, facts.at, truth, facts, traffic, self._seed)
            for number, (facts, region, truth, traffic) in enumerate(found)
        ]

    def _times(self, service: SimulatedService, rng: np.random.Generator) -> list[datetime]:
        """When a service is released: between 8 and 20 o'clock, on weekends seldom."""
        times = []
        for day in range(self._days):
            begin = self._begin + timedelta(days=day)
            is_weekend = begin.weekday() >= 5
            count = int(rng.poisson(service.releases_per_day * (0.15 if is_weekend else 1.34)))
            minutes = sorted(rng.choice(12 * 60, min(count, 12), replace=False).tolist())
            times += [begin + timedelta(hours=8, minutes=minute) for minute in minutes]
        return times


def _releases_of(
    service: SimulatedService, times: Sequence[datetime], rng: np.random.Generator
) -> list[tuple[ReleaseFacts, str, Truth, Traffic]]:
    """All releases of a service; those before are known to the next."""
    found: list[tuple[ReleaseFacts, str, Truth, Traffic]] = []
    for at in times:
        before = [(facts.at, truth is Truth.BAD) for facts, _, truth, _ in found if at - facts.at <= _REMEMBERED]
        last = before[-1] if before else None
        facts = ReleaseFacts(
            service=service.name,
            at=at,
            change=change_of(service, rng, is_first=not found),
            regions=len(service.regions),
            releases=len(before),
            rollbacks=sum(was_bad for _, was_bad in before),
            hours_since_last=(at - last[0]).total_seconds() / 3600 if last else None,
            was_last_rolled_back=bool(last and last[1]),
        )
        is_bad = rng.random() < badness(service, facts)
        traffic = (harmed if is_bad else ordinary)(service.traffic, rng)
        found.append((facts, service.regions[0], Truth.BAD if is_bad else Truth.GOOD, traffic))
    return found


def _batch(releases: Sequence[SimulatedRelease], config: CanaryConfig, length: timedelta) -> Batch:
    every_s, length_s = config.interval.total_seconds(), length.total_seconds()
    looks = int(length_s / every_s) + 1
    drawn = [_counters(release, looks, every_s, length_s) for release in releases]
    size = len(releases)
    return Batch(
        canaries=tuple(_recorded(release, config, length_s) for release in releases),
        looks=np.full(size, looks, np.int64),
        seconds=np.tile(np.arange(looks) * every_s, (size, 1)),
        share=np.tile(np.array([[release.traffic.share] for release in releases]), (1, looks)),
        requests=np.stack([requests for requests, _, _ in drawn], axis=1),
        errors=np.stack([errors for _, errors, _ in drawn], axis=1),
        latency=np.stack([latency for _, _, latency in drawn], axis=1),
        edges_ms=EDGES_MS,
    )


def _counters(
    release: SimulatedRelease, looks: int, every_s: float, length_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Requests, errors and latency up to each look: `(2, t)`, `(2, t)` and `(2, t, buckets)`."""
    seed = int(np.random.SeedSequence([release.seed, release.number]).generate_state(1)[0])
    load = Load(release.traffic, 1, length_s, seed)
    ticks = [load.tick(number * every_s, every_s) for number in range(looks - 1)]
    return tuple(  # type: ignore[return-value]
        np.cumsum(np.stack([np.zeros_like(parts[0][:, 0]), *(part[:, 0] for part in parts)], axis=1), axis=1)
        for parts in zip(*ticks, strict=True)
    )


def _recorded(release: SimulatedRelease, config: CanaryConfig, seconds: float) -> Recorded:
    return Recorded(
        id=release.id,
        run=release.run,
        service=release.service,
        region=release.region,
        at=release.at,
        config=config,
        version=0,
        verdict=Verdict.INCONCLUSIVE,
        seconds=seconds,
        truth=release.truth,
        truth_source=TRUTH_SOURCE,
        is_simulated=True,
    )
