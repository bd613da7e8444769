"""A canary that was: what is known of it, and its looks beside those of others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from canary.config import CanaryConfig
from canary.judgment import Verdict
from canary.looks import Look, Side

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
        latency: requests by latency bucket, of shape `(2, n, t, buckets)`; 0 buckets without a histogram, and -1 where
            a look of a canary that has one does not show it.
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


#: Stands for a bucket that a look does not show.
_NOT_SHOWN: Final = -1


def batches_of(pairs: Iterable[tuple[Recorded, Sequence[Look]]], size: int = 500) -> Iterator[Batch]:
    """Batches of at most `size` canaries with the same latency buckets, each begun by the first that waits.

    Metrics other than errors and latency, and the steps of ramps, are left out. A canary without looks is, too.
    """
    waiting: dict[tuple[float, ...], list[tuple[Recorded, Sequence[Look]]]] = {}
    for recorded, looks in pairs:
        if not looks:
            continue
        edges = _edges_of(looks)
        group = waiting.setdefault(edges, [])
        group.append((recorded, looks))
        if len(group) == size:
            yield _batch(waiting.pop(edges), edges)
    for edges, group in waiting.items():
        yield _batch(group, edges)


def part_of(batch: Batch, rows: slice | Counts, most: int | None = None) -> Batch:
    """Some canaries of a batch, each with its first `most` looks; all looks by default."""
    looks = batch.looks[rows]
    until = slice(None if most is None else most)
    return Batch(
        canaries=tuple(np.array(batch.canaries, object)[rows]),
        looks=looks if most is None else np.minimum(looks, most),
        seconds=batch.seconds[rows, until],
        share=batch.share[rows, until],
        requests=batch.requests[:, rows, until],
        errors=batch.errors[:, rows, until],
        latency=batch.latency[:, rows, until],
        edges_ms=batch.edges_ms,
    )


def looks_of(batch: Batch, index: int) -> list[Look]:
    """The looks of one canary of a batch, as a session takes them."""
    return [_look(batch, index, place) for place in range(int(batch.looks[index]))]


def _edges_of(looks: Sequence[Look]) -> tuple[float, ...]:
    """The edges that both sides of the first look with histograms have in common."""
    for look in looks:
        if look.baseline.edges_ms and look.canary.edges_ms:
            return tuple(edge for edge in look.baseline.edges_ms if edge in set(look.canary.edges_ms))
    return ()


def _batch(group: Sequence[tuple[Recorded, Sequence[Look]]], edges: tuple[float, ...]) -> Batch:
    most = max(len(looks) for _, looks in group)
    padded = [[*looks, *[looks[-1]] * (most - len(looks))] for _, looks in group]
    sides = [
        [[look.baseline for look in looks] for looks in padded],
        [[look.canary for look in looks] for looks in padded],
    ]
    latency = [[[_buckets(side, edges) for side in row] for row in rows] for rows in sides]
    return Batch(
        canaries=tuple(recorded for recorded, _ in group),
        looks=np.array([len(looks) for _, looks in group], np.int64),
        seconds=np.array([[(look.at - looks[0].at).total_seconds() for look in looks] for looks in padded], float),
        share=np.array([[look.canary_share for look in looks] for looks in padded], float),
        requests=np.array([[[side.requests for side in row] for row in rows] for rows in sides], np.int64),
        errors=np.array([[[side.errors for side in row] for row in rows] for rows in sides], np.int64),
        latency=np.array(latency, np.int64).reshape(2, len(group), most, len(edges) + 1 if edges else 0),
        edges_ms=edges,
    )


def _buckets(side: Side, edges: tuple[float, ...]) -> tuple[int, ...]:
    """The side's counts on these edges; all -1 where it does not have them."""
    if not edges or (side.edges_ms == edges and len(side.latency) == len(edges) + 1):
        return side.latency if edges else ()
    if not set(edges) <= set(side.edges_ms) or len(side.latency) != len(side.edges_ms) + 1:
        return (_NOT_SHOWN,) * (len(edges) + 1)
    ends = [0, *(side.edges_ms.index(edge) + 1 for edge in edges), len(side.latency)]
    return tuple(sum(side.latency[low:high]) for low, high in pairwise(ends))


def _look(batch: Batch, index: int, place: int) -> Look:
    at = batch.canaries[index].at + timedelta(seconds=float(batch.seconds[index, place]))
    baseline, canary = (_side(batch, which, index, place) for which in (0, 1))
    return Look(at, baseline, canary, float(batch.share[index, place]))


def _side(batch: Batch, which: int, index: int, place: int) -> Side:
    requests, errors = int(batch.requests[which, index, place]), int(batch.errors[which, index, place])
    buckets = tuple(batch.latency[which, index, place].tolist())
    is_shown = bool(batch.edges_ms) and _NOT_SHOWN not in buckets
    return Side(requests, errors, buckets, batch.edges_ms) if is_shown else Side(requests, errors)
