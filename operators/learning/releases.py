"""Releases as the records tell them: what had an environment's traffic, one after the other."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from operators.change import ChangeState
from operators.records import Kind, Record, Records
from operators.records.tables import RECORDS
from operators.runs import RunVerdict
from operators.stage import HOT_FIX, TRUTH

_YES: Final = frozenset({"true", "1", "yes"})


@dataclass(frozen=True, slots=True)
class Release:
    """A run that was promoted in an environment.

    Args:
        run: the run, `dag id/run id`.
        service: whose.
        environment: where.
        at: when it was first promoted there (aware, UTC).
        images: digests of what it delivers.
        passed: whether it was judged there and its run ended promoted; only such a one is labelled.
        taken_back: whether its promotion was taken back after its run had ended.
        is_hot_fix: whether it was said to mend the release before it.
    """

    run: str
    service: str
    environment: str
    at: datetime
    images: frozenset[str]
    passed: bool
    taken_back: bool = False
    is_hot_fix: bool = False


def releases(records: Records) -> dict[tuple[str, str], list[Release]]:
    """The releases of each service and environment, oldest first; a region more or less is the same release."""
    facts = _Facts.of(records)
    found: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
    taken_back = set()
    for record in records.search(kind=Kind.DEPLOYMENT):
        subject, state = record.subject, record.body.get("state")
        if state == ChangeState.PROMOTED.value:
            found[subject.service, subject.environment].setdefault(subject.run, record)
        elif record.seq > facts.passed.get(subject.run, record.seq):
            taken_back.add((subject.run, subject.environment))
    return {
        place: [facts.release(record, (run, place[1]) in taken_back) for run, record in by_run.items()]
        for place, by_run in found.items()
    }


def rehearsed(records: Records) -> dict[str, str]:
    """What the trigger of each rehearsal said that it was made to be, by run."""
    opened = (r for r in records.search(kind=Kind.RUN) if r.body.get("state") == "opened")
    return {r.subject.run: str(r.body[TRUTH]) for r in opened if r.body.get(TRUTH)}


def judged(records: Records) -> set[tuple[str, str, str, str]]:
    """Run, environment, stage and region of every decision; read without its evidence, which is large."""
    columns = (RECORDS.c.run, RECORDS.c.environment, RECORDS.c.stage, RECORDS.c.region)
    query = select(*columns).where(RECORDS.c.kind == Kind.DECISION.value).distinct()
    with records.database.read() as connection:
        return {(row.run, row.environment, row.stage, row.region) for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of runs: where they were judged, the place of their end, their images."""

    judged: set[tuple[str, str]]
    passed: Mapping[str, int]
    hot_fixes: set[str]
    images: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, records: Records) -> "_Facts":
        passed, hot_fixes = {}, set()
        for record in records.search(kind=Kind.RUN):
            if record.body.get("verdict") == RunVerdict.PROMOTED.value:
                passed[record.subject.run] = record.seq
            if str(record.body.get(HOT_FIX, "")) in _YES:
                hot_fixes.add(record.subject.run)
        places = {(run, environment) for run, environment, _, _ in judged(records)}
        return cls(places, passed, hot_fixes, images_of_runs(records))

    def release(self, record: Record, taken_back: bool) -> Release:
        run, environment = record.subject.run, record.subject.environment
        passed = run in self.passed and (run, environment) in self.judged
        images = self.images.get(run, frozenset())
        return Release(
            run, record.subject.service, environment, record.at, images, passed, taken_back, run in self.hot_fixes
        )


def images_of_runs(records: Records) -> dict[str, frozenset[str]]:
    """The digests that each run delivers: those it baked, or else those that its change names."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records.search(kind=Kind.IMAGE):
        found[record.subject.run].add(str(record.body["digest"]))
    changed: dict[str, Any] = {}
    for record in records.search(kind=Kind.CHANGE):
        if record.subject.run not in found and record.body.get("image"):
            changed[record.subject.run] = frozenset({str(record.body["image"])})
    return changed | {run: frozenset(digests) for run, digests in found.items()}
