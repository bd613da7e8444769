"""A canary that was: what is known of it, and its looks beside those of others."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from canary.config import CanaryConfig
from canary.judgment import Verdict

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class Truth(StrEnum):
    """What a release turned out to be."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One canary of the records.

    Args:
        id: of the judgment.
        run: the pipeline run, `dag id/run id`.
        service: whose canary it was.
        region: where.
        at: when its first look was taken (aware, UTC).
        config: what it was judged by.
        version: version of the threshold profile; 0 for the profile's file.
        verdict: how it ended.
        seconds: from the first look to the last.
        reason: why, in a sentence.
        truth: what the release turned out to be; None while nobody knows.
        truth_source: where the truth comes from, such as `person`; `""` without one.
        is_simulated: whether it never was.
    """

    id: str
    run: str
    service: str
    region: str
    at: datetime
    config: CanaryConfig
    version: int
    verdict: Verdict
    seconds: float
    reason: str = ""
    truth: Truth | None = None
    truth_source: str = ""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The looks of `n` canaries side by side, `t` at most, with the same latency buckets.

    A canary with fewer looks repeats its last one. Counters are cumulative, baseline first.

    Args:
        canaries: what is known of each, `n` of them.
        looks: how many looks each has, of shape `(n,)`.
        seconds: from its first look, of shape `(n, t)`.
        share: the canary's share of the traffic, in (0, 1), of shape `(n, t)`.
        requests: requests answered, of shape `(2, n, t)`.
        errors: of these, the ones that failed, of shape `(2, n, t)`.
        latency: requests by latency bucket, of shape `(2, n, t, buckets)`; 0 buckets without a histogram.
        edges_ms: upper edges of the buckets, one fewer than there are.
    """

    canaries: tuple[Recorded, ...]
    looks: Counts
    seconds: Floats
    share: Floats
    requests: Counts
    errors: Counts
    latency: Counts
    edges_ms: tuple[float, ...]


class History(Protocol):
    """Recorded canaries that can be gone through again and again, a batch at a time."""

    def canaries(self) -> list[Recorded]:
        """What is known of each, in the order they began, without their looks."""

    def batches(self, size: int = 500) -> Iterator[Batch]:
        """All of them with their looks, at most `size` at a time, in the order they began."""
