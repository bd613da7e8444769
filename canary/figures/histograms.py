"""How the observations of both sides spread."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from canary.figures.style import COLOURS, blank, dress, legend, name, note, numbered, short, tell
from canary.figures.watched import Watched
from canary.samples import Histogram
from canary.threshold.values import quantile_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Edges that are written out.
_MOST_EDGES: Final = 9


def distributions(canary: Watched, metric: str) -> "Figure":
    """The share of each side's observations in each bucket of a histogram, all looks together."""
    figure, axes = blank()
    title = f"Distribution: {name(metric)}"
    sides = both_histograms(canary, metric)
    if sides is None:
        dress(axes, title, "", "")
        note(axes, "No histogram of both sides.")
        return tell(figure, f"There is no histogram of {name(metric)}.")
    shares = [_percents(side.buckets) for side in sides]
    filled = [index for index in range(len(shares[0])) if any(share[index] for share in shares)]
    first, last = max(filled[0] - 1, 0), min(filled[-1] + 2, len(shares[0]))
    places = list(range(first, last + 1))
    for share, side in zip(shares, ("baseline", "canary"), strict=True):
        axes.stairs(share[first:last], places, fill=True, color=COLOURS[side], alpha=0.22)
        axes.stairs(share[first:last], places, color=COLOURS[side], linewidth=1.8, label=side)
    _edges(axes, sides[0].edges, first, last)
    unit = canary.unit(metric)
    dress(axes, title, f"bucket edges{f', {unit}' if unit else ''}", "% of observations")
    numbered(axes)
    axes.set_ylim(bottom=0)
    legend(axes)
    return tell(figure, f"Distribution of {name(metric)}: {_medians(sides, unit)}.")


def both_histograms(canary: Watched, metric: str) -> tuple[Histogram, Histogram] | None:
    """All observations of baseline and canary on common edges; None where a side has none."""
    both = canary.whole.both(metric)
    if both is None or not isinstance(both[0], Histogram) or not isinstance(both[1], Histogram):
        return None
    return (both[0], both[1]) if sum(both[0].buckets) and sum(both[1].buckets) else None


def _percents(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [100 * count / total for count in counts]


def _edges(axes: "Axes", edges: Sequence[float], first: int, last: int) -> None:
    """Writes upper edges where their buckets end; bucket i lies between places i and i + 1."""
    inner = [place for place in range(first + 1, last + 1) if place <= len(edges)]
    shown = inner[:: max(1, math.ceil(len(inner) / _MOST_EDGES))]
    axes.set_xticks(shown, [short(edges[place - 1]) for place in shown])


def _medians(sides: tuple[Histogram, Histogram], unit: str) -> str:
    told = []
    for side, words in zip(sides, ("baseline", "canary"), strict=True):
        median, high = (f"{short(quantile_of(side, level))} {unit}".rstrip() for level in (0.5, 0.99))
        told.append(f"{words} median about {median}, 99th percentile about {high}")
    return "; ".join(told)
