"""A history of releases that never were, written into the records as those that were are.

Each simulated release is judged by a session over its looks, and its looks, decision, change, deployment, end and label
are written by the functions that write them for real ones. Its run's id begins with `simulated__`, which marks every
record of it (`operators/records/chain.py::append`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Final

import numpy as np

from canary.config import CanaryConfig, JudgeKind
from canary.errors import CanaryError
from canary.judgment import Judgment, Verdict
from canary.learning.recorded import Truth, looks_of
from canary.learning.stopped import stopped
from canary.learning.world import SimulatedRelease, World
from canary.looks import Look
from canary.session import start
from operators.change import ChangeState
from operators.environment import Environment
from operators.file_lock import locked
from operators.home import home
from operators.learning.labels import Labels, Source
from operators.records import Json, Kind, Records, Subject, chain
from operators.records.chain import SIMULATED
from operators.runs import Conclusion, Run, RunVerdict
from operators.stage import TRUTH
from operators.watch import Outcome, Watch, judgment_id, record_decision

WHO: Final = "gennaker simulate-history"
_STAGE: Final = "automated-canary"
#: Releases whose looks are in memory at once.
_AT_ONCE: Final = 100
#: Of baking and deploying, before the canary's first look.
_BEFORE: Final = timedelta(minutes=4)
#: From the verdict to the end of the run, in each further region.
_AFTER: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was written.

    Args:
        releases: how many there are in the records now.
        written: how many of them by this call.
        bad: how many were bad.
        stopped: how many were rolled back by their canary.
    """

    releases: int
    written: int
    bad: int
    stopped: int


def simulate_history(
    records: Records,
    world: World,
    config: CanaryConfig,
    *,
    length: timedelta | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Simulation:
    """Writes every release of a world, oldest first; those that are there already are left as they are.

    Broken off and called again with the same world it goes on where it was; two at once wait for each other.

    Args:
        records: where to write.
        world: the releases.
        config: what their canaries are judged by, of the sequential judge.
        length: from the first look to the last at most; the configuration's duration by default.
        on_progress: told after each release, with how many there are.

    Raises:
        CanaryError: when the configuration is of another judge than the sequential one, or has no guardrail that
            simulated traffic shows.
    """
    if config.judge is not JudgeKind.SEQUENTIAL:
        raise CanaryError(
            f"a history is not simulated for the judge '{config.judge}'",
            why="retuning learns for the sequential judge",
            mend="name a profile of the sequential judge",
        )
    releases, regions = world.releases(), {each.name: each.regions for each in world.services()}
    written = bad = 0
    with locked(home() / "simulate-history.lock"):
        known = _closed(records)
        for done, (release, looks) in enumerate(_with_looks(world, releases, config, length or config.duration, known)):
            if looks:
                _write(records, release, regions[release.service], config, looks)
                written += 1
            bad += release.truth is Truth.BAD
            on_progress(done + 1, len(releases))
        back = sum(_verdict_of(records, release) is RunVerdict.ROLLED_BACK for release in releases)
    return Simulation(len(releases), written, bad, back)


def has_real_releases(records: Records) -> bool:
    """Whether there is a run that was not simulated."""
    opened = (record for record in records.search(kind=Kind.RUN) if record.body.get("state") == "opened")
    return any(record.body.get(SIMULATED) is not True for record in opened)


def _closed(records: Records) -> set[str]:
    """Runs that were written to their end: the label is the last of it."""
    return {record.subject.run for record in records.search(kind=Kind.LABEL)}


def _with_looks(
    world: World, releases: Sequence[SimulatedRelease], config: CanaryConfig, length: timedelta, known: set[str]
) -> Iterator[tuple[SimulatedRelease, list[Look]]]:
    """Each release with the looks up to its verdict; without looks where it is written already."""
    places = iter(releases)
    for batch in world.batches(config, size=_AT_ONCE, length=length):
        part = list(islice(places, len(batch.canaries)))
        if all(release.run in known for release in part):
            yield from ((release, []) for release in part)
            continue
        taken = stopped(batch, config)
        for index, release in enumerate(part):
            yield release, [] if release.run in known else looks_of(taken, index)


def _write(
    records: Records, release: SimulatedRelease, regions: Sequence[str], config: CanaryConfig, looks: Sequence[Look]
) -> None:
    """All records of one release; each is there once, however often this is called."""
    subject = Subject(run=release.run, pipeline=release.service, service=release.service)
    session = start(config)
    for look in looks:
        judgment = session.add(look)
    opened, decided = release.at - _BEFORE, looks[-1].at
    run = _run(records, subject, opened)
    run.open({"who": WHO, "why": "a release that never was", "definition": "", TRUTH: release.truth.value})
    _write_change(_at(records, opened), subject, release)
    run.use_cloud("production", "simulated")
    _write_decision(_at(records, decided), subject, release, config, looks, judgment)
    is_passed = judgment.verdict is Verdict.PASS
    state = ChangeState.PROMOTED if is_passed else ChangeState.ROLLED_BACK
    ended = decided
    for region in regions if is_passed else regions[:1]:
        ended += _AFTER
        _write_deployment(_at(records, ended), subject, region, state, judgment.reason)
    verdict = RunVerdict.PROMOTED if is_passed else RunVerdict.ROLLED_BACK
    _run(records, subject, ended).close(Conclusion(verdict, judgment.reason))
    if is_passed and release.truth is Truth.BAD:
        back = ended + _until_noticed(release)
        for region in regions:
            _write_deployment(_at(records, back), subject, region, ChangeState.ROLLED_BACK, "harm was noticed later")
        ended = back
    Labels(records, lambda: ended).add(
        release.run, release.truth, source=Source.REHEARSAL, who=WHO, why="injected by the simulation"
    )


def _write_change(records: Records, subject: Subject, release: SimulatedRelease) -> None:
    """The image and what it changes."""
    digest = f"sha256:{sha256(release.id.encode()).hexdigest()}"
    stage = replace(subject, stage="bake-image")
    image: dict[str, Json] = {"name": release.service, "version": str(release.number), "digest": digest}
    _append_once(records, Kind.IMAGE, stage, image)
    change = release.facts.change
    body: dict[str, Json] = {"image": digest, "previous": "", **asdict(change), "kind": change.kind.value}
    _append_once(records, Kind.CHANGE, stage, body)


def _write_decision(
    records: Records,
    subject: Subject,
    release: SimulatedRelease,
    config: CanaryConfig,
    looks: Sequence[Look],
    judgment: Judgment,
) -> None:
    """The looks, and the decision by way of the watch that would have taken it."""
    stage = replace(subject, stage=_STAGE)
    place = replace(stage, environment="production", region=release.region)
    key = f"{stage.run}/{stage.stage}/{release.region}/watch"
    _at(records, looks[0].at).journal.once(key, place, {"canary": release.id}, lambda _: {})
    name = judgment_id(stage, release.region)
    records.looks.add_all(name, [json.loads(look.to_json()) for look in looks])
    watch = Watch(
        judgment=name,
        subject=asdict(stage),
        environment=Environment("production", "simulated", (release.region,)).to_json(),
        region=release.region,
        control=f"{release.service}-production-control",
        canary=f"{release.service}-production-canary",
        canary_share=looks[-1].canary_share,
        config=config.model_dump(mode="json"),
        began=looks[0].at,
    )
    record_decision(watch, Outcome(judgment, is_over=True), records)


def _write_deployment(records: Records, subject: Subject, region: str, state: ChangeState, reason: str) -> None:
    place = replace(subject, environment="production", region=region, stage="deploy")
    body: dict[str, Json] = {"state": state.value, "groups": [], "reason": reason}
    _append_once(records, Kind.DEPLOYMENT, place, body, own="state")


def _append_once(
    records: Records, kind: Kind, subject: Subject, body: Mapping[str, Json], *, own: str | None = None
) -> None:
    """Appends a record unless its subject has one of its kind, with the same value of `own` where that is given."""
    wanted = {"kind": kind.value, "run": subject.run, "stage": subject.stage, "region": subject.region}
    with records.database.write() as connection:
        known = chain.search(connection, wanted)
        if not any(own is None or record.body.get(own) == body[own] for record in known):
            chain.append(connection, records.now(), kind, subject, body)


def _verdict_of(records: Records, release: SimulatedRelease) -> RunVerdict | None:
    found = Run(records, Subject(run=release.run)).conclusion()
    return found.verdict if found else None


def _at(records: Records, at: datetime) -> Records:
    """The same records, at another time."""
    return Records(records.database, lambda: at)


def _run(records: Records, subject: Subject, at: datetime) -> Run:
    return Run(_at(records, at), subject)


def _until_noticed(release: SimulatedRelease) -> timedelta:
    """From promotion to the rollback of a bad release that was let through: half an hour to half a day."""
    rng = np.random.default_rng([release.seed, release.number, 1])
    return timedelta(hours=float(np.exp(rng.uniform(np.log(0.5), np.log(12)))))
