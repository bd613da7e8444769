"""A judgment as one HTML page that needs nothing else."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from canary import figures, wording
from canary.config import CanaryConfig
from canary.durations import format_duration
from canary.judgment import Judgment, MetricResult, Verdict
from canary.looks import Look
from canary.session import start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEADINGS: Final = {
    Verdict.PASS: "Passed: the canary is safe",
    Verdict.FAIL: "Failed: the canary is worse",
    Verdict.INCONCLUSIVE: "Inconclusive: not enough evidence",
    Verdict.ERROR: "Error: the canary cannot be judged",
}


def render_report(
    config: CanaryConfig, looks: Sequence[Look], judgment: Judgment, title: str, facts: Mapping[str, str]
) -> str:
    """The judgment as a self-contained HTML page: why first, then numbers and pictures.

    Args:
        config: what it was judged by.
        looks: the looks it was made from, oldest first.
        judgment: the judgment to report.
        title: heading of the page, such as the service and the versions.
        facts: what else the reader should know, in the order it is to be shown.
    """
    usable, judgments = _replayed(config, looks)
    drawn = [figures.evidence(judgments)] if judgments else []
    drawn += [figures.odds_ratios(judgment.metrics)] if judgment.metrics else []
    drawn += [figures.latency(usable), figures.error_rate(usable)] if len(usable) > 1 else []
    return _template().render(
        title=title,
        heading=_HEADINGS[judgment.verdict],
        judgment=judgment,
        facts={**facts, **_own_facts(config, judgment)},
        rows=[_row(metric) for metric in judgment.metrics],
        level=wording.percent(1 - config.beta),
        figures=[_inline_svg(figure) for figure in drawn],
        settings=json.dumps(config.model_dump(mode="json")),
    )


def _replayed(config: CanaryConfig, looks: Sequence[Look]) -> tuple[list[Look], list[Judgment]]:
    """The looks that a judge takes in, with its judgment after each; others cannot be drawn."""
    session, usable, judgments = start(config), list[Look](), list[Judgment]()
    for look in looks:
        judgment = session.add(look)
        if judgment.looks > len(usable):
            usable.append(look)
            judgments.append(judgment)
    return usable, judgments


def _own_facts(config: CanaryConfig, judgment: Judgment) -> dict[str, str]:
    return {
        "Decided by": judgment.decided_by.replace("_", " ") or "–",
        "Watched for": f"{format_duration(timedelta(seconds=round(judgment.elapsed_s)))}, {judgment.looks} looks",
        "Requests, baseline": f"{judgment.requests_baseline:,}",
        "Requests, canary": f"{judgment.requests_canary:,}",
        "Threshold profile": config.profile or "–",
        "False alarms allowed": wording.percent(config.alpha),
    }


def _row(metric: MetricResult) -> dict[str, str]:
    threshold = f" over {metric.threshold:g}" if metric.threshold is not None else ""
    high = "∞" if metric.high is None else f"{metric.high:.2g}"
    return {
        "name": metric.name.replace("_", " ") + threshold,
        "verdict": metric.verdict,
        "baseline": "–" if metric.baseline_value is None else wording.percent(metric.baseline_value),
        "canary": "–" if metric.canary_value is None else wording.percent(metric.canary_value),
        "effect": "–" if metric.effect is None else f"{metric.effect:.2g}",
        "interval": "–" if metric.low is None else f"{metric.low:.2g} … {high}",
        "harm": f"{wording.evidence(metric.log_evidence_harm)} / {wording.evidence(metric.log_limit_harm)}",
        "safe": f"{wording.evidence(metric.log_evidence_safe)} / {wording.evidence(metric.log_limit_safe)}",
        "dispersion": f"{metric.dispersion:.1f}",
    }


@cache
def _template() -> Template:
    loader = PackageLoader("canary", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("report.html.j2")


def _inline_svg(figure: "Figure") -> Markup:
    """The figure as an SVG element whose colours are the page's own."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "canary"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    for name, colour in figures.COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    return Markup(re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL))
