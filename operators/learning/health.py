"""How well pipelines deliver, from the records: lead time, frequency, failures, recovery, and how long stages take.

The four figures are those of Forsgren, Humble and Kim 2018, "Accelerate", chapter 2.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from canary.learning.recorded import Truth
from operators.change import ChangeState
from operators.learning.labels import Labels, truth_of
from operators.records import Kind, Record, Records
from operators.records.chain import SIMULATED


@dataclass(frozen=True, slots=True)
class Delivery:
    """A release in one region, once its change there has ended.

    Args:
        run: `dag id/run id`.
        service: whose.
        environment: where.
        region: where.
        opened_at: when the run began (aware, UTC).
        ended_at: when it was promoted or rolled back there, first (aware, UTC).
        is_promoted: whether it got all traffic there.
        has_failed: whether it was promoted there and then taken back, or is labelled bad.
        recovery: from its promotion there until it was taken back; None where it was not.
        is_simulated: whether it never was.
    """

    run: str
    service: str
    environment: str
    region: str
    opened_at: datetime
    ended_at: datetime
    is_promoted: bool
    has_failed: bool
    recovery: timedelta | None
    is_simulated: bool

    @property
    def lead(self) -> timedelta:
        """From the beginning of the run to the end of its change in this region."""
        return self.ended_at - self.opened_at


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long a stage took in a region.

    Args:
        run: `dag id/run id`.
        service: whose.
        stage: which.
        region: where; `""` for a stage that has none.
        began_at: its first record (aware, UTC).
        time: from its first record to its last.
    """

    run: str
    service: str
    stage: str
    region: str
    began_at: datetime
    time: timedelta


def deliveries(records: Records, *, environment: str = "production") -> list[Delivery]:
    """The releases in an environment, by region, in the order they ended; runs without a beginning are left out."""
    opened = {r.subject.run: r for r in records.search(kind=Kind.RUN) if r.body.get("state") == "opened"}
    bad = {run for run, said in Labels(records).all().items() if (label := truth_of(said)) and label.truth is Truth.BAD}
    ended: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records.search(kind=Kind.DEPLOYMENT, environment=environment):
        if record.subject.run in opened:
            ended[record.subject.run, record.subject.region].append(record)
    found = [_delivery(opened[run], states, run in bad) for (run, _), states in ended.items()]
    return sorted(found, key=lambda each: (each.ended_at, each.run, each.region))


def stage_times(records: Records) -> list[StageTime]:
    """How long each stage of each run took in each region, in the order they began."""
    spans: dict[tuple[str, str, str], list[Record]] = {}
    for record in records.search():
        subject = record.subject
        if not subject.run or not subject.stage or record.kind is Kind.LABEL:
            continue
        span = spans.setdefault((subject.run, subject.stage, subject.region), [record, record])
        span[0], span[1] = min(span[0], record, key=_at), max(span[1], record, key=_at)
    found = [
        StageTime(run, first.subject.service, stage, region, first.at, last.at - first.at)
        for (run, stage, region), (first, last) in spans.items()
    ]
    return sorted(found, key=lambda each: (each.began_at, each.run, each.stage, each.region))


def _delivery(opened: Record, states: Sequence[Record], is_bad: bool) -> Delivery:
    subject, promoted = states[0].subject, _first(states, ChangeState.PROMOTED)
    back = _taken_back(states, promoted) if promoted else None
    return Delivery(
        run=subject.run,
        service=subject.service,
        environment=subject.environment,
        region=subject.region,
        opened_at=opened.at,
        ended_at=(promoted or states[0]).at,
        is_promoted=promoted is not None,
        has_failed=promoted is not None and (back is not None or is_bad),
        recovery=back.at - promoted.at if promoted and back else None,
        is_simulated=_is_simulated(opened.body),
    )


def _first(states: Sequence[Record], state: ChangeState) -> Record | None:
    return next((record for record in states if record.body.get("state") == state.value), None)


def _taken_back(states: Sequence[Record], promoted: Record) -> Record | None:
    """The record that says that the promoted change ended rolled back after all."""
    later = [each for each in states if each.seq > promoted.seq and each.subject.stage == promoted.subject.stage]
    return _first(later, ChangeState.ROLLED_BACK)


def _is_simulated(body: Mapping[str, object]) -> bool:
    return body.get(SIMULATED) is True


def _at(record: Record) -> datetime:
    return record.at
