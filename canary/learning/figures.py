"""Figures of a retuning, each a matplotlib figure, drawn as those of a canary are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from canary.figures.style import COLOURS, blank, dress, legend
from canary.learning.endings import Ending
from canary.learning.retuning import Retuning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES: Final = (COLOURS["baseline"], COLOURS["canary"], COLOURS["muted"])
#: Inches for one service, and for what is around them all.
_ROW, _AROUND = 0.28, 1.3


def service_costs(retuning: Retuning) -> "Figure":
    """The cost of a release by service, champion against the best candidate, with 95 % intervals."""
    services = sorted(retuning.before, reverse=True)
    figure, axes = blank(_AROUND + _ROW * len(services), left=1.2)
    for offset, name, found, colour in (
        (0.13, "champion", retuning.before, _LINES[0]),
        (-0.13, "candidate", retuning.after, _LINES[1]),
    ):
        places = [place + offset for place in range(len(services))]
        costs = [found[service].cost for service in services]
        axes.hlines(places, [each.low for each in costs], [each.high for each in costs], color=colour, linewidth=2)
        axes.plot([each.value for each in costs], places, "o", color=colour, label=name, markersize=4)
    axes.set_yticks(range(len(services)), [service or "all" for service in services])
    dress(axes, "Cost by service", "cost of a release, in false rollbacks", "")
    legend(axes)
    figure.set_label("Cost of a release by service, champion and candidate")
    return figure


def times_to_verdict(endings: Mapping[str, Iterable[Ending]]) -> "Figure":
    """The share of canaries with a verdict by then, by settings; without those that were cut short."""
    figure, axes = blank()
    for colour, (name, found) in zip(_cycle(len(endings)), endings.items(), strict=True):
        minutes = sorted(each.seconds / 60 for each in found if not each.is_cut_short)
        shares = [(place + 1) / len(minutes) for place in range(len(minutes))]
        axes.step([0.0, *minutes], [0.0, *shares], where="post", color=colour, label=name)
    axes.set_ylim(0, 1.03)
    dress(axes, "How long it takes", "minutes until the verdict", "share of canaries")
    legend(axes)
    figure.set_label("Share of canaries with a verdict over time, by settings")
    return figure


def _cycle(count: int) -> Sequence[str]:
    return [_LINES[place % len(_LINES)] for place in range(count)]
