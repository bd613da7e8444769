"""How the requests were split between the sides, against how they were to be split."""

import math
from typing import TYPE_CHECKING

from canary.figures.style import COLOURS, blank, clock, dress, legend, note, numbered, short, tell
from canary.figures.time_series import draw
from canary.figures.watched import Stretch, Watched

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def traffic(canary: Watched) -> "Figure":
    """The canary's share of the requests over time, and the share that was set."""
    figure, axes = blank()
    title = "Traffic: share of the canary"
    requests = [_requests(point) for point in canary.points]
    if not any(map(sum, requests)):
        dress(axes, title, "", "")
        note(axes, "No requests were seen.")
        return tell(figure, "No requests were seen.")
    unit, unit_s = clock(canary.points[-1].end_s)
    shares = [100 * own / (baseline + own) if baseline + own else math.nan for baseline, own in requests]
    meant = [100 * sum(tick.share * tick.seconds for tick in point.ticks) / point.seconds for point in canary.points]
    draw(axes, canary, meant, unit_s, (COLOURS["muted"], "--", "set"))
    draw(axes, canary, shares, unit_s, (COLOURS["canary"], "-", "seen"))
    axes.set_ylim(0, 100)
    dress(axes, title, unit, "% of requests")
    numbered(axes)
    legend(axes)
    baseline, own = (sum(side) for side in zip(*requests, strict=True))
    share = 100 * own / (baseline + own)
    return tell(figure, f"The canary got {short(share)} % of the requests; at the end {short(meant[-1])} % were set.")


def _requests(point: Stretch) -> tuple[int, int]:
    return sum(tick.requests_baseline for tick in point.ticks), sum(tick.requests_canary for tick in point.ticks)
