"""What the load counts: answers, the release's own failures, and requests lost."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import StrEnum

#: Latency buckets grow by this factor: percentiles are exact to 2 %.
GROWTH = 1.02
#: Messages kept of each kind of loss.
MESSAGES_KEPT = 5


class Outcome(StrEnum):
    """How a request ended."""

    OK = "ok"
    OWN_FAILURE = "own_failures"
    LOST = "lost"


@dataclass
class Latency:
    """A histogram of latencies in milliseconds."""

    buckets: Counter[int] = field(default_factory=Counter)
    max_ms: float = 0.0

    def add(self, latency_ms: float) -> None:
        """Counts one."""
        self.buckets[round(math.log(max(latency_ms, 0.01)) / math.log(GROWTH))] += 1
        self.max_ms = max(self.max_ms, latency_ms)

    def percentile_ms(self, percent: float) -> float | None:
        """The latency that `percent` of the requests did not pass; None without requests."""
        rank, seen = math.ceil(self.buckets.total() * percent / 100), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return round(GROWTH**bucket, 2)
        return None

    def to_json(self) -> dict[str, float | None]:
        """The usual percentiles."""
        named = {f"p{percent}": self.percentile_ms(percent) for percent in (50, 90, 95, 99)}
        return {**named, "max": round(self.max_ms, 2)}


@dataclass
class VersionTally:
    """What one release answered; times are Unix seconds."""

    requests: int = 0
    own_failures: int = 0
    first_seen: float | None = None
    last_seen: float | None = None
    first_own_failure: float | None = None
    latency: Latency = field(default_factory=Latency)

    def add(self, outcome: Outcome, at_s: float, latency_ms: float) -> None:
        """Counts one answer."""
        self.requests += 1
        self.first_seen = self.first_seen or at_s
        self.last_seen = at_s
        self.latency.add(latency_ms)
        if outcome is Outcome.OWN_FAILURE:
            self.own_failures += 1
            self.first_own_failure = self.first_own_failure or at_s

    def to_json(self) -> dict[str, object]:
        """The figures."""
        return {
            "requests": self.requests,
            "own_failures": self.own_failures,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "first_own_failure": self.first_own_failure,
            "latency_ms": self.latency.to_json(),
        }


@dataclass
class TargetTally:
    """What one target did with its requests."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    not_yet_up: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    messages: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    versions: defaultdict[str, VersionTally] = field(default_factory=lambda: defaultdict(VersionTally))
    latency: Latency = field(default_factory=Latency)

    @property
    def was_up(self) -> bool:
        """Whether it ever answered well."""
        return self.outcomes[Outcome.OK] > 0

    @property
    def requests(self) -> int:
        """Requests counted."""
        return self.outcomes.total()

    def answer(self, outcome: Outcome, version: str, at_s: float, latency_ms: float) -> None:
        """Counts an answer that a release made."""
        self.outcomes[outcome] += 1
        self.latency.add(latency_ms)
        self.versions[version].add(outcome, at_s, latency_ms)

    def lose(self, kind: str, message: str) -> None:
        """Counts a request that no release answered."""
        self.outcomes[Outcome.LOST] += 1
        self.kinds[kind] += 1
        if len(self.messages[kind]) < MESSAGES_KEPT:
            self.messages[kind].append(message)

    def to_json(self) -> dict[str, object]:
        """The figures since the start."""
        return {
            "requests": self.requests,
            **{outcome.value: self.outcomes[outcome] for outcome in Outcome},
            "not_yet_up": self.not_yet_up,
            "lost_kinds": {kind: {"count": n, "first": self.messages[kind]} for kind, n in self.kinds.items()},
            "versions": {version: tally.to_json() for version, tally in sorted(self.versions.items())},
            "latency_ms": self.latency.to_json(),
        }


class Timeline:
    """What happened in each second, as the difference of two cumulative counts."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str, str], int] = {}

    def step(self, at_s: float, targets: dict[str, TargetTally]) -> dict[str, object]:
        """The line for the time since the last step."""
        return {"time": at_s, "targets": {name: self._target(name, tally) for name, tally in targets.items()}}

    def _target(self, name: str, tally: TargetTally) -> dict[str, object]:
        versions = {}
        for version, counted in sorted(tally.versions.items()):
            requests = self._since(name, version, "requests", counted.requests)
            own_failures = self._since(name, version, "own_failures", counted.own_failures)
            if requests:
                versions[version] = {"requests": requests, "own_failures": own_failures}
        return {"lost": self._since(name, "", "lost", tally.outcomes[Outcome.LOST]), "versions": versions}

    def _since(self, name: str, version: str, what: str, count: int) -> int:
        before = self._before.get((name, version, what), 0)
        self._before[name, version, what] = count
        return count - before
