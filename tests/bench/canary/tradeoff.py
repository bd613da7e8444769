"""The whole trade-off of each rule: false alarms in an hour against the median delay, swept over its own knob.

Run: python -m tests.bench.canary.tradeoff [OUT.json] draws docs/pictures/canary-tradeoff.png and gives the points.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from canary.simulation import Traffic
from tests.bench.canary.rules import (
    Floats,
    Served,
    argo,
    flagger,
    found_percent,
    kayenta,
    median_minute,
    normal_quantile,
    ours,
    peeked,
    served,
    times,
)
from tests.bench.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE: Final = "5 Trade-off: false alarms in an hour against the median delay, 100 requests/s, errors 1 -> 2 %"
PICTURE: Final = Path(__file__).parents[3] / "docs" / "pictures" / "canary-tradeoff.png"
MINUTES: Final = 60
BASE, FACTOR, RATE, SEED = 0.01, 2.0, 100.0, 5000

TRAFFICS: Final = {"independent requests": 0.0, "errors clustered by minute, sigma 0.3": 0.3}
LEVELS: Final = (1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2)
#: Two-sided confidence of Kayenta's interval. The real judge has 98 % and no setting for it.
CONFIDENCES: Final = (0.5, 0.8, 0.9, 0.98, 0.998)
BOUNDS: Final = (1.5, 1.75)
LIMITS: Final = (0, 1, 3, 5, 8, 12)
THRESHOLDS: Final = (1, 2, 5, 8, 12)
#: Ringed in the picture: our default, and what the real Kayenta does.
SHIPPED: Final = frozenset(
    {("ours, every 15 s", "alpha 0.01"), ("Kayenta's rule, once after 60 min", "confidence 98 %")}
)

Rule = Callable[[Served], Floats]


@dataclass(frozen=True)
class Point:
    """One setting of one rule on one traffic; the median is None if fewer than half of the harmful are found."""

    traffic: str
    rule: str
    knob: str
    false_alarms_percent: float
    found_percent: float
    median_min: float | None
    runs: int


def settings() -> list[tuple[str, str, Rule]]:
    """Every rule but ours with every setting: its name, the knob's position, and the rule."""
    swept: list[tuple[str, str, Rule]] = []
    for confidence in CONFIDENCES:
        quantile = normal_quantile((1 + confidence) / 2)
        at_end = _bound(kayenta, looks=(MINUTES,), quantile=quantile)
        every = _bound(kayenta, looks=tuple(range(10, MINUTES + 1, 10)), quantile=quantile)
        swept.append(("Kayenta's rule, once after 60 min", f"confidence {100 * confidence:g} %", at_end))
        swept.append(("Kayenta's rule, every 10 min", f"confidence {100 * confidence:g} %", every))
    for bound in BOUNDS:
        of_argo, of_flagger = (
            f"Argo, errors below {bound:g} x the base",
            f"Flagger, errors at most {bound:g} x the base",
        )
        swept += [(of_argo, f"failureLimit {n}", _bound(argo, bound=bound * BASE, failure_limit=n)) for n in LIMITS]
        swept += [(of_flagger, f"threshold {n}", _bound(flagger, bound=bound * BASE, threshold=n)) for n in THRESHOLDS]
    swept += [("z-test, peeked every minute", f"alpha {level:g}", _bound(peeked, alpha=level)) for level in LEVELS]
    return swept


def _bound(rule: Callable[..., Floats], **knobs: Any) -> Rule:
    return lambda traffic: rule(traffic, **knobs)


def points(runs: int) -> list[Point]:
    """Every setting of every rule on both traffics, each with `runs` canaries without and with harm."""
    found: list[Point] = []
    for traffic, sigma in TRAFFICS.items():
        quiet, harmful = (
            served(Traffic(rate=RATE, error_rate=BASE, harm=harm, noise=sigma), runs, MINUTES, SEED + number)
            for number, harm in enumerate((1.0, times(BASE, FACTOR)))
        )
        for rule, knob, decide in settings():
            found.append(_point(traffic, rule, knob, decide(quiet), decide(harmful)))
        for level, alarms, delays in zip(LEVELS, ours(quiet, LEVELS), ours(harmful, LEVELS), strict=True):
            found.append(_point(traffic, "ours, every 15 s", f"alpha {level:g}", alarms, delays))
    return found


def _point(traffic: str, rule: str, knob: str, quiet: Floats, harmful: Floats) -> Point:
    median = median_minute(harmful)
    is_found = bool(np.isfinite(median))
    false, true = found_percent(quiet), found_percent(harmful)
    return Point(traffic, rule, knob, false, true, median if is_found else None, len(quiet))


def measure(scale: float = 1.0) -> list[Row]:
    """A row for each point, its median delay; the picture is drawn only from a run at full size."""
    swept = points(max(20, round(1000 * scale)))
    if scale >= 1:
        draw(swept, PICTURE)
    return [_row(point) for point in swept]


def _row(point: Point) -> Row:
    note = f"false alarms {point.false_alarms_percent:.1f} %, {point.found_percent:.1f} % found, {point.runs} runs"
    if point.median_min is None:
        note += "; fewer than half are found in the hour"
    median = point.median_min if point.median_min is not None else float(MINUTES)
    return Row(FIGURE, f"{point.traffic}: {point.rule}, {point.knob}", median, "min", note=note)


def draw(swept: Sequence[Point], path: Path) -> None:
    """The chart: a panel for each traffic, down and left is better."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "canary"}):
        figure = Figure(figsize=(11.5, 5.6), layout="constrained", facecolor="white")
        axes = figure.subplots(1, len(TRAFFICS), sharey=True)
        for axis, traffic in zip(axes, TRAFFICS, strict=True):
            _panel(axis, traffic, [point for point in swept if point.traffic == traffic])
        axes[0].set_ylabel("median minutes until twice the errors are found")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
        runs = swept[0].runs
        figure.suptitle(
            f"False alarms against delay: 100 requests/s a side, errors 1 % → 2 %, {runs:,} canaries a point"
        )
        figure.savefig(path, dpi=130, metadata={"Software": None})


#: Colours that stay apart for the colour-blind (Okabe and Ito 2008), and marks.
_LOOKS: Final = {
    "ours": ("#0072B2", "o", "-"),
    "Kayenta's rule, once": ("#000000", "s", "-"),
    "Kayenta's rule, every": ("#000000", "D", ":"),
    "z-test": ("#CC79A7", "v", "-"),
    "Argo, errors below 1.5": ("#D55E00", "^", "--"),
    "Argo, errors below 1.75": ("#D55E00", "^", "-"),
    "Flagger, errors at most 1.5": ("#009E73", "P", "--"),
    "Flagger, errors at most 1.75": ("#009E73", "P", "-"),
}


def _panel(axis: "Axes", traffic: str, swept: Sequence[Point]) -> None:
    none = 30.0 / swept[0].runs
    for start, (colour, mark, line) in _LOOKS.items():
        curve = [point for point in swept if point.rule.startswith(start)]
        if not curve:
            continue
        along = [max(point.false_alarms_percent, none) for point in curve]
        up = [point.median_min if point.median_min is not None else np.nan for point in curve]
        is_ours = start == "ours"
        axis.plot(
            along,
            up,
            label=curve[0].rule,
            color=colour,
            marker=mark,
            linestyle=line,
            linewidth=2.4 if is_ours else 1.2,
            markersize=7 if is_ours else 5,
            zorder=3 if is_ours else 2,
        )
        rings = [(x, y) for x, y, point in zip(along, up, curve, strict=True) if (point.rule, point.knob) in SHIPPED]
        axis.scatter(
            [x for x, _ in rings], [y for _, y in rings], s=190, facecolors="none", edgecolors=colour, zorder=4
        )
    axis.set(xscale="log", yscale="log", title=traffic, xlim=(none * 0.8, 130), ylim=(0.2, 75))
    axis.set_xlabel("healthy canaries failed within an hour, %")
    axis.text(0.02, 0.02, "down and left is better; rings: as shipped", transform=axis.transAxes, color="#555555")
    ticks = [tick for tick in (0.1, 1, 10, 100) if tick > 1.5 * none]
    axis.set_xticks([none, *ticks], ["none", *(f"{tick:g}" for tick in ticks)])
    axis.set_yticks([0.25, 0.5, 1, 2, 5, 10, 20, 60], ["0.25", "0.5", "1", "2", "5", "10", "20", "60"])
    axis.minorticks_off()
    axis.grid(color="#dddddd", linewidth=0.6)


def main() -> None:
    """Draws the picture and writes the points as JSON."""
    swept = points(1000)
    draw(swept, PICTURE)
    text = json.dumps([asdict(point) for point in swept], indent=1)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
