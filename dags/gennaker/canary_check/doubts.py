"""What Kayenta's judge reads otherwise than it looks, and says nothing of."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from canary.kayenta import KayentaConfig
from gennaker.errors import one_of, unknown
from gennaker.report import Report

#: Words that an option is compared with; any other counts as the last one.
_WORDS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("direction",): ("increase", "decrease", "either"),
    ("nanStrategy",): ("replace", "remove"),
    ("outliers", "strategy"): ("remove", "keep"),
    ("effectSize", "measure"): ("cles", "meanRatio"),
}
_LIMITS: Final = ("allowedIncrease", "allowedDecrease", "criticalIncrease", "criticalDecrease")
_OPTIONS: Final = ("direction", "nanStrategy", "critical", "mustHaveData", "muted", "outliers", "effectSize")
_JUDGES: Final = ("NetflixACAJudge-v1.0", "RemoteJudge-v1.0")


def add_doubts(config: KayentaConfig, report: Report) -> None:
    """Adds to the report what is probably not meant."""
    _add_storing(report)
    _add_weights(config, report)
    _add_thresholds(report)
    names = Counter(metric.name for metric in config.metrics)
    for index, metric in enumerate(config.metrics):
        if names[metric.name] > 1:
            report.add(f"metric {metric.name!r} is there more than once; only the first is used", "metrics", index)
        if not metric.groups:
            report.add(f"metric {metric.name!r} is in no group, so it counts for no score", "metrics", index)
        _add_options(f"metric {metric.name!r}", index, report)
        _add_template(f"metric {metric.name!r}", index, report)


def _add_storing(report: Report) -> None:
    """What Kayenta's API refuses when a config is stored; the judge itself does not look at it."""
    name = report.tree.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        report.add("Kayenta stores no config whose name is not letters, digits, - and _", "name")
    if not report.tree.get("applications"):
        report.add("Kayenta stores no config without an application", "applications")
    judge = report.tree.get("judge")
    judge_name = judge.get("name") if isinstance(judge, Mapping) else None
    if judge_name is not None and judge_name not in _JUDGES:
        report.add(f"judge {judge_name!r} is not {' or '.join(_JUDGES)}", "judge", "name")
    if not report.tree.get("metrics"):
        report.add("there are no metrics, so the score is 0", "metrics")


def _add_weights(config: KayentaConfig, report: Report) -> None:
    weights = config.classifier.group_weights or {}
    groups = {group for metric in config.metrics for group in metric.groups}
    at = ("classifier", "groupWeights")
    for group, weight in weights.items():
        if group not in groups and weight:
            what = f"group {group!r} has a weight of {weight:g} and no metric: its points are lost"
            report.add(what, *at, group)
    total, rest = sum(weights.values()), sorted(groups - set(weights))
    best = sum(weight for group, weight in weights.items() if group in groups)
    if rest and total > 100:
        report.add(f"weights add up to {total:g}, so {one_of(rest)} counts negatively", *at)
    elif not rest and groups and abs(best - 100) > 1e-9:
        report.add(f"weights of groups with metrics add up to {best:g}, so that is the best score, and not 100", *at)


def _add_thresholds(report: Report) -> None:
    classifier = report.tree["classifier"]
    thresholds = classifier.get("scoreThresholds")
    at = ("classifier", "scoreThresholds")
    if not isinstance(thresholds, Mapping):
        report.add("there are no score thresholds; who asks the judge must give them", *at)
        return
    for name in ("pass", "marginal"):
        if thresholds.get(name) is None:
            reads = "everything passes" if name == "pass" else "nothing fails"
            report.add(f"the threshold {name!r} is missing; asked so, the judge takes 0: {reads}", *at)
    passing, marginal = thresholds.get("pass"), thresholds.get("marginal")
    if isinstance(passing, int | float) and isinstance(marginal, int | float) and marginal > passing:
        report.add(f"the marginal threshold {marginal:g} is above the pass threshold {passing:g}", *at, "marginal")


def _add_options(metric: str, index: int, report: Report) -> None:
    options = _canary_options(report, index)
    at = ("metrics", index, "analysisConfigurations", "canary")
    for key in options:
        if key not in _OPTIONS:
            report.add(f"{metric}: {unknown('option', key, _OPTIONS)}; Kayenta ignores it", *at, key)
    for path, words in _WORDS.items():
        word = _found(options, path)
        if word is not None and word not in words:
            name = ".".join(path)
            report.add(f"{metric}: {name} {word!r} is none of {', '.join(words)}; read as {words[-1]!r}", *at, *path)
    sizes = options.get("effectSize")
    for limit in _LIMITS:
        if isinstance(sizes, Mapping) and limit in sizes and sizes[limit] is None:
            report.add(f"{metric}: effectSize.{limit} is null, read as 0", *at, "effectSize", limit)
    if options.get("critical") is True and options.get("mustHaveData") is True:
        report.add(f"{metric}: critical makes mustHaveData void", *at, "mustHaveData")


def _canary_options(report: Report, index: int) -> Mapping[str, Any]:
    options = (report.tree["metrics"][index].get("analysisConfigurations") or {}).get("canary")
    return options if isinstance(options, Mapping) else {}


def _found(options: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = options
    for step in path:
        node = node.get(step) if isinstance(node, Mapping) else None
    return node


def _add_template(metric: str, index: int, report: Report) -> None:
    query = report.tree["metrics"][index].get("query")
    if not isinstance(query, Mapping):
        return
    at = ("metrics", index, "query")
    name, templates = query.get("customFilterTemplate"), report.tree.get("templates")
    known: Iterator[str] | tuple[()] = iter(templates) if isinstance(templates, Mapping) else ()
    if isinstance(name, str) and name and not query.get("customInlineTemplate"):
        names = tuple(known)
        if name not in names:
            report.add(f"{metric}: {unknown('template', name, names)}", *at, "customFilterTemplate")
    if query.get("customFilter"):
        report.add(f"{metric}: Kayenta refuses customFilter; use a template", *at, "customFilter")
