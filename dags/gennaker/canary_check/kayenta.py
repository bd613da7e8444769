"""What a Kayenta canary config means, and what in it its judge would refuse."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from pydantic import ValidationError

from canary.kayenta import Compat, KayentaConfig
from canary.kayenta.options import Direction, Measure, Options
from gennaker.canary_check.doubts import add_doubts
from gennaker.canary_check.files import json_file
from gennaker.canary_check.findings import Findings
from gennaker.errors import PipelineErrors
from gennaker.report import Report

_KIND: Final = "Kayenta canary config"


def check_kayenta(path: Path) -> Findings:
    """What is to be said of a config's file."""
    try:
        text, tree = json_file(path)
    except PipelineErrors as errors:
        return Findings(str(path), _KIND, problems=errors.problems)
    problems, warnings = Report(tree), Report(tree)
    try:
        config = KayentaConfig.model_validate(msgspec.json.decode(text))
    except ValidationError as error:
        for detail in error.errors():
            where = ".".join(map(str, detail["loc"]))
            problems.add(f"{where}: {detail['msg'].removeprefix('Value error, ')}", *detail["loc"])
        return Findings(str(path), _KIND, problems=tuple(sorted(problems.problems)))
    for index, metric in enumerate(config.metrics):
        if flaw := metric.options[Compat.EXACT].flaw:
            what = f"metric {metric.name!r}: {flaw}; Kayenta fails the whole analysis"
            problems.add(what, "metrics", index, "analysisConfigurations", "canary")
    add_doubts(config, warnings)
    meaning = () if problems.problems else tuple(_meaning(config))
    found = (tuple(sorted(report.problems)) for report in (problems, warnings))
    return Findings(str(path), _KIND, meaning, *found)


def _meaning(config: KayentaConfig) -> Iterator[str]:
    weights = config.classifier.group_weights or {}
    groups = dict.fromkeys(group for metric in config.metrics for group in metric.groups)
    told = ", ".join(f"{group} {weights[group]:g} %" if group in weights else f"{group} (the rest)" for group in groups)
    metrics, in_groups = _number_of(len(config.metrics), "metric"), _number_of(len(groups), "group")
    yield f"{metrics} in {in_groups}: {told or 'none'}."
    yield "Each metric passes or fails by a Mann-Whitney test at 98 %; the score is the weighted share that passes."
    for metric in config.metrics:
        yield f"{metric.name}: {_metric(metric.options[Compat.EXACT])}"


def _number_of(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _metric(options: Options) -> str:
    if options.is_muted:
        return "muted, so reported but not scored."
    ways = []
    if options.direction is not Direction.DECREASE:
        ways.append("a rise" + _limit(options, options.allowed_increase, is_rise=True))
    if options.direction is not Direction.INCREASE:
        ways.append("a fall" + _limit(options, options.allowed_decrease, is_rise=False))
    told = f"fails on {' or '.join(ways)}"
    if options.is_critical:
        told += ", and is critical: it alone fails the canary"
        limits = [f"from {_size(options, options.critical_increase, is_rise=True)}"] * (
            options.direction is not Direction.DECREASE and options.critical_increase != options.allowed_increase
        )
        told += f" ({limits[0]})" if limits else ""
    return f"{told}; no data {_without_data(options)}."


def _limit(options: Options, limit: float, *, is_rise: bool) -> str:
    neutral = 0.5 if options.measure is Measure.CLES else 1.0
    return " of any size" if limit == neutral else f" of {_size(options, limit, is_rise=is_rise)} or more"


def _size(options: Options, limit: float, *, is_rise: bool) -> str:
    if options.measure is Measure.CLES:
        return f"a chance of {limit:g} that a canary's point is the larger"
    return f"{100 * (limit - 1 if is_rise else 1 - limit):.3g} %"


def _without_data(options: Options) -> str:
    if options.replaces_nan:
        return "passes"
    if options.is_critical:
        return "fails the canary"
    return "fails it" if options.must_have_data else "is not scored"
