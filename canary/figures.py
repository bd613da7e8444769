"""Pictures of a canary: evidence, odds ratios, latencies, error rates."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from canary.judgment import Judgment, MetricResult
from canary.looks import ERROR_RATE, LATENCY, Look
from canary.samples import EventCount, Histogram
from canary.ticks import Pair, Tick, ticks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours by meaning. A report replaces each with a CSS variable, so that it follows light and dark.
COLOURS: Final = {
    "baseline": "#2f6fb1",
    "canary": "#d9730d",
    "harm": "#c4362b",
    "safe": "#2e7d50",
    "ink": "#24292e",
    "muted": "#6a737c",
    "rule": "#d8dee5",
}
#: Shorter stretches than this part of the whole are noise to the eye.
_MOST_POINTS: Final = 20
#: Up to this the time axis is in seconds.
_SHORT_S: Final = 180.0


def evidence(judgments: Sequence[Judgment]) -> "Figure":
    """Evidence of each metric for harm and for safety over time, against the limits that decide."""
    figure = _figure(8.4, 3.0)
    harm, safe = figure.subplots(1, 2)
    judged = [each for each in judgments if each.metrics]
    unit, unit_s = _clock(judged[-1].elapsed_s if judged else 0.0)
    times = [each.elapsed_s / unit_s for each in judged]
    for index, name in enumerate(metric.name for metric in judged[-1].metrics) if judged else ():
        results = [each.metrics[index] for each in judged]
        style = ("-", "--", ":", "-.")[index % 4]
        _curve(harm, times, [(each.log_evidence_harm, each.log_limit_harm) for each in results], style, name, "harm")
        _curve(safe, times, [(each.log_evidence_safe, each.log_limit_safe) for each in results], style, name, "safe")
    for axes, title in ((harm, "Evidence for harm"), (safe, "Evidence for safety")):
        axes.set_yscale("log")
        axes.minorticks_off()
        _label(axes, title, unit, "e-value")
        if judged:
            axes.legend(frameon=False, fontsize=9, labelcolor=COLOURS["ink"])
    return figure


def odds_ratios(metrics: Sequence[MetricResult]) -> "Figure":
    """Each metric's odds ratio with its interval; 1 means that the sides are alike."""
    figure = _figure(8.4, 0.9 + 0.45 * len(metrics))
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.axvline(1, color=COLOURS["muted"], linewidth=1)
    for row, metric in enumerate(metrics):
        if metric.effect is None:
            continue
        low, high = max(metric.low or 0.005, 0.005), min(metric.high or 200.0, 200.0)
        axes.plot([low, high], [row, row], color=COLOURS["canary"], linewidth=3, solid_capstyle="round")
        axes.plot([metric.effect], [row], "o", color=COLOURS["canary"], markersize=7)
    axes.set_yticks(range(len(metrics)), [metric.name.replace("_", " ") for metric in metrics])
    axes.set_ylim(len(metrics) - 0.5, -0.5)
    ticks = [0.01, 0.1, 0.5, 1, 2, 10, 100]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    _label(axes, "Odds ratio, canary against baseline", "better  ←  1  →  worse", "")
    return figure


def latency(looks: Sequence[Look]) -> "Figure":
    """How the requests of each side spread over the latency buckets."""
    figure = _figure(8.4, 3.0)
    axes = figure.subplots()
    pairs = [pair for tick in ticks_of(looks, [LATENCY]) if isinstance(pair := tick.metrics[LATENCY], Pair)]
    if pairs:
        edges = _histogram(pairs[-1].baseline).edges
        names = [f"≤ {_ms(edge)}" for edge in edges] + [f"> {_ms(edges[-1])}"]
        shares = [
            _shares([_histogram(getattr(pair, side)).buckets for pair in pairs]) for side in ("baseline", "canary")
        ]
        filled = [index for index in range(len(names)) if any(share[index] for share in shares)] or [0]
        shown = range(max(filled[0] - 1, 0), min(filled[-1] + 2, len(names)))
        for shift, side, share in ((-0.21, "baseline", shares[0]), (0.21, "canary", shares[1])):
            places = [place + shift for place in range(len(shown))]
            axes.bar(places, [100 * share[index] for index in shown], 0.4, color=COLOURS[side], label=side)
        axes.set_xticks(range(len(shown)), [names[index] for index in shown])
        axes.legend(frameon=False, fontsize=9, labelcolor=COLOURS["ink"])
    _label(axes, "Latency of both sides", "response time", "% of requests")
    return figure


def error_rate(looks: Sequence[Look]) -> "Figure":
    """Error rate of each side over time."""
    figure = _figure(8.4, 2.6)
    axes = figure.subplots()
    groups = _grouped(ticks_of(looks, [ERROR_RATE]))
    ends_s = list(accumulate(sum(tick.seconds for tick in group) for group in groups))
    unit, unit_s = _clock(ends_s[-1] if groups else 0.0)
    for side in ("baseline", "canary"):
        rates = [100 * _error_share([_counts(tick, side) for tick in group]) for group in groups]
        axes.step(
            [0.0, *(end / unit_s for end in ends_s)],
            [*rates[:1], *rates],
            where="pre",
            color=COLOURS[side],
            linewidth=1.8,
            label=side,
        )
    if groups:
        axes.legend(frameon=False, fontsize=9, labelcolor=COLOURS["ink"])
    axes.set_ylim(bottom=0)
    _label(axes, "Error rate of both sides", unit, "% of requests")
    return figure


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="none")


def _label(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_facecolor("none")
    axes.set_title(title, loc="left", fontsize=11, color=COLOURS["ink"])
    axes.set_xlabel(across, color=COLOURS["muted"], fontsize=9)
    axes.set_ylabel(up, color=COLOURS["muted"], fontsize=9)
    axes.tick_params(colors=COLOURS["muted"], labelsize=9, length=0)
    axes.grid(visible=True, color=COLOURS["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curve(
    axes: "Axes", times: list[float], values: list[tuple[float, float]], style: str, name: str, kind: str
) -> None:
    """One e-value over time; far beyond the limits it is cut off, where it says nothing more."""
    limit = values[-1][1]
    shown = [math.exp(min(max(value, -limit), 2 * limit)) for value, _ in values]
    axes.plot(times, shown, style, color=COLOURS[kind], linewidth=1.8, label=name.replace("_", " "))
    axes.axhline(math.exp(limit), color=COLOURS["muted"], linewidth=1, linestyle=style)


def _clock(longest_s: float) -> tuple[str, float]:
    """The unit of a time axis, and how many seconds one has."""
    return ("seconds", 1.0) if longest_s <= _SHORT_S else ("minutes", 60.0)


def _histogram(sample: object) -> Histogram:
    assert isinstance(sample, Histogram)
    return sample


def _counts(tick: Tick, side: str) -> EventCount:
    pair = tick.metrics[ERROR_RATE]
    counts = getattr(pair, side) if isinstance(pair, Pair) else None
    return counts if isinstance(counts, EventCount) else EventCount(0, 0)


def _grouped(ticks: list[Tick]) -> list[list[Tick]]:
    size = -(-len(ticks) // _MOST_POINTS) or 1
    return [ticks[start : start + size] for start in range(0, len(ticks), size)]


def _shares(histograms: Sequence[Sequence[int]]) -> list[float]:
    sums = [sum(counts) for counts in zip(*histograms, strict=True)]
    return [count / (sum(sums) or 1) for count in sums]


def _error_share(counts: Sequence[EventCount]) -> float:
    return sum(each.events for each in counts) / (sum(each.requests or 0 for each in counts) or 1)


def _ms(edge: float) -> str:
    return f"{edge:g} ms" if edge < 1000 else f"{edge / 1000:g} s"
