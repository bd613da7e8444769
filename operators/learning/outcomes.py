"""Outcomes: labels from what happened to a release after it was let through."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from canary.learning.recorded import Truth
from operators.learning.incidents import Incident, Incidents
from operators.learning.labels import Labels, Source
from operators.learning.releases import Release, judged, rehearsed, releases
from operators.records import Record, Records
from operators.records.records import utc_now

#: Who gives these labels.
WHO: Final = "gennaker"


@dataclass(frozen=True, slots=True)
class LabellingPolicy:
    """How long what happens counts against a release.

    Args:
        hot_fix_within: a hot fix this soon says that the release before it was bad.
        stable_after: without harm for so long, a release was good.
    """

    hot_fix_within: timedelta = timedelta(hours=24)
    stable_after: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event says of a run, and why."""

    run: str
    truth: Truth
    source: Source
    why: str


def label_outcomes(
    records: Records, policy: LabellingPolicy = LabellingPolicy(), clock: Callable[[], datetime] = utc_now
) -> list[Record]:
    """Writes the labels that are due and gives their records; again, or by two at once, adds nothing.

    A run that gets `stable` and does harm later gets a second label: `truth_of` says which counts.
    """
    labels = Labels(records, clock)
    known = {run: {label.source for label in of_run} for run, of_run in labels.all().items()}
    written = []
    for outcome in outcomes(records, policy, clock()):
        sources = known.setdefault(outcome.run, set())
        if outcome.source in sources or (outcome.source is Source.STABLE and sources):
            continue
        sources.add(outcome.source)
        record = labels.add_once(outcome.run, outcome.truth, source=outcome.source, who=WHO, why=outcome.why)
        if record:
            written.append(record)
    return written


def outcomes(records: Records, policy: LabellingPolicy, now: datetime) -> Iterator[Outcome]:
    """What the records say of the runs until `now`, harm before its absence."""
    timelines, incidents = releases(records), Incidents(records).all()
    for run, truth in sorted(_injected(records).items()):
        yield Outcome(run, truth, Source.REHEARSAL, "its trigger said what it was made to be")
    harmed = []
    for timeline in timelines.values():
        harmed += [*_gone_back(timeline), *_hot_fixed(timeline, policy.hot_fix_within)]
    harmed += _blamed(timelines, incidents)
    yield from harmed
    bad = {outcome.run for outcome in harmed}
    for timeline in timelines.values():
        yield from _stable([release for release in timeline if release.run not in bad], policy.stable_after, now)


def _injected(records: Records) -> dict[str, Truth]:
    runs = {run for run, _, _, _ in judged(records)}
    known = {truth.value: truth for truth in Truth}
    return {run: known[said] for run, said in rehearsed(records).items() if run in runs and said in known}


def _gone_back(timeline: Sequence[Release]) -> Iterator[Outcome]:
    """Releases whose image was taken out again: by taking the promotion back, or by releasing an older image."""
    source, older = Source.ROLLED_BACK_LATER, set[frozenset[str]]()
    for release in timeline:
        if release.passed and release.taken_back:
            yield Outcome(release.run, Truth.BAD, source, f"its promotion in {release.environment} was taken back")
    for release, following in pairwise(timeline):
        if release.passed and following.images in older and following.images != release.images:
            yield Outcome(
                release.run, Truth.BAD, source, f"{following.run} went back to an older image in {release.environment}"
            )
        if release.images:
            older.add(release.images)


def _hot_fixed(timeline: Sequence[Release], within: timedelta) -> Iterator[Outcome]:
    for release, following in pairwise(timeline):
        if release.passed and following.is_hot_fix and following.at - release.at <= within:
            yield Outcome(release.run, Truth.BAD, Source.HOT_FIX, f"{following.run} was a hot fix of it")


def _blamed(timelines: Mapping[tuple[str, str], Sequence[Release]], incidents: Sequence[Incident]) -> list[Outcome]:
    """Releases that an incident names, or that were the newest of the service when it began."""
    of_service: dict[str, list[Sequence[Release]]] = defaultdict(list)
    for (service, _), timeline in timelines.items():
        of_service[service].append(timeline)
    return [
        Outcome(release.run, Truth.BAD, Source.INCIDENT, f"incident of record {incident.seq}: {incident.why}")
        for incident in incidents
        for timeline in of_service[incident.service]
        for release in _to_blame(timeline, incident)
        if release.passed
    ]


def _to_blame(timeline: Sequence[Release], incident: Incident) -> list[Release]:
    if incident.run:
        return [release for release in timeline if release.run == incident.run]
    return [release for release in timeline if release.at <= incident.begin][-1:]


def _stable(timeline: Sequence[Release], after: timedelta, now: datetime) -> Iterator[Outcome]:
    days = after / timedelta(days=1)
    for release in timeline:
        if release.passed and now - release.at >= after:
            yield Outcome(release.run, Truth.GOOD, Source.STABLE, f"no harm was seen within {days:g} days")
