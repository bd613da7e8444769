"""A judgment as one HTML page that needs nothing else."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from canary import figures, tables, wording
from canary.config import CanaryConfig
from canary.drawings import drawn
from canary.durations import format_duration
from canary.figures import Watched
from canary.figures.histograms import both_histograms
from canary.figures.pod_view import has_pods
from canary.judgment import Judgment, Verdict
from canary.looks import Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADINGS: Final = {
    Verdict.PASS: "Passed: the canary is safe",
    Verdict.FAIL: "Failed: the canary is worse",
    Verdict.INCONCLUSIVE: "Inconclusive: not enough evidence",
    Verdict.ERROR: "Error: the canary cannot be judged",
}
#: Metrics that are drawn. More are a page that nobody scrolls, and seconds to make.
MOST_DRAWN: Final = 12
#: Characters of the settings that are shown.
_MOST_SETTINGS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Card:
    """The pictures of one metric."""

    name: str
    sentence: str
    figures: list[Markup]


def render_report(
    config: CanaryConfig, looks: Sequence[Look], judgment: Judgment, title: str, facts: Mapping[str, str]
) -> str:
    """The judgment as a self-contained HTML page: why first, then numbers and pictures, the worst metric first.

    Args:
        config: what it was judged by.
        looks: the looks it was made from, oldest first.
        judgment: the judgment to report.
        title: heading of the page, such as the service and the versions.
        facts: what else the reader should know, in the order it is to be shown.
    """
    worst = tables.worst_first(judgment)
    sentences: dict[str, dict[str, None]] = {}
    for result in worst:
        sentences.setdefault(tables.metric_of(result, config), {})[result.sentence] = None
    shown = list(sentences)[:MOST_DRAWN]
    canary = Watched(config, looks, judgment, shown)
    draw = _Drawer()
    is_open = judgment.verdict is Verdict.INCONCLUSIVE and tables.has_evidence(judgment)
    overview = draw.all([partial(figures.effects, worst[:MOST_DRAWN]), partial(figures.traffic, canary)])
    cards = [_Card(name, " ".join(list(sentences[name])[:3]), draw.all(_pictures(canary, name))) for name in shown]
    needs = [tables.missing(each) for each in worst if each.verdict is not Verdict.PASS] if is_open else []
    return _template().render(
        title=title,
        heading=_HEADINGS[judgment.verdict],
        judgment=judgment,
        facts={**facts, **_own_facts(config, judgment)},
        rows=[tables.row(result, config, judgment) for result in worst],
        has_evidence=tables.has_evidence(judgment),
        needs=needs[:MOST_DRAWN],
        are_needs_cut=len(needs) > MOST_DRAWN,
        level=wording.percent(1 - config.beta),
        overview=overview if worst else [],
        cards=cards,
        total=len(sentences),
        is_thinned=canary.is_thinned,
        settings=_settings(config),
    )


def _settings(config: CanaryConfig) -> str:
    text = json.dumps(config.model_dump(mode="json", exclude_defaults=True), indent=1)
    return text if len(text) <= _MOST_SETTINGS else f"{text[:_MOST_SETTINGS]} …"


class _Drawer:
    """Draws figures, each with a number of its own on the page."""

    def __init__(self) -> None:
        self._count = 0

    def all(self, pictures: Sequence[Callable[[], "Figure"]]) -> list[Markup]:
        first = self._count + 1
        self._count += len(pictures)
        return [drawn(picture(), number) for number, picture in enumerate(pictures, start=first)]


def _pictures(canary: Watched, metric: str) -> list[Callable[[], "Figure"]]:
    """The figures that have something to show of a metric."""
    is_judged = tables.has_evidence(canary.judgment)
    pictures: list[Callable[..., Figure]] = [figures.evidence] if is_judged else []
    if canary.stretches:
        pictures.append(figures.series)
    if both_histograms(canary, metric) is not None:
        pictures += [figures.distributions, figures.quantile_differences]
    if has_pods(canary, metric):
        pictures.append(figures.pods)
    return [partial(picture, canary, metric) for picture in pictures]


def _own_facts(config: CanaryConfig, judgment: Judgment) -> dict[str, str]:
    watched = f"{format_duration(timedelta(seconds=round(judgment.elapsed_s)))}, {judgment.looks:,} looks"
    told = {
        "Decided by": judgment.decided_by or tables.NOTHING,
        "Watched for": watched,
        "Requests, baseline": f"{judgment.requests_baseline:,}",
        "Requests, canary": f"{judgment.requests_canary:,}",
        "Judge": config.judge.value,
        "Threshold profile": config.profile or tables.NOTHING,
    }
    return {**told, "False alarms allowed": wording.percent(config.alpha)} if tables.has_evidence(judgment) else told


@cache
def _template() -> Template:
    loader = PackageLoader("canary", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("report.html.j2")
