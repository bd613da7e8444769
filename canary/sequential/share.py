"""Whether the canary got the share of traffic that was set."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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
        self._likelihood += _gains(np.array(canary), np.array(total), np.array(tick.share))

    def fault(self) -> str:
        """What is wrong with the split, or `""`."""
        rows = _log_evidence(self._likelihood)
        if np.logaddexp(*rows) < -np.log(MISS):
            return ""
        canary, total = self._requests
        which = "more" if rows[0] > rows[1] else "less"
        got, meant = percent(canary / total), percent(self._expected / total)
        return (
            f"The canary got {which} traffic than was set: {canary:,.0f} of {total:,.0f} requests ({got}) "
            f"where {meant} was meant, so the two sides cannot be compared."
        )


def log_share_evidence(requests: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of the evidence at every tick of many canaries that their traffic was split otherwise than set.

    Args:
        requests: of baseline and canary in each tick, of shape `(2, n, t)`; none says nothing.
        share: the canary's share that was set, of shape `(n, t)`.

    Returns:
        Shape `(n, t)`; above `-log(MISS)` the split is wrong.
    """
    gains = _gains(requests[1], requests.sum(axis=0), share)
    rows: NDArray[np.float64] = np.logaddexp(*_log_evidence(np.cumsum(gains, axis=-1)))
    return rows


def _gains(canary: NDArray[Any], total: NDArray[Any], share: NDArray[Any]) -> NDArray[np.float64]:
    """What ticks of any shape add to the log likelihood of each wrong share, of shape `(2, factors, ...)`."""
    share = np.clip(share, _EXTREME, 1 - _EXTREME)
    slack = SLACK * np.minimum(share, 1 - share)
    factors = _FACTORS.reshape(-1, *[1] * share.ndim)
    gains = []
    for edge, odds in ((share + slack, factors), (share - slack, 1 / factors)):
        other = edge * odds / (edge * odds + 1 - edge)
        gains.append(canary * np.log(other / edge) + (total - canary) * np.log((1 - other) / (1 - edge)))
    return np.stack(gains)


def _log_evidence(likelihood: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evidence that the share is too large, and that it is too small, of shape `(2, ...)`."""
    summed: NDArray[np.float64] = log_sum_exp(likelihood, axis=1) - np.log(2 * len(_FACTORS))
    return summed
