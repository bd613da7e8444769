"""Whether the canary got the share of traffic that was set."""

from typing import Final

import numpy as np

from canary.sequential.counts import log_sum_exp
from canary.ticks import Tick
from canary.wording import percent

#: Shares this close (relative to the smaller side) count as right: weights are whole numbers, requests still in flight.
SLACK: Final = 0.1
#: Chance of calling a right share wrong.
MISS: Final = 0.001
#: Shares nearer to none or all than this are taken for it: what is beyond has no logarithm.
_EXTREME: Final = 1e-9
#: Odds by which a wrong share may be off, beyond the slack.
_FACTORS: Final = np.array([1.1, 1.3, 1.8, 3.0, 10.0, 100.0])


class ShareWatch:
    """Evidence that traffic was split otherwise than set: a test of a binomial share, either way, at every tick."""

    def __init__(self) -> None:
        self._likelihood = np.zeros((2, len(_FACTORS)))
        self._requests = np.zeros(2)
        self._expected = 0.0

    def add(self, tick: Tick) -> None:
        """Takes in one tick; one in which the weights changed says nothing."""
        if tick.opens_step:
            return
        canary, total = tick.requests_canary, tick.requests_canary + tick.requests_baseline
        self._requests += (canary, total)
        self._expected += tick.share * total
        share = min(max(tick.share, _EXTREME), 1 - _EXTREME)
        slack = SLACK * min(share, 1 - share)
        for row, (edge, factors) in enumerate(((share + slack, _FACTORS), (share - slack, 1 / _FACTORS))):
            other = edge * factors / (edge * factors + 1 - edge)
            self._likelihood[row] += canary * np.log(other / edge) + (total - canary) * np.log((1 - other) / (1 - edge))

    def fault(self) -> str:
        """What is wrong with the split, or `""`."""
        rows = log_sum_exp(self._likelihood, axis=1) - np.log(self._likelihood.size)
        if np.logaddexp(*rows) < -np.log(MISS):
            return ""
        canary, total = self._requests
        which = "more" if rows[0] > rows[1] else "less"
        got, meant = percent(canary / total), percent(self._expected / total)
        return (
            f"The canary got {which} traffic than was set: {canary:,.0f} of {total:,.0f} requests ({got}) "
            f"where {meant} was meant, so the two sides cannot be compared."
        )
