"""Evidence over time against the limits that decide."""

import math
from typing import TYPE_CHECKING, Final

from canary import wording
from canary.figures.style import COLOURS, blank, clock, dress, legend, name, note, numbered, tell
from canary.figures.watched import Watched
from canary.judgment import MetricResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WORDS: Final = {"harm": "harm", "safe": "safety"}


def evidence(canary: Watched, metric: str) -> "Figure":
    """A metric's evidence for harm and for safety over time; a limit that is passed decides.

    Far beyond its limit evidence is cut off: it says nothing more there.
    """
    figure, axes = blank()
    seen = [(each.elapsed_s, found) for each in canary.judgments if (found := _of(each.metrics, metric)) is not None]
    has_limits = bool(seen) and seen[-1][1].log_limit_harm > 0
    if not has_limits:
        dress(axes, f"Evidence: {name(metric)}", "", "")
        note(axes, "This judge has no evidence." if seen else "No evidence yet.")
        return tell(figure, f"There is no evidence on {name(metric)}.")
    unit, unit_s = clock(seen[-1][0])
    last = seen[-1][1]
    for kind in ("safe", "harm"):
        _curve(axes, [(at_s / unit_s, *_level(found, kind)) for at_s, found in seen], kind)
    axes.set_yscale("log")
    axes.minorticks_off()
    numbered(axes)
    dress(axes, f"Evidence: {name(metric)}", unit, "e-value")
    legend(axes)
    return tell(
        figure,
        f"Evidence on {name(metric)} over time; at the end {wording.evidence(last.log_evidence_harm)} for harm, of "
        f"{wording.evidence(last.log_limit_harm)} that fail the canary, and {wording.evidence(last.log_evidence_safe)} "
        f"for safety, of {wording.evidence(last.log_limit_safe)} that certify it.",
    )


def _of(metrics: tuple[MetricResult, ...], metric: str) -> MetricResult | None:
    return next((each for each in metrics if each.name == metric), None)


def _level(result: MetricResult, kind: str) -> tuple[float, float]:
    if kind == "harm":
        return result.log_evidence_harm, result.log_limit_harm
    return result.log_evidence_safe, result.log_limit_safe


def _curve(axes: "Axes", points: list[tuple[float, float, float]], kind: str) -> None:
    limit = points[-1][2]
    shown = [math.exp(min(max(value, -limit), 2 * limit)) for _, value, _ in points]
    times = [at for at, _, _ in points]
    axes.plot(times, shown, color=COLOURS[kind], linewidth=1.8, label=f"for {_WORDS[kind]}")
    axes.plot(times[-1:], shown[-1:], "o", color=COLOURS[kind], markersize=4)
    label = f"limit {wording.evidence(limit)}"
    axes.axhline(math.exp(limit), color=COLOURS[kind], linewidth=1, linestyle=(0, (4, 3)), label=label)
