"""Effects of all metrics with their intervals, on one scale."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from canary.figures.style import COLOURS, blank, dress, name, note, tell
from canary.judgment import MetricResult, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The scale ends here; whatever is beyond is as good as without end.
_FARTHEST: Final = 100.0
_TICKS: Final = (0.01, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 100.0)
_TONES: Final = {Verdict.FAIL: "harm", Verdict.PASS: "safe", Verdict.ERROR: "harm", Verdict.INCONCLUSIVE: "open"}
#: The narrowest scale: this many times more, and less.
_NARROWEST: Final = 1.3


class _Ratio(NamedTuple):
    """How many times the baseline's the canary's is, with its interval; ends as far as the scale goes."""

    effect: float
    low: float
    high: float


def effects(metrics: Sequence[MetricResult]) -> "Figure":
    """Each metric's effect with its interval, as how many times the baseline's it is; 1 where the sides are alike.

    Odds ratios and ratios of rates are drawn as they are. A difference is drawn as the ratio it makes of the baseline's
    value.
    """
    figure, axes = blank(1.2 + 0.32 * max(len(metrics), 1), left=1.75)
    known = [(row, metric, ratio) for row, metric in enumerate(metrics) if (ratio := _ratio(metric)) is not None]
    if not known:
        dress(axes, "Canary against baseline", "", "")
        note(axes, "No effect is known yet.")
        return tell(figure, "No effect is known yet.")
    axes.set_xscale("log")
    axes.axvline(1, color=COLOURS["muted"], linewidth=1)
    widest = max(_NARROWEST, *(max(ratio.high, 1 / ratio.low) for *_, ratio in known))
    axes.set_xlim(1 / widest / 1.1, widest * 1.1)
    for row, metric, ratio in known:
        _interval(axes, row, ratio, COLOURS[_TONES[metric.verdict]], is_told=ratio.low < ratio.high)
    axes.set_ylim(len(metrics) - 0.5, -0.5)
    ticks = [tick for tick in _TICKS if 1 / widest / 1.1 <= tick <= widest * 1.1]
    ticks = ticks if len(ticks) <= 7 else [tick for tick in ticks if tick not in (0.2, 0.8, 1.25, 5.0)]
    axes.minorticks_off()
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    dress(axes, "Canary against baseline", "times the baseline's (1: alike)", "")
    axes.set_yticks(range(len(metrics)), [name(metric.name)[:26] for metric in metrics])
    return tell(figure, "Effects: " + "; ".join(_words(metric, ratio) for _, metric, ratio in known) + ".")


def _interval(axes: "Axes", row: int, ratio: _Ratio, colour: str, *, is_told: bool) -> None:
    if is_told:
        axes.plot([ratio.low, ratio.high], [row, row], color=colour, linewidth=3, solid_capstyle="round", alpha=0.55)
    axes.plot([ratio.effect], [row], "o", color=colour, markersize=6)


def _words(metric: MetricResult, ratio: _Ratio) -> str:
    interval = f" ({ratio.low:.2g} to {ratio.high:.2g})" if ratio.low < ratio.high else ""
    return f"{name(metric.name)} {ratio.effect:.3g} times the baseline's{interval}"


def _ratio(metric: MetricResult) -> _Ratio | None:
    if metric.effect is None or not math.isfinite(metric.effect):
        return None
    if not metric.unit.startswith("difference"):
        effect, low, high = metric.effect, metric.low, metric.high
    elif metric.baseline_value:
        size = abs(metric.baseline_value)
        effect = 1 + metric.effect / size
        low, high = (None if end is None else 1 + end / size for end in (metric.low, metric.high))
    else:
        return None
    if low is None and high is None:
        return _Ratio(_held(effect), _held(effect), _held(effect))
    return _Ratio(_held(effect), _held(0.0 if low is None else low), _held(math.inf if high is None else high))


def _held(ratio: float) -> float:
    return min(max(ratio, 1 / _FARTHEST), _FARTHEST)
