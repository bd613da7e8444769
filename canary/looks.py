"""What a judge is fed: cumulative counters of both sides at one moment."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Side:
    """One side's counters, cumulative since the side began, as its source gives them.

    A counter that went down was reset; whoever differences two looks handles it.

    Args:
        requests: requests answered.
        errors: of these, the ones that failed (5xx, reset, timed out).
        latency: requests by latency bucket, cumulative in time but not across buckets;
            one longer than `edges_ms` (the last counts all above the last edge), or empty when there is no histogram.
        edges_ms: upper edges of the buckets in milliseconds, rising.
    """

    requests: int
    errors: int
    latency: tuple[int, ...] = ()
    edges_ms: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Both sides at one moment.

    Args:
        at: when the counters were read (aware, UTC).
        baseline: the control: the baseline group of a canary, or the old group of a ramp.
        canary: the group under judgment.
        canary_share: share of the pair's traffic set to the canary since the last look, in (0, 1).
        step: the ramp step, `""` where there is only one.
    """

    at: datetime
    baseline: Side
    canary: Side
    canary_share: float = 0.5
    step: str = ""
