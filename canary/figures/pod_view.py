"""Each pod of both sides, and how far pods of one side differ."""

import math
import statistics
from typing import TYPE_CHECKING, Final, NamedTuple

from canary.figures.style import COLOURS, blank, drawable, dress, legend, name, note, numbered, plain, short, tell
from canary.figures.time_series import numbers_of
from canary.figures.watched import Watched
from canary.samples import Gauge

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Up to so many pods of both sides together are named.
_NAMED: Final = 10
#: Of a pod's name its end tells it apart.
_LONGEST: Final = 9


class _Pod(NamedTuple):
    """What one pod showed over time."""

    name: str
    mean: float
    low: float
    high: float


def pods(canary: Watched, metric: str) -> "Figure":
    """Each pod's mean and range over time; level bars are a side's mean and one standard deviation between its pods."""
    figure, axes = blank()
    title = f"Pods: {name(metric)}"
    sides = [_pods(canary, metric, which) for which in (0, 1)]
    if not any(sides):
        dress(axes, title, "", "")
        note(axes, "No pod of both sides was seen.")
        return tell(figure, f"No pods of {name(metric)} were seen.")
    begin, told = 0, []
    for side, seen in zip(("baseline", "canary"), sides, strict=True):
        if seen:
            _side(axes, seen, begin, side)
            told.append(
                f"{side} {len(seen)} pods, mean {short(_mean(seen))}, standard deviation {short(_spread(seen))}"
            )
        begin += len(seen) + 1
    dress(axes, title, "", canary.unit(metric))
    _name(axes, sides)
    numbered(axes)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.1)
    legend(axes)
    return tell(figure, f"{title}; {'; '.join(told)}.")


def has_pods(canary: Watched, metric: str) -> bool:
    """Whether the metric is a gauge that both sides showed."""
    return any(isinstance(side, Gauge) and numbers_of(side) for both in canary.seen(metric) for side in both or ())


def _pods(canary: Watched, metric: str, which: int) -> list[_Pod]:
    """The pods of one side, the highest last."""
    values: dict[str, list[float]] = {}
    for stretch in canary.stretches:
        both = stretch.both(metric)
        sample = both[which] if both is not None else None
        for pod, value in sample.pods.items() if isinstance(sample, Gauge) else ():
            if not math.isnan(shown := drawable(value)):
                values.setdefault(pod, []).append(shown)
    found = [_Pod(pod, math.fsum(each) / len(each), min(each), max(each)) for pod, each in values.items()]
    return sorted(found, key=lambda pod: (pod.mean, pod.name))


def _side(axes: "Axes", seen: list[_Pod], begin: int, side: str) -> None:
    places = range(begin, begin + len(seen))
    colour, mean, spread = COLOURS[side], _mean(seen), _spread(seen)
    ends = [begin - 0.45, begin + len(seen) - 0.55]
    axes.fill_between(ends, mean - spread, mean + spread, color=colour, alpha=0.16, linewidth=0)
    axes.plot(ends, [mean, mean], color=colour, linewidth=1.2, linestyle="--")
    axes.vlines(places, [pod.low for pod in seen], [pod.high for pod in seen], color=colour, linewidth=1.6, alpha=0.6)
    axes.plot(places, [pod.mean for pod in seen], "o", color=colour, markersize=5, label=side)


def _name(axes: "Axes", sides: list[list[_Pod]]) -> None:
    places = [*range(len(sides[0])), *range(len(sides[0]) + 1, len(sides[0]) + 1 + len(sides[1]))]
    if len(places) > _NAMED:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(sides[0])} pods of the baseline, {len(sides[1])} of the canary")
        return
    names = [
        pod.name if len(pod.name) <= _LONGEST else f"…{pod.name[1 - _LONGEST :]}" for pod in (*sides[0], *sides[1])
    ]
    axes.set_xticks(places, [plain(each) for each in names], fontsize=7.5 if len(places) > 6 else 9)


def _mean(seen: list[_Pod]) -> float:
    return math.fsum(pod.mean for pod in seen) / len(seen)


def _spread(seen: list[_Pod]) -> float:
    return statistics.stdev(pod.mean for pod in seen) if len(seen) > 1 else 0.0
