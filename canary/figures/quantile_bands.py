"""How far the two sides differ at each quantile."""

from typing import TYPE_CHECKING, Final

from canary import wording
from canary.figures.histograms import both_histograms
from canary.figures.style import COLOURS, blank, dress, legend, name, note, numbered, short, tell
from canary.figures.watched import Watched
from canary.threshold.values import quantile_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Quantiles at the ticks of the axis, which gives each further nine the same width.
_TICKS: Final = (0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
#: The band is read at so many quantiles.
_STEPS: Final = 120
#: Above this quantile the band may leave the axes, which would show nothing else.
_CALM: Final = 0.99
#: Of a side with fewer observations above it, a quantile is not worth drawing.
_LEAST_ABOVE: Final = 10.0


def quantile_differences(canary: Watched, metric: str) -> "Figure":
    """Canary less baseline at each quantile of a histogram, with its confidence band at all looks and quantiles.

    The line is an estimate (linear within buckets); the band is not: it knows only in which bucket a quantile may lie.
    """
    import numpy as np

    from canary.sequential.quantiles import quantile_band

    figure, axes = blank()
    title = f"Difference by quantile: {name(metric)}"
    sides = both_histograms(canary, metric)
    if sides is None:
        dress(axes, title, "", "")
        note(axes, "No histogram of both sides.")
        return tell(figure, f"There is no histogram of {name(metric)}.")
    result = next((each for each in canary.judgment.metrics if each.name == metric), None)
    highest = min(0.999, max(0.9, 1 - _LEAST_ABOVE / min(sum(side.buckets) for side in sides)))
    places = np.linspace(_place(0.02), _place(highest), _STEPS)
    levels = 1 - 10.0**-places
    miss = canary.config.beta
    band = quantile_band(*sides, list(levels), miss, result.dispersion if result is not None else 1.0)
    line = np.array([quantile_of(sides[1], level) - quantile_of(sides[0], level) for level in levels])
    ends = np.concatenate([band.low[levels <= _CALM], band.high[levels <= _CALM]])
    known = np.concatenate([line, ends[np.isfinite(ends)]])
    least, most = float(known.min()), float(known.max())
    room = 0.08 * ((most - least) or 1.0)
    low, high = np.maximum(band.low, least - 2 * room), np.minimum(band.high, most + 2 * room)
    label = f"{wording.percent(1 - miss)} band"
    axes.fill_between(places, low, high, step="mid", color=COLOURS["canary"], alpha=0.2, linewidth=0, label=label)
    axes.plot(places, line, color=COLOURS["canary"], linewidth=1.8, label="estimate")
    axes.axhline(0, color=COLOURS["muted"], linewidth=1)
    axes.set_ylim(least - room, most + room)
    ticks = [tick for tick in _TICKS if tick <= highest]
    axes.set_xticks([_place(tick) for tick in ticks], [f"p{100 * tick:g}" for tick in ticks])
    dress(axes, title, "", canary.unit(metric))
    numbered(axes)
    legend(axes)
    told = "; ".join(
        f"p{100 * tick:g} {short(quantile_of(sides[1], tick) - quantile_of(sides[0], tick))}"
        for tick in (0.5, 0.9, 0.99)
        if tick <= highest
    )
    return tell(figure, f"Canary less baseline of {name(metric)} by quantile, {canary.unit(metric)}: {told}.")


def _place(level: float) -> float:
    import math

    return -math.log10(1 - level)
