"""Whether a metric's query tells the two sides apart, and leaves two halves of the baseline alike."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.judgment import Judgment, Verdict
from canary.looks import Look, Side
from canary.samples import EventCount, Histogram, Lacking, Moments, Sample
from canary.session import start
from canary.sources import Answer, Outcome, Source
from canary.sources.cumulate import growth
from canary.sources.feeds import BACK, Absent, Feed, Queries, Target
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series

#: Labels that may name a pod, besides the one that the queries name.
_PODS: Final = ("pod", "instance", "host", "node")
#: Ways to halve the baseline that are tried: one that fails by chance is not yet a finding.
_SPLITS: Final = 5
#: Equal series of fewer points, or of one value only, may be equal by chance.
_TELLING_POINTS: Final = 3


class Finding(StrEnum):
    """What a self-check found."""

    SEPARATES = "separates"
    """The sides have series of their own, and halves of the baseline are not told apart."""
    SAME_QUERY = "same query"
    """Nothing in the query changes with the side."""
    SAME_SERIES = "same series"
    """Both sides get the same series."""
    OVERLAPS = "overlaps"
    """Some series are on both sides."""
    NOISY = "noisy"
    """The judge fails halves of the baseline against each other."""
    TOO_LITTLE = "too little"
    """The baseline is answered, and its halves cannot be compared."""
    NO_ANSWER = "no answer"
    """The source gives no usable answer for a side."""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What a self-check found, and the same in a sentence."""

    finding: Finding
    sentence: str

    @property
    def is_good(self) -> bool:
        """Whether a judgment by these queries means something."""
        return self.finding is Finding.SEPARATES


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked.

    Args:
        metric: how the metric is judged.
        queries: what it is read by.
        source: the store.
        baseline: the baseline's scope.
        canary: the canary's; None while there is none, which leaves only the halves to be checked.
        templates: named templates that queries may use.
    """

    metric: MetricConfig
    queries: Queries
    source: Source
    baseline: Scope
    canary: Scope | None = None
    templates: Mapping[str, str] | None = None


def self_check(subject: Subject, config: CanaryConfig, span: Span, seed: int = 0) -> SelfCheck:
    """Whether a judgment of this metric would mean something, tried on what the store has of a span.

    Args:
        subject: the metric and its sides.
        config: the error rates to judge the halves with.
        span: some past minutes of traffic; a look is taken at each step.
        seed: of the halves.

    Raises:
        CanaryError: when a query is wrong in itself.
    """
    queries = subject.queries.parts(subject.templates)
    # Some minutes more tell which series were there before.
    longer = replace(span, start=span.start - BACK)
    answers = {part: subject.source.fetch(query, subject.baseline, longer) for part, query in queries.items()}
    if lack := _lack(answers, "baseline", subject.queries):
        return lack
    if subject.canary is not None:
        others = {part: subject.source.fetch(query, subject.canary, longer) for part, query in queries.items()}
        sides = (subject.baseline, subject.canary)
        if (
            finding := _same_query(queries, sides)
            or _lack(others, "canary", subject.queries)
            or _shared(answers, others)
        ):
            return finding
    return _halves_compared(subject, config, span, {part: answer.series for part, answer in answers.items()}, seed)


def _lack(answers: Mapping[str, Answer], side: str, queries: Queries) -> SelfCheck | None:
    for part, answer in answers.items():
        if not answer.is_usable and not queries.is_none_yet(part, answer):
            why = f"{part} of the {side}: {answer.outcome.value}, {answer.message}"
            return SelfCheck(Finding.NO_ANSWER, f"The source has no usable answer for {why} ({answer.asked}).")
    return None


def _same_query(queries: Mapping[str, Query], sides: tuple[Scope, Scope]) -> SelfCheck | None:
    same = [part for part, query in queries.items() if query.filled(sides[0]) == query.filled(sides[1])]
    if not same:
        return None
    what = f"The query for {same[0]} is the same for both sides"
    return SelfCheck(Finding.SAME_QUERY, f"{what}, so it compares the baseline with itself: use ${{scope}} in it.")


def _shared(baseline: Mapping[str, Answer], canary: Mapping[str, Answer]) -> SelfCheck | None:
    for part, answer in canary.items():
        telling = [each for each in answer.series if _is_telling(each)]
        common = [each for each in telling if any(_is_same(each, other) for other in baseline[part].series)]
        if common and len(common) == len(telling):
            sentence = (
                f"Both sides get the same series for {part}, such as {common[0].name}: "
                "swapping baseline and canary would change nothing, so the labels select the same pods."
            )
            return SelfCheck(Finding.SAME_SERIES, sentence)
        if common:
            what = f"{len(common)} of the canary's {len(telling)} series for {part} are the baseline's too"
            return SelfCheck(Finding.OVERLAPS, f"{what}, such as {common[0].name}: the labels select too much.")
    return None


def _is_telling(series: Series) -> bool:
    known = series.values[~np.isnan(series.values)]
    return known.size >= _TELLING_POINTS and bool((known != known[0]).any())


def _is_same(one: Series, other: Series) -> bool:
    return one.tags == other.tags and one.has_same_points(other)


Parts = Mapping[str, Sequence[Series]]


def _halves_compared(subject: Subject, config: CanaryConfig, span: Span, parts: Parts, seed: int) -> SelfCheck:
    label, pods = _pods(parts, subject.queries.pod)
    chance = random.Random(seed)
    count = min(_SPLITS, len(pods) - 1) if label else 1
    way = f"pods ({label}) of the baseline in halves" if label else "time of the baseline in alternating steps"
    failed: list[Judgment] = []
    for _ in range(count):
        halves = _by_pod(parts, label, pods, chance) if label else _by_time(parts, span)
        # Harm is looked for in the second, and either half may be the worse one.
        judgments = [_judged(subject, config, span, order) for order in (halves, halves[::-1])]
        for judgment in judgments:
            if judgment is None or judgment.verdict is Verdict.ERROR:
                why = judgment.reason if judgment else f"there are too few looks with {subject.metric.name}."
                return SelfCheck(Finding.TOO_LITTLE, f"Halves of the baseline cannot be compared: {why}")
        failed += [each for each in judgments if each is not None and each.verdict is Verdict.FAIL][:1]
    ways = f"{count} ways to part the {way}" if label else f"The {way}"
    if len(failed) > (count > 1):
        found = f"{len(failed)} of {ways} fail" if label else f"{ways} fails"
        sentence = f"{found} without any change: {failed[0].reason} A canary would be rolled back for nothing."
        return SelfCheck(Finding.NOISY, sentence)
    apart = "The sides have series of their own, and the" if subject.canary is not None else "The"
    return SelfCheck(Finding.SEPARATES, f"{apart} {way} are not told apart.")


def _pods(parts: Parts, named: str) -> tuple[str, list[str]]:
    """The label by which all series can be halved, with its values; `""` where there is none."""
    series = [each for part in parts.values() for each in part]
    for label in (named, *_PODS):
        values = {each.tags.get(label, "") for each in series}
        if "" not in values and len(values) > 1:
            return label, sorted(values)
    return "", []


def _by_pod(parts: Parts, label: str, pods: Sequence[str], chance: random.Random) -> tuple[Parts, Parts]:
    chosen = set(chance.sample(list(pods), len(pods) // 2))
    first = {part: [each for each in series if each.tags[label] in chosen] for part, series in parts.items()}
    second = {part: [each for each in series if each.tags[label] not in chosen] for part, series in parts.items()}
    return first, second


def _by_time(parts: Parts, span: Span) -> tuple[Parts, Parts]:
    first = {part: [_of_steps(each, span, 0) for each in series] for part, series in parts.items()}
    second = {part: [_of_steps(each, span, 1) for each in series] for part, series in parts.items()}
    return first, second


def _of_steps(series: Series, span: Span, parity: int) -> Series:
    """The series as if things had happened in every second step only."""
    known = ~np.isnan(series.values)
    times_s, values = series.times_s[known], series.values[known]
    is_in = np.floor((times_s - span.start_s) / span.step_s).astype(int) % 2 == parity
    if series.fidelity is Fidelity.COUNTER:
        grown = np.where(is_in, growth(np.concatenate([values[:1], values])), 0.0)
        return Series(series.tags, times_s, np.cumsum(grown), series.fidelity)
    if series.fidelity is Fidelity.COUNT:
        return Series(series.tags, times_s, np.where(is_in, values, 0.0), series.fidelity)
    return Series(series.tags, times_s[is_in], values[is_in], series.fidelity)


class _Stored:
    """A source that gives again what was already read; it knows queries by their templates."""

    def __init__(self, queries: Mapping[str, Query], parts: Parts) -> None:
        self._series = [(queries[part], series) for part, series in parts.items()]

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The stored series of a query within the span."""
        series = next(
            tuple(each.between(span.start_s, span.end_s) for each in some) for q, some in self._series if q == query
        )
        if not series:
            return Answer(Outcome.NO_MATCH, query.text)
        return Answer(Outcome.OK if any(each.values.size for each in series) else Outcome.NO_DATA, query.text, series)


def _judged(subject: Subject, config: CanaryConfig, span: Span, halves: tuple[Parts, Parts]) -> Judgment | None:
    """The judgment of one half against the other; None when there is no look with both."""
    queries = subject.queries.parts(subject.templates)
    # The query was answered, so a half without events has none.
    settings = subject.queries.model_copy(update={"absent": Absent.ZERO})
    targets = [Target(_Stored(queries, half), subject.baseline, span.start, span.step) for half in halves]
    feeds = [Feed(settings, target, subject.templates) for target in targets]
    # Alternating steps are compared two by two.
    moments = [
        span.start + span.step * 2 * place for place in range(1, int((span.end - span.start) / span.step) // 2 + 1)
    ]
    pairs = [(at, [feed.sample(at) for feed in feeds]) for at in moments]
    pairs = [(at, samples) for at, samples in pairs if not any(isinstance(each, Lacking) for each in samples)]
    if len(pairs) < _TELLING_POINTS:
        return None
    requests = [_requests(sample) for sample in pairs[-1][1]]
    share = min(max(requests[1] / sum(requests), 0.01), 0.99) if sum(requests) else 0.5
    session = start(config.model_copy(update={"metrics": (subject.metric,)}))
    name = subject.metric.name
    for at, (first, second) in pairs:
        sides = [Side(_requests(each), 0, samples={name: each}) for each in (first, second)]
        judgment = session.add(Look(at, sides[0], sides[1], share))
    return judgment


def _requests(sample: Sample) -> int:
    match sample:
        case EventCount():
            return sample.requests or 0
        case Histogram():
            return sum(sample.buckets)
        case Moments():
            return sample.count
        case _:
            return 0
