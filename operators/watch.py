"""Watching a canary group against its control: look, judge, and cut traffic on harm.

The looks are stored before they are judged, so a watch that is started again, in another
process, goes on from the same evidence. Harm is answered here and not by a later task:
between the look that decides and 0 % traffic stand only the journal and the router.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from canary import CanaryConfig, GennakerError, Judgment, Look, Side, Verdict, start
from canary.judgment import UNSEEN
from operators.change import Change
from operators.clouds import open_cloud
from operators.environment import Environment
from operators.feeds import Feeds, scope_of
from operators.memory import Memory
from operators.records import Json, Kind, Records, Subject
from operators.records.records import utc_now

log = logging.getLogger(__name__)

#: Answered at once, and never taken back by later looks.
_HARM: Final = frozenset({Verdict.FAIL, Verdict.ERROR})


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched; small, plain values, so that a trigger can carry it.

    Args:
        judgment: id of the judgment, a safe file name.
        subject: run, pipeline, service and stage.
        environment: the environment, as JSON.
        region: where.
        control: name of the group that is compared with.
        canary: name of the group under judgment.
        canary_share: share of the pair's traffic set to the canary, in (0, 1).
        config: the canary configuration, as JSON.
        step: the ramp step, `""` where there is only one.
        until: when to stop watching this step at the latest; None: when the judge is done.
        began: when it was set up, from which a watch that never sees the traffic is timed.
        facts: what MLflow is told of it besides, as parameters and tags; `profile_version` is in the decision too.
    """

    judgment: str
    subject: Mapping[str, str]
    environment: Mapping[str, Any]
    region: str
    control: str
    canary: str
    canary_share: float
    config: Mapping[str, Any]
    step: str = ""
    until: datetime | None = None
    began: datetime = field(default_factory=utc_now)
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` is the way back."""
        until = self.until.isoformat() if self.until else None
        return {**asdict(self), "until": until, "began": self.began.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The watch that `to_json` wrote."""
        until = datetime.fromisoformat(value["until"]) if value["until"] else None
        return cls(**{**value, "until": until, "began": datetime.fromisoformat(value["began"])})

    def change(self, records: Records) -> Change:
        """The change of the cluster that the watch guards."""
        environment = Environment.from_json(self.environment)
        subject = Subject(**self.subject)
        cluster = environment.cluster(subject.service, self.region)
        return Change.of(records, open_cloud(environment.cloud), cluster, subject)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a watch came to: the judgment, and what was done about it at once.

    Args:
        judgment: the judgment at the last look.
        is_over: whether watching (this step) is done.
        seconds_to_zero: on harm, from the look that decided to the router's word that traffic is back.
    """

    judgment: Judgment
    is_over: bool
    seconds_to_zero: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` is the way back."""
        return {
            "judgment": self.judgment.to_json(),
            "is_over": self.is_over,
            "seconds_to_zero": self.seconds_to_zero,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The outcome that `to_json` wrote."""
        return cls(Judgment.from_json(value["judgment"]), bool(value["is_over"]), value["seconds_to_zero"])


class Watcher:
    """A watch in progress. Not thread-safe; one look at a time.

    Args:
        watch: what to watch.
        records: where looks and decisions are kept.
        memory: where the evidence of each look goes besides.
        clock: the time now (aware, UTC).
    """

    def __init__(self, watch: Watch, records: Records, memory: Memory, clock: Callable[[], datetime] = utc_now) -> None:
        self.watch = watch
        self.config = CanaryConfig.model_validate(watch.config)
        self._records = records
        self._memory = memory
        self._clock = clock
        self._change = watch.change(records)
        self._session = start(self.config)
        self._judgment: Judgment | None = None
        self._last: Look | None = None
        self._began: datetime | None = None
        self._number = 0
        self._feeds: Feeds | None = None
        for look in stored_looks(records, watch.judgment):
            self._judge(look)

    @property
    def interval(self) -> timedelta:
        """Time between two looks."""
        return self.config.interval

    def look(self) -> Outcome:
        """Takes one look, keeps it, judges it, and cuts traffic when it shows harm."""
        if self._judgment is not None and self._is_decided(self._judgment):
            return self._react(self._judgment)
        try:
            look = self._observe()
        except GennakerError as error:
            if self._clock() < self._unseen_until():
                raise
            log.warning("traffic_never_seen judgment=%s why=%s", self.watch.judgment, error)
            return Outcome(UNSEEN, True)
        if not self._records.looks.add(self.watch.judgment, self._number, json.loads(look.to_json())):
            return self._catch_up()
        judgment = self._judge(look)
        try:
            return self._react(judgment)
        finally:
            self._memory.look(self.watch.judgment, round(judgment.elapsed_s), look.at, _metrics(judgment))

    def _is_decided(self, judgment: Judgment) -> bool:
        """Whether more looks change nothing; a step of a ramp is watched to its end even after a PASS."""
        return judgment.verdict in _HARM or (judgment.is_final and self.watch.until is None)

    def _unseen_until(self) -> datetime:
        """When a watch ends that has not had one look yet."""
        return self.watch.until or self.watch.began + self.config.duration

    def _catch_up(self) -> Outcome:
        """Another process took this look already: its looks are the evidence, not ours."""
        for look in stored_looks(self._records, self.watch.judgment)[self._number :]:
            self._judge(look)
        assert self._judgment is not None
        return self._react(self._judgment)

    def _observe(self) -> Look:
        baseline, canary = self._counters()
        at = self._clock()
        if self._last is not None:  # a clock that was set back, or another host's, is no reason to stop
            at = max(at, self._last.at + timedelta(microseconds=1))
        look = Look(at, baseline, canary, self.watch.canary_share, self.watch.step)
        if self._feeds is None:
            self._feeds = self._open_feeds(self._began or at)
        return self._feeds.shown(look)

    def _open_feeds(self, begin: datetime) -> Feeds:
        watch, environment = self.watch, Environment.from_json(self.watch.environment)
        control, canary = (
            scope_of(group, watch.region, environment.name, watch.subject["service"])
            for group in (watch.control, watch.canary)
        )
        return Feeds(self.config, environment, control, canary, begin)

    def _counters(self) -> tuple[Side, Side]:
        """Both sides' counters; those of the last look while the cloud does not answer, which is no evidence.

        Raises what the cloud raises when there is no last look.
        """
        try:
            seen = self._change.cloud.observe(self._change.cluster)
        except GennakerError as error:
            if self._last is None:
                raise
            log.warning("traffic_not_seen judgment=%s why=%s", self.watch.judgment, error)
            return self._last.baseline, self._last.canary
        nothing = Side(0, 0)
        return seen.get(self.watch.control, nothing), seen.get(self.watch.canary, nothing)

    def _judge(self, look: Look) -> Judgment:
        self._began = self._began or look.at
        self._judgment = self._session.add(look)
        self._last = look
        self._number += 1
        return self._judgment

    def _react(self, judgment: Judgment) -> Outcome:
        if judgment.verdict in _HARM:
            self._change.cut(judgment.reason)
            assert self._last is not None
            return Outcome(judgment, True, (self._clock() - self._last.at).total_seconds())
        if self.watch.until is not None:
            return Outcome(judgment, self._clock() >= self.watch.until)
        return Outcome(judgment, judgment.is_final)


def stored_looks(records: Records, judgment: str) -> list[Look]:
    """The looks of a judgment as they were kept, in order."""
    return [Look.from_json(json.dumps(payload)) for payload in records.looks.of(judgment)]


def judgment_id(subject: Subject, region: str) -> str:
    """The id of the judgment of a stage in a region: unique, and safe as a file name."""
    return f"{subject.run}.{subject.stage}.{region}".replace("/", ".")


def begin_memory(watch: Watch, memory: Memory) -> None:
    """Starts the MLflow run of a watch in that of its pipeline run, with its settings and facts; safe to repeat."""
    subject = watch.subject
    experiment = f"gennaker/{subject['service']}"
    of_run = {name: subject[name] for name in ("service", "pipeline", "run")}
    places = {"environment": str(watch.environment["name"]), "region": watch.region}
    profile = {"profile": str(watch.config["profile"])}
    memory.begin(
        watch.judgment,
        experiment=experiment,
        name=f"{subject['stage']} {watch.region}",
        tags={**watch.facts, **of_run, "stage": subject["stage"], **places, **profile},
        params={**_settings(watch.config), **watch.facts, "control": watch.control, "canary": watch.canary},
        parent=memory.run_begins(subject["run"], experiment=experiment, tags=of_run),
    )


def _settings(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a canary as flat texts: `alpha`, `error_rate.margin` and so on."""
    flat = {name: str(value) for name, value in config.items() if isinstance(value, str | int | float)}
    for metric in config["metrics"]:
        flat |= {f"{metric['name']}.{name}": str(value) for name, value in metric.items() if value and name != "name"}
    return flat


def record_decision(watch: Watch, outcome: Outcome, records: Records) -> None:
    """Writes the decision with its evidence, once a watch and verdict; safe to repeat."""
    subject = replace(Subject(**watch.subject), environment=str(watch.environment["name"]), region=watch.region)
    body: dict[str, Json] = {
        "judgment_id": watch.judgment,
        "config": dict(watch.config),
        "profile_version": int(watch.facts.get("profile_version", 0)),
        "looks": outcome.judgment.looks,
        "judgment": json.loads(outcome.judgment.to_json()),
        "seconds_to_zero": outcome.seconds_to_zero,
    }

    def act(_: int) -> dict[str, Json]:
        known = records.search(kind=Kind.DECISION, run=subject.run, stage=subject.stage, region=subject.region)
        if all(r.body["looks"] != body["looks"] for r in known):
            records.append(Kind.DECISION, subject, body)
        return {"verdict": outcome.judgment.verdict.value}

    key = f"{subject.run}/{subject.stage}/{subject.region}/decide-{outcome.judgment.looks}"
    records.journal.once(key, subject, {"judgment": watch.judgment}, act)


def _metrics(judgment: Judgment) -> dict[str, float]:
    values: dict[str, float | None] = {
        "requests.baseline": judgment.requests_baseline,
        "requests.canary": judgment.requests_canary,
    }
    for metric in judgment.metrics:
        values[f"{metric.name}.evidence_harm"] = metric.log_evidence_harm
        values[f"{metric.name}.evidence_safe"] = metric.log_evidence_safe
        values[f"{metric.name}.effect"] = metric.effect
        values[f"{metric.name}.dispersion"] = metric.dispersion
    return {k: float(v) for k, v in values.items() if v is not None}
