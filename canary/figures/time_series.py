"""What both sides showed over time, whatever kind of metric it is."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from canary.figures.style import COLOURS, blank, clock, drawable, dress, legend, name, note, numbered, short, tell
from canary.figures.watched import Watched
from canary.samples import EventCount, Gauge, Histogram, Sample
from canary.threshold.config import ArgoMetric, Compared, FlaggerMetric, Measure, Measured
from canary.threshold.values import value_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Quantiles of a histogram for which none are configured.
_QUANTILES: Final = (0.5, 0.99)
#: One number a side is a whole line; of two quantiles the lower one is dashed.
_STYLES: Final = {1: ("-",), 2: ("--", "-")}
_UNITS: Final = {Measure.PER_SECOND: "a second"}
_SHARES: Final = (Measure.ERROR_PERCENT, Measure.SUCCESS_PERCENT, Measure.ERROR_SHARE, Measure.SUCCESS_SHARE)
_PERCENTS: Final = {
    Measure.ERROR_SHARE: Measure.ERROR_PERCENT,
    Measure.SUCCESS_SHARE: Measure.SUCCESS_PERCENT,
}


def series(canary: Watched, metric: str) -> "Figure":
    """Both sides' values over time: a share, a rate, quantiles, a mean, or the mean and range of pods.

    Where a side showed nothing lines have a gap. Upright dotted lines are the steps of a ramp, level ones the bounds of
    the judge `threshold`.
    """
    figure, axes = blank()
    title = f"Over time: {name(metric)}"
    sample = next((both[0] for both in reversed(canary.seen(metric)) if both is not None), None)
    if sample is None:
        dress(axes, title, "", "")
        note(axes, "Both sides were never seen together.")
        return tell(figure, f"{name(metric)} was never seen on both sides.")
    unit, unit_s = clock(canary.points[-1].end_s)
    lines = _lines(canary, metric, sample)
    last: list[str] = []
    for line, style in zip(lines, _STYLES[len(lines)], strict=True):
        quantile = f" p{100 * line.quantile:g}" if line.measure is Measure.QUANTILE else ""
        for which, side in enumerate(("baseline", "canary")):
            values = _values(canary, which, line)
            draw(axes, canary, values, unit_s, (COLOURS[side], style, f"{side}{quantile}"))
            last.append(f"{side}{quantile} {short(values[-1])}")
    _ranges(axes, canary, metric, unit_s)
    _marks(axes, canary, metric, unit_s)
    dress(axes, title, unit, _up(lines[0].measure, canary.unit(metric)))
    numbered(axes)
    if lines[0].measure is not Measure.MEAN:
        axes.set_ylim(bottom=0)
    legend(axes)
    return tell(figure, f"{name(metric)} over time; at the end: {', '.join(last)}.")


def _lines(canary: Watched, metric: str, sample: Sample) -> list[Measured]:
    """The numbers to draw: what the bounds are about, if there are any, else what suits the samples."""
    bounded = [each for each in canary.bounds if each.metric == metric]
    if bounded:
        return [_as_percent(bounded[0])]
    match sample:
        case EventCount(requests=None):
            return [Measured(name=metric, metric=metric, measure=Measure.PER_SECOND)]
        case EventCount():
            return [Measured(name=metric, metric=metric, measure=Measure.ERROR_PERCENT)]
        case Histogram():
            settings = canary.settings(metric)
            levels = sorted(settings.protect if settings is not None else _QUANTILES)
            return [
                Measured(name=metric, metric=metric, measure=Measure.QUANTILE, quantile=level)
                for level in dict.fromkeys((levels[0], levels[-1]))
            ]
        case _:
            return [Measured(name=metric, metric=metric, measure=Measure.MEAN)]


def _as_percent(measured: Measured) -> Measured:
    return measured.model_copy(update={"measure": _PERCENTS.get(measured.measure, measured.measure)})


def _values(canary: Watched, which: int, line: Measured) -> list[float]:
    """One side's numbers at each point, NaN where there is none."""
    values = [
        value_of(both[which], line, point.seconds) if both is not None else math.nan
        for point, both in zip(canary.points, canary.seen(line.metric), strict=True)
    ]
    return [drawable(value) if isinstance(value, float | int) else math.nan for value in values]


def draw(axes: "Axes", canary: Watched, values: Sequence[float], unit_s: float, look: tuple[str, str, str]) -> None:
    """Draws one value a point, a single one as long as its time; `look` is colour, style of line and label."""
    colour, style, label = look
    points = canary.points
    if len(points) == 1:
        axes.plot([points[0].begin_s / unit_s, points[0].end_s / unit_s], [*values, *values], style, color=colour)
    times = [(point.begin_s + point.end_s) / 2 / unit_s for point in points]
    axes.plot(times, values, style, color=colour, linewidth=1.8, label=label)
    # A value between two gaps is no line.
    is_gap = [True, *map(math.isnan, values), True]
    alone = [place for place in range(len(values)) if is_gap[place] and not is_gap[place + 1] and is_gap[place + 2]]
    axes.plot([times[place] for place in alone], [values[place] for place in alone], "o", color=colour, markersize=3)


def _ranges(axes: "Axes", canary: Watched, metric: str, unit_s: float) -> None:
    """The range of the pods of each side, where the metric is a gauge."""
    for which, side in enumerate(("baseline", "canary")):
        pairs = zip(canary.points, canary.seen(metric), strict=True)
        found = [(point, both[which]) for point, both in pairs if both is not None]
        known = [
            ((point.begin_s + point.end_s) / 2 / unit_s, min(values), max(values))
            for point, sample in found
            if isinstance(sample, Gauge) and (values := numbers_of(sample))
        ]
        if known:
            times, lows, highs = zip(*known, strict=True)
            axes.fill_between(times, lows, highs, color=COLOURS[side], alpha=0.16, linewidth=0)


def numbers_of(gauge: Gauge) -> list[float]:
    """What its pods show that can be drawn."""
    return [value for each in gauge.pods.values() if not math.isnan(value := drawable(each))]


def _marks(axes: "Axes", canary: Watched, metric: str, unit_s: float) -> None:
    for point in canary.stretches:
        if point.ticks[0].opens_step:
            axes.axvline(point.begin_s / unit_s, color=COLOURS["muted"], linewidth=1, linestyle=":")
    bounds = [bound for each in canary.bounds if each.metric == metric for bound in _bounds(each)]
    for index, bound in enumerate(bounds):
        label = "bound" if index == 0 else None
        axes.axhline(bound, color=COLOURS["harm"], linewidth=1.2, linestyle=(0, (4, 3)), label=label)


def _bounds(measured: Measured) -> list[float]:
    """The bounds on the canary's own value, in percent where shares are drawn."""
    if measured.compared is not Compared.CANARY:
        return []
    given: list[float | None] = []
    if isinstance(measured, FlaggerMetric):
        given = [measured.minimum, measured.maximum]
    elif isinstance(measured, ArgoMetric):
        conditions = [condition for condition in (measured.success, measured.failure) if condition is not None]
        given = [bound for each in conditions for bound in (each.below, each.at_most, each.above, each.at_least)]
    factor = 100 if measured.measure in _PERCENTS else 1
    return sorted({factor * bound for bound in given if bound is not None and math.isfinite(bound)})


def _up(measure: Measure, unit: str) -> str:
    return "%" if measure in _SHARES else _UNITS.get(measure, unit)
