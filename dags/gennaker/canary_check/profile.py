"""What a threshold profile means, and what in it is probably not meant."""

from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

from canary.config import CanaryConfig, JudgeKind, MetricConfig, MetricKind, Role
from canary.durations import format_duration
from canary.wording import evidence, percent
from gennaker.canary_check.files import profile_in
from gennaker.canary_check.findings import Findings
from gennaker.errors import PipelineErrors
from gennaker.parse import parse_file
from gennaker.report import Report

_KIND = "threshold profile"


def check_profile(path: Path, dags: Path) -> Findings:
    """What is to be said of a profile's file; what it extends lies beside it, or below `dags`."""
    try:
        tree = parse_file(path)
        config = profile_in(path, dags)
    except PipelineErrors as errors:
        return Findings(str(path), _KIND, problems=errors.problems)
    report = Report(tree)
    for what, where in _doubts(config):
        report.add(what, *_path(where, tree))
    return Findings(str(path), _KIND, tuple(_meaning(config)), warnings=tuple(sorted(report.problems)))


def _meaning(config: CanaryConfig) -> Iterator[str]:
    looks, most = format_duration(config.interval), format_duration(config.duration)
    if config.judge is not JudgeKind.SEQUENTIAL:
        yield f"Judged by the judge '{config.judge}', with a look each {looks}, for {most} at most."
        return
    least = format_duration(config.min_duration)
    yield f"A look each {looks}, for {most} at most; no PASS before {least} and {config.min_requests:,} requests."
    yield f"Of canaries that are no worse, at most {percent(config.alpha)} fail, however often they are looked at."
    yield f"Of canaries that are not safe, at most {percent(config.beta)} pass."
    for metric in config.metrics:
        yield f"{metric.name} ({metric.kind_in_use}, {metric.role}): {_metric(metric, config)}"


def _metric(metric: MetricConfig, config: CanaryConfig) -> str:
    measure = "odds" if metric.kind_in_use in (MetricKind.COUNTS, MetricKind.HISTOGRAM) else "ratio"
    worse = "any harm" if metric.tolerance == 1 else f"more than {metric.tolerance:g} times the baseline's {measure}"
    limit = evidence(-log(config.alpha_of(metric)))
    does = "fails" if metric.role is Role.GUARDRAIL else "holds"
    negligible = f" or a share below {percent(metric.negligible)}" if measure == "odds" and metric.negligible else ""
    protected = ""
    if metric.kind_in_use is MetricKind.HISTOGRAM:
        protected = f", at {', '.join(f'p{100 * level:g}' for level in metric.protect)} each"
    safe = f"less than {metric.margin:g} times the {measure}{negligible}{protected}"
    return f"{does} on {worse} at evidence {limit}; safe is {safe}."


def _doubts(config: CanaryConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is probably not meant, and the settings it is about."""
    if config.judge is not JudgeKind.SEQUENTIAL:
        return
    if config.alpha > 0.1:
        yield f"one canary in {1 / config.alpha:.0f} that is no worse will fail", ("alpha",)
    if config.beta > 0.2:
        yield f"one canary in {1 / config.beta:.0f} that is not safe will pass", ("beta",)
    if config.duration < 4 * config.interval:
        yield f"only {config.duration // config.interval} looks fit the duration", ("duration",)
    if config.warm_up >= config.duration:
        yield "the warm-up lasts as long as the canary, so nothing is judged", ("warm_up",)
    if config.min_requests == 0:
        yield "a canary with hardly any requests may pass", ("min_requests",)
    for metric in config.metrics:
        yield from _doubts_of(metric)


def _doubts_of(metric: MetricConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    at = ("metrics", metric.name)
    if metric.margin < 1.1:
        why = f"a margin of {metric.margin:g} takes very much traffic; see `gennaker canary power`"
        yield why, (*at, "margin")
    if metric.negligible > 0.1:
        yield f"a canary with {percent(metric.negligible)} of it counts as safe", (*at, "negligible")
    if metric.dispersion == 1:
        yield (
            "errors that come in clusters will fail healthy canaries; leave it out to estimate",
            (*at, "dispersion"),
        )


def _path(where: tuple[str, ...], tree: Any) -> tuple[str | int, ...]:
    """The path of a setting in the file; a metric is an item of a list there."""
    if where[0] != "metrics":
        return where
    for index, metric in enumerate(tree.get("metrics") or ()):
        if metric == where[1] or (isinstance(metric, dict) and metric.get("name") == where[1]):
            return ("metrics", index, *where[2:])
    return ("metrics",)
