"""Releases as a model of risk sees them, from the records: what was known before each, and what became of it.

Learning and scoring build the facts of a release by the same function from the same records, as they were when its run
was opened. So no region count or rollback that is only known afterwards can slip into what is learned from.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from canary.learning.facts import ChangeFacts, ReleaseFacts
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from operators.change import ChangeState
from operators.learning.change_facts import change_in
from operators.learning.labels import Label, Source, label_of, truth_of
from operators.learning.releases import judged
from operators.records import Kind, Record, Records
from operators.runs import RunVerdict

#: How long a release counts in its service's history.
REMEMBERED: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class PastRelease:
    """A pipeline run of a service that released something, or is about to.

    Args:
        run: `dag id/run id`.
        service: whose.
        at: when it was opened (aware, UTC).
        change: what it changes.
        ended_at: when it was closed; None while it is open.
        verdict: how it was closed; None while it is open.
        regions: how many regions it was promoted in.
        labels: what was said of it, oldest first.
    """

    run: str
    service: str
    at: datetime
    change: ChangeFacts
    ended_at: datetime | None
    verdict: RunVerdict | None
    regions: int
    labels: tuple[Label, ...]

    @property
    def is_simulated(self) -> bool:
        """Whether it never was."""
        return self.run.partition("/")[2].startswith("simulated__")

    def truth_at(self, at: datetime) -> tuple[Truth, datetime, Source | None] | None:
        """What was known of it then, since when and by whom: the label that counts, or else that it was rolled back."""
        label = truth_of(label for label in self.labels if label.at <= at)
        if label:
            return label.truth, label.at, label.source
        if self.ended_at and self.ended_at <= at and self.verdict is RunVerdict.ROLLED_BACK:
            return Truth.BAD, self.ended_at, None
        return None

    def counts_at(self, at: datetime) -> bool:
        """Whether it is of the service's history then: it ended before, with traffic moved or taken back."""
        if self.ended_at is None or self.verdict not in (RunVerdict.PROMOTED, RunVerdict.ROLLED_BACK):
            return False
        return at - REMEMBERED <= self.ended_at < at


def facts_of(records: Records, run: str, service: str) -> ReleaseFacts | None:
    """What was known of a run before it started; None for a run that was never opened."""
    history = past_releases(records, service).get(service, [])
    release = next((each for each in history if each.run == run), None)
    return facts_in(history, release) if release else None


def labelled_releases(records: Records, as_of: datetime, *, simulated: bool = False) -> list[LabelledRelease]:
    """All releases whose truth was known at `as_of`: real ones, or simulated ones.

    Left out are rehearsals of a real service, as who rehearses decides how many are bad, and runs that were rolled back
    without having been judged: their like that went well has no label, so that only bad ones would count.
    """
    found, was_judged = [], {run for run, _, _, _ in judged(records)}
    for history in past_releases(records).values():
        for release in history:
            known = release.truth_at(as_of)
            if known is None or release.is_simulated is not simulated:
                continue
            truth, since, source = known
            if source is None and release.run not in was_judged:
                continue
            if simulated or source is not Source.REHEARSAL:
                found.append(LabelledRelease(facts_in(history, release), truth, since))
    return sorted(found, key=lambda each: (each.facts.at, each.facts.service))


def facts_in(history: Sequence[PastRelease], release: PastRelease) -> ReleaseFacts:
    """What was known of a release when it began, from all releases of its service."""
    before = [each for each in history if each.counts_at(release.at) and each.is_simulated is release.is_simulated]
    before.sort(key=lambda each: (each.ended_at or each.at, each.run))
    was_bad = [(known := each.truth_at(release.at)) is not None and known[0] is Truth.BAD for each in before]
    last = before[-1].ended_at if before else None
    return ReleaseFacts(
        service=release.service,
        at=release.at,
        change=release.change,
        regions=next((each.regions for each in reversed(before) if each.regions), 1),
        releases=len(before),
        rollbacks=sum(was_bad),
        hours_since_last=(release.at - last) / timedelta(hours=1) if last else None,
        was_last_rolled_back=bool(was_bad and was_bad[-1]),
    )


def past_releases(records: Records, service: str | None = None) -> Mapping[str, list[PastRelease]]:
    """All opened runs by service, oldest first; only of one service where it is named."""
    runs, changes = _by_run(records, Kind.RUN, service), _by_run(records, Kind.CHANGE, service)
    labels, deployments = _by_run(records, Kind.LABEL, service), _by_run(records, Kind.DEPLOYMENT, service)
    found: dict[str, list[PastRelease]] = defaultdict(list)
    for run, told in runs.items():
        opened = next((record for record in told if record.body.get("state") == "opened"), None)
        if opened is None:
            continue
        closed = next((record for record in told if record.body.get("state") == "closed"), None)
        promoted = (each for each in deployments[run] if each.body.get("state") == ChangeState.PROMOTED.value)
        release = PastRelease(
            run=run,
            service=opened.subject.service,
            at=opened.at,
            change=change_in(record.body for record in changes[run]),
            ended_at=closed.at if closed else None,
            verdict=RunVerdict(str(closed.body["verdict"])) if closed else None,
            regions=len({each.subject.region for each in promoted}),
            labels=tuple(label_of(record) for record in labels[run]),
        )
        found[release.service].append(release)
    for releases in found.values():
        releases.sort(key=lambda each: (each.at, each.run))
    return found


def _by_run(records: Records, kind: Kind, service: str | None) -> defaultdict[str, list[Record]]:
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records.search(kind=kind, service=service):
        found[record.subject.run].append(record)
    return found
