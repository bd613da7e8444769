"""Evidence over time of recorded canaries, from which many settings are decided without working it out again."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.config import CanaryConfig, Direction, JudgeKind, MetricConfig, MetricKind, Role
from canary.errors import CanaryError
from canary.judgment import Verdict
from canary.learning.endings import Ending
from canary.learning.growth import Flags, Growth, growth_of
from canary.learning.recorded import Batch, Floats
from canary.learning.schedule import scheduled
from canary.looks import ERROR_RATE, LATENCY
from canary.sequential.counts import Counts
from canary.sequential.evidence import RateEvidence
from canary.sequential.protected import ProtectedEdges
from canary.sequential.share import MISS, log_share_evidence
from canary.sequential.shifts import ShiftEvidence, above

#: What a batch shows, and as what.
_HELD: Final[Mapping[str, MetricKind]] = {ERROR_RATE: MetricKind.COUNTS, LATENCY: MetricKind.HISTOGRAM}


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One metric's evidence over time, each of shape `(n, t)`.

    Args:
        log_harm: natural logarithm of the evidence for harm.
        log_safe: natural logarithm of the evidence for safety.
        is_lacking: whether the look does not show the metric.
    """

    log_harm: Floats
    log_safe: Floats
    is_lacking: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Evidence over time of a batch; good for every setting with the same `shape_of`.

    Args:
        shape: what the evidence was worked out under.
        batch: the looks that were taken.
        growth: what each of them adds.
        metrics: by name, of the metrics that a batch shows.
        log_wrong_share: natural logarithm of the evidence that traffic was split otherwise than set, `(n, t)`.
    """

    shape: Hashable
    batch: Batch
    growth: Growth
    metrics: Mapping[str, Course]
    log_wrong_share: Floats


def shape_of(config: CanaryConfig) -> Hashable:
    """The settings that shape evidence; those that differ in others only can share their `Courses`.

    They are the interval, the warm-up, and of each metric tolerance, margin, negligible, protect, dispersion and
    direction. Alpha, beta, weights, roles, least and longest time and least requests only decide.
    """
    metrics = tuple(
        (each.name, each.tolerance, each.margin, each.negligible, each.protect, each.dispersion, each.direction)
        for each in sorted(held(config), key=lambda each: each.name)
    )
    return config.interval, config.warm_up, metrics


def held(config: CanaryConfig) -> tuple[MetricConfig, ...]:
    """The metrics that a batch shows; the others are left out, with their part of alpha.

    Raises:
        CanaryError: when none of them is a guardrail.
    """
    found = tuple(each for each in config.metrics if _HELD.get(each.name) is each.kind_in_use and not each.source)
    if not any(each.role is Role.GUARDRAIL for each in found):
        names = ", ".join(each.name for each in config.metrics)
        raise CanaryError(
            "no metric of these settings can be replayed",
            why=f"{names}: none is a guardrail that recorded looks show",
            mend="add error_rate or latency",
        )
    return found


def courses_of(config: CanaryConfig, batch: Batch) -> Courses:
    """The evidence of all canaries of a batch, worked out side by side.

    Raises:
        CanaryError: when the configuration is not for the sequential judge, or none of its guardrails is shown.
    """
    if config.judge is not JudgeKind.SEQUENTIAL:
        raise CanaryError(
            f"the judge {config.judge} has no evidence over time",
            why="only the sequential judge has",
            mend="use `replayed`",
        )
    taken = scheduled(batch, config)
    growth = growth_of(taken, config)
    metrics = {
        metric.name: _counts(growth, metric) if metric.name == ERROR_RATE else _latency(growth, metric, taken)
        for metric in held(config)
    }
    share = log_share_evidence(growth.requests, np.where(growth.is_watched, taken.share, 0.5))
    return Courses(shape_of(config), taken, growth, metrics, share)


def _counts(growth: Growth, metric: MetricConfig) -> Course:
    size, looks = growth.is_look.shape
    evidence = RateEvidence(size, metric)
    harm, safe = np.zeros((2, size, looks))
    sides = growth.counts[::-1] if metric.direction is Direction.DECREASE else growth.counts
    for place in range(1, looks):
        (n_b, s_b), (n_c, s_c) = sides[..., place].astype(float)
        evidence.add(Counts(n_b, s_b, n_c, s_c))
        harm[:, place], safe[:, place] = evidence.log_harm(), evidence.log_safe()
    return Course(harm, safe, growth.lacks_counts)


def _latency(growth: Growth, metric: MetricConfig, batch: Batch) -> Course:
    size, looks = growth.is_look.shape
    harm, safe = np.zeros((2, size, looks))
    if not batch.edges_ms:
        return Course(harm, safe, growth.lacks_latency)
    shifts = ShiftEvidence(size, batch.edges_ms, metric.tolerance, metric.dispersion, is_stepped=False)
    protected = ProtectedEdges(size, len(batch.edges_ms), metric)
    sides = growth.latency[::-1] if metric.direction is Direction.DECREASE else growth.latency
    seen = np.zeros((size, len(batch.edges_ms) + 1))
    for place in range(1, looks):
        one, other = sides[:, :, place].astype(float)
        shifts.add(one, other)
        protected.add(*above(one), *above(other))
        seen += growth.latency[0, :, place]
        protected.pick(seen)
        harm[:, place] = shifts.log_harm()
        log_safe = protected.log_safe(shifts.log_weights(), shifts.levels)
        safe[:, place] = np.where(protected.is_picked, log_safe.min(axis=1), 0.0)
    return Course(harm, safe, growth.lacks_latency)


def decided(courses: Courses, config: CanaryConfig) -> list[Ending]:
    """How each canary would have ended under a configuration of the same shape.

    Raises:
        CanaryError: when the configuration is of another shape.
    """
    if shape_of(config) != courses.shape:
        raise CanaryError(
            "evidence does not fit these settings",
            why="it was worked out under others that shape it",
            mend="work it out again with `courses_of`",
        )
    growth = courses.growth
    elapsed = np.cumsum(growth.seconds, axis=1)
    is_fail, is_error, is_pass = _verdicts(courses, config, elapsed)
    is_end = is_fail | is_error | is_pass | (elapsed >= config.duration.total_seconds())
    is_end &= growth.is_look
    last = courses.batch.looks - 1
    places = np.where(is_end.any(axis=1), is_end.argmax(axis=1), last)
    endings = []
    for row, (canary, place) in enumerate(zip(courses.batch.canaries, places.tolist(), strict=True)):
        verdict = Verdict.INCONCLUSIVE
        for chosen, name in ((is_error, Verdict.ERROR), (is_pass, Verdict.PASS), (is_fail, Verdict.FAIL)):
            verdict = name if chosen[row, place] else verdict
        seconds = float(courses.batch.seconds[row, place])
        endings.append(Ending(canary.id, verdict, seconds, not bool(is_end[row, place])))
    return endings


def _verdicts(courses: Courses, config: CanaryConfig, elapsed: Floats) -> tuple[Flags, Flags, Flags]:
    """Where each look fails, errs and passes; the same order as `canary/sequential/verdicts.py::decide`."""
    metrics = held(config)
    excess = {each.name: courses.metrics[each.name].log_harm + np.log(config.alpha_of(each)) for each in metrics}
    guardrails = [each.name for each in metrics if each.role is Role.GUARDRAIL]
    signals = [each.name for each in metrics if each.role is Role.SIGNAL]
    growth = courses.growth
    is_fail = np.logaddexp.reduce([excess[name] for name in guardrails]) >= 0
    for name in guardrails:
        is_fail |= excess[name] >= 0
    # A look that cannot be judged ends the canary, whatever was seen before it.
    is_fail &= ~growth.is_fault
    is_error = growth.is_fault | (~is_fail & (courses.log_wrong_share >= -np.log(MISS)))
    requests = np.cumsum(growth.requests, axis=2).min(axis=0)
    is_pass = (requests >= max(config.min_requests, 1)) & (elapsed >= config.min_duration.total_seconds())
    for name in signals:
        is_pass &= excess[name] < 0
    for name in guardrails:
        course = courses.metrics[name]
        is_pass &= ~course.is_lacking & (course.log_safe >= -np.log(config.beta))
    return is_fail, is_error, is_pass & ~is_fail & ~is_error
