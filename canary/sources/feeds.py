"""One metric of one side, asked for look by look, as the samples that a judge takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from canary.config import MetricKind
from canary.durations import Duration
from canary.samples import EventCount, Gauge, Lacking, Moments, Sample
from canary.sources import Answer, Outcome, Source
from canary.sources.buckets import CumulativeHistogram
from canary.sources.cumulate import COUNTABLE, CumulativeCount
from canary.sources.pod_means import PodMeans
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series

#: A look asks for this long before the last one, or before the begin, so that points that came late are seen, and
#: series that were there before the begin are told from those that appear later.
BACK: Final = timedelta(minutes=5)
_TOO_WEAK: Final = "too weak"
_PARTS: Final = ("events", "requests", "buckets", "count", "total", "squares", "gauge")
_KINDS: Final[Mapping[frozenset[str], MetricKind]] = {
    frozenset({"events", "requests"}): MetricKind.COUNTS,
    frozenset({"events"}): MetricKind.EVENTS,
    frozenset({"buckets"}): MetricKind.HISTOGRAM,
    frozenset({"count", "total", "squares"}): MetricKind.MEAN,
    frozenset({"count", "total"}): MetricKind.GAUGE,
    frozenset({"gauge"}): MetricKind.GAUGE,
}


class Absent(StrEnum):
    """What it means that a query for events selects no series."""

    LACKING = "lacking"
    """Nothing is known: the query may be wrong."""
    ZERO = "zero"
    """No event happened yet: exporters make the series of an error with the first one."""


def _as_fields(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


QueryText = Annotated[dict[str, object], BeforeValidator(_as_fields)]


class Queries(BaseModel):
    """The queries of one metric; which are needed follows from what is sampled.

    Each is a text, or a mapping with `text`, options of its source, and perhaps `fidelity`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: QueryText | None = Field(default=None, description="Counts: what is counted, such as failed requests ...")
    requests: QueryText | None = Field(default=None, description="... and the requests among which it happens.")
    buckets: QueryText | None = Field(default=None, description="Histogram: counters by bucket, upper edges as `le`.")
    count: QueryText | None = Field(default=None, description="Mean: number of observations, ...")
    total: QueryText | None = Field(default=None, description="... their sum, ...")
    squares: QueryText | None = Field(default=None, description="... and their squares'; without, pods' means.")
    gauge: QueryText | None = Field(default=None, description="Gauge: a series for each pod.")
    pod: str = Field(default="pod", description="Gauge: the label that names the pod.")
    scale: float = Field(default=1.0, gt=0, description="Values are multiplied with this: 1000 makes seconds ms.")
    absent: Absent = Field(default=Absent.LACKING, description="What it means that no series of events is there.")
    delay: Duration = Field(default=timedelta(0), description="How long the store may still change its newest points.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self._given not in _KINDS:
            ways = "; ".join(f"{' and '.join(sorted(each))} ({kind})" for each, kind in _KINDS.items())
            given = " and ".join(sorted(self._given)) or "no query"
            raise ValueError(f"{given} fits no kind of sample; what fits is {ways}")
        return self

    @property
    def _given(self) -> frozenset[str]:
        return frozenset(name for name in _PARTS if getattr(self, name) is not None)

    @property
    def kind(self) -> MetricKind:
        """The kind of metric whose samples these queries give."""
        return _KINDS[self._given]

    def parts(self, templates: Mapping[str, str] | None = None) -> dict[str, Query]:
        """What is asked for, by the names of the fields above.

        Raises:
            CanaryError: when a query is wrong in itself.
        """
        return {name: Query.of(getattr(self, name), templates) for name in _PARTS if name in self._given}

    def is_none_yet(self, part: str, answer: Answer) -> bool:
        """Whether an answer without series means that nothing happened yet."""
        return answer.outcome is Outcome.NO_MATCH and part == "events" and self.absent is Absent.ZERO


@dataclass(frozen=True, slots=True)
class Target:
    """Which side of what is asked for.

    Args:
        source: the store.
        scope: the side.
        begin: from when is counted (aware).
        step: of the points that are asked for.
    """

    source: Source
    scope: Scope
    begin: datetime
    step: timedelta = timedelta(seconds=15)

    def ask(self, query: Query, start: datetime, end: datetime) -> Answer:
        """What the store has from `start` to `end`."""
        return self.source.fetch(query, self.scope, Span(start, end, self.step))


class Feed:
    """One metric of one side. Made from queries, it decides by itself what to sample.

    A look that fails leaves no hole behind: the next one asks for what it missed.

    Args:
        queries: what to ask.
        target: whom to ask, and for what.
        templates: named templates that queries may use, as in Kayenta.

    Raises:
        CanaryError: when a query is wrong in itself.
    """

    def __init__(self, queries: Queries, target: Target, templates: Mapping[str, str] | None = None) -> None:
        self._queries, self._target = queries, target
        self._parts = queries.parts(templates)
        begin_s = target.begin.timestamp()
        self._counts = {name: CumulativeCount(begin_s) for name in self._parts}
        self._means = PodMeans(begin_s, queries.pod)
        self._histogram = CumulativeHistogram(begin_s, scale=queries.scale)
        self._seen_until = target.begin
        self.notes: tuple[str, ...] = ()

    def sample(self, at: datetime) -> Sample:
        """What the side shows at a moment from the begin on; `notes` then has what is worth knowing besides.

        Args:
            at: the moment of the look (aware), the same for both sides.

        Raises:
            CanaryError: when a query is wrong in itself, such as by a variable that is not known.
        """
        until = at - self._queries.delay
        if until < self._target.begin or (until == self._target.begin and "gauge" in self._parts):
            return Lacking(Outcome.NO_DATA.value, "the look is not after the begin")
        answers = {name: self._ask(name, query, until) for name, query in self._parts.items()}
        self.notes = tuple(note for answer in answers.values() for note in answer.notes)
        unusable = next((each for each in answers.items() if not each[1].is_usable), None)
        if unusable is not None:
            name, answer = unusable
            return Lacking(answer.outcome.value, f"{name}: {answer.message}")
        self._seen_until = until
        if "buckets" in answers:
            return self._of_buckets(answers["buckets"])
        if "gauge" in answers:
            return self._of_gauge(answers["gauge"])
        return self._of_counts(answers, until)

    def _ask(self, name: str, query: Query, until: datetime) -> Answer:
        begin = self._target.begin
        # What a counter was before the begin tells what it grew since; a gauge of before says nothing.
        start = begin if name == "gauge" else max(begin, min(self._seen_until, until)) - BACK
        answer = self._target.ask(query, start, until)
        return replace(answer, outcome=Outcome.OK) if self._queries.is_none_yet(name, answer) else answer

    def _of_counts(self, answers: Mapping[str, Answer], until: datetime) -> Sample:
        for name, answer in answers.items():
            if weak := _weak(answer.series, COUNTABLE):
                return Lacking(_TOO_WEAK, f"{name}: {weak}, and only raw counters or counts by interval can be summed")
        closed_s = math.nextafter(until.timestamp() - self._target.step.total_seconds(), math.inf)
        if "total" in answers and "squares" not in answers:
            return self._of_means(self._means.add(answers["count"].series, answers["total"].series, closed_s))
        for name, answer in answers.items():
            self._counts[name].add(answer.series, closed_s)
        counts = {name: each.total for name, each in self._counts.items()}
        if "events" in counts:
            requests = round(counts["requests"]) if "requests" in counts else None
            return EventCount(round(counts["events"]), requests)
        scale = self._queries.scale
        return Moments(round(counts["count"]), counts["total"] * scale, counts["squares"] * scale**2)

    def _of_means(self, means: Mapping[str, float]) -> Sample:
        if not means:
            return Lacking(Outcome.NO_DATA.value, "no pod observed anything since the last look")
        return Gauge({pod: mean * self._queries.scale for pod, mean in means.items()})

    def _of_buckets(self, answer: Answer) -> Sample:
        if weak := _weak(answer.series, frozenset({Fidelity.COUNTER})):
            return Lacking(_TOO_WEAK, f"buckets: {weak}, and only raw counters make a histogram")
        self.notes += self._histogram.add(answer.series)
        histogram = self._histogram.histogram()
        why = "the series have no bucket with an edge in the label `le` and one of +Inf"
        return histogram if histogram is not None else Lacking(Outcome.MALFORMED.value, why)

    def _of_gauge(self, answer: Answer) -> Sample:
        shown = [each for each in answer.series if each.newest_s is not None]
        pods = {each.tags.get(self._queries.pod, each.name): _newest(each) * self._queries.scale for each in shown}
        if len(pods) < len(shown):
            why = f"{len(shown)} series have {len(pods)} different values of the label {self._queries.pod!r}"
            return Lacking(Outcome.MALFORMED.value, why)
        return Gauge(pods)


def _weak(series: Sequence[Series], fit: frozenset[Fidelity]) -> str:
    unfit = sorted({each.fidelity.value for each in series if each.fidelity not in fit})
    return f"the values are of fidelity {', '.join(unfit)}" if unfit else ""


def _newest(series: Series) -> float:
    return float(series.values[series.times_s == series.newest_s][-1])
