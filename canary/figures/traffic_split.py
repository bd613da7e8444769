"""How the requests were split between the sides, against how they were to be split."""

import math
from typing import TYPE_CHECKING

from canary.figures.style import COLOURS, blank, clock, dress, legend, note, numbered, short, tell
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
    times = [(point.begin_s + point.end_s) / 2 / unit_s for point in canary.points]
    shares = [100 * canary / (baseline + canary) if baseline + canary else math.nan for baseline, canary in requests]
    meant = [100 * sum(tick.share * tick.seconds for tick in point.ticks) / point.seconds for point in canary.points]
    axes.plot(times, shares, color=COLOURS["canary"], linewidth=1.8, label="seen")
    axes.plot(times, meant, "--", color=COLOURS["muted"], linewidth=1.2, label="set")
    axes.set_ylim(0, 100)
    dress(axes, title, unit, "% of requests")
    numbered(axes)
    legend(axes)
    baseline, own = (sum(side) for side in zip(*requests, strict=True))
    share = 100 * own / (baseline + own)
    return tell(figure, f"The canary got {short(share)} % of the requests; at the end {short(meant[-1])} % were set.")


def _requests(point: Stretch) -> tuple[int, int]:
    return sum(tick.requests_baseline for tick in point.ticks), sum(tick.requests_canary for tick in point.ticks)
