"""A pipeline run as the records tell it: opened, perhaps turned back, closed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from canary.errors import GennakerError
from operators.change import Change, ChangeState
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.errors import RecordError
from operators.memory import Memory
from operators.records import Json, Kind, Record, Records, Subject


class RunVerdict(StrEnum):
    """How a run ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A run's verdict with its one-line reason."""

    verdict: RunVerdict
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline.

    Args:
        records: where it is written.
        subject: run (`dag id/run id`), pipeline and service; the other fields empty.
    """

    records: Records
    subject: Subject

    def open(self, facts: Mapping[str, str]) -> None:
        """Writes that the run began, once; `facts` say what of (definition digest, who, why)."""
        self._once("open", lambda: {"state": "opened", **facts, "open_since": _oldest_open(self.records)})

    def turn_back(self, stage: str, reason: str) -> None:
        """Writes that the run goes no further and why; the first to say so is believed."""
        self._once(f"turned/{stage}", lambda: {"state": "turned", "stage": stage, "reason": reason})

    def turned_back(self) -> str | None:
        """Why the run goes no further, or None while it goes forward."""
        return next((str(b["reason"]) for b in self._bodies() if b["state"] == "turned"), None)

    def close(self, conclusion: Conclusion) -> None:
        """Writes the verdict and its reason and gives the leases back; safe to repeat."""
        for cluster in self.records.leases.of_run(self.subject.run):
            self.records.leases.release(cluster, self.subject.run)
        verdict, reason = conclusion.verdict.value, conclusion.reason
        self._once("close", lambda: {"state": "closed", "verdict": verdict, "reason": reason})
        Memory(self.records).run_ends(self.subject.run, verdict=verdict, reason=reason)

    def conclusion(self) -> Conclusion | None:
        """The verdict, or None while the run is open."""
        closed = next((b for b in self._bodies() if b["state"] == "closed"), None)
        return Conclusion(RunVerdict(str(closed["verdict"])), str(closed["reason"])) if closed else None

    def changes(self) -> Iterator[Change]:
        """Every change of a cluster that the run began, in order."""
        seen = set()
        for record in self.records.search(kind=Kind.OPERATION, run=self.subject.run):
            s = record.subject
            if not s.region or (s.stage, s.region) in seen:
                continue
            seen.add((s.stage, s.region))
            cloud = open_cloud(self.cloud_of(s.environment))
            yield Change.of(self.records, cloud, Cluster(s.service, s.environment, s.region), s)

    def settle(self, reason: str) -> dict[str, ChangeState]:
        """Ends every change the run left open; returns the state of each by `stage/region`."""
        changes = list(self.changes())
        settle_all(changes, reason)
        return {f"{c.subject.stage}/{c.cluster.region}": c.state() for c in changes}

    def use_cloud(self, environment: str, cloud: str) -> None:
        """Writes which cloud an environment of this run is on, so that anyone can settle it later."""
        self._once(f"cloud/{environment}", lambda: {"state": "uses", "environment": environment, "cloud": cloud})

    def cloud_of(self, environment: str) -> str:
        """The cloud that the run uses for an environment."""
        for body in self._bodies():
            if body["state"] == "uses" and body["environment"] == environment:
                return str(body["cloud"])
        raise RecordError(
            f"the records do not say which cloud {environment} is on", why=f"{self.subject.run} used none"
        )

    def _bodies(self) -> list[Mapping[str, object]]:
        return [r.body for r in self.records.search(kind=Kind.RUN, run=self.subject.run)]

    def _once(self, step: str, body: Callable[[], Mapping[str, Json]]) -> None:
        def act(_: int) -> Mapping[str, Json]:
            if all(known.get("step") != step for known in self._bodies()):
                self.records.append(Kind.RUN, self.subject, {"step": step, **body()})
            return {}

        self.records.journal.once(f"{self.subject.run}/run//{step}", self.subject, {"step": step}, act)


def settle_all(changes: Iterable[Change], reason: str) -> None:
    """Ends every change; one that cannot be ended does not keep the others from it.

    Raises what kept the first such change from its end.
    """
    stuck = []
    for change in changes:
        try:
            change.settle(reason)
        except GennakerError as error:
            stuck.append(error)
    if stuck:
        raise stuck[0]


def open_runs(records: Records) -> list[Run]:
    """Runs that were opened and never closed, oldest first; what it reads does not grow with history."""
    return [Run(records, record.subject) for record in _opened(records)]


def _opened(records: Records) -> list[Record]:
    """The first records of the runs that are open."""
    opened: dict[str, Record] = {}
    for record in records.search(kind=Kind.RUN, since=_known_since(records)):
        if record.body["state"] == "opened":
            opened[record.subject.run] = record
        elif record.body["state"] == "closed":
            opened.pop(record.subject.run, None)
    return list(opened.values())


def _oldest_open(records: Records) -> int:
    """The place in the chain before which every run is closed."""
    opened = _opened(records)
    if opened:
        return opened[0].seq
    newest = records.search(kind=Kind.RUN, newest_first=True, limit=1)
    return newest[0].seq if newest else 0


def _known_since(records: Records) -> int:
    """What `_oldest_open` was when the run that was written of last began; it only ever rises."""
    for newest in records.search(kind=Kind.RUN, newest_first=True, limit=1):
        first = records.search(kind=Kind.RUN, run=newest.subject.run, limit=1)[0]
        since: Any = first.body.get("open_since", 0)
        return int(since)
    return 0
