"""What happened between the looks of a batch: the arithmetic of `canary/ticks.py` on whole arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.config import CanaryConfig
from canary.learning.recorded import Batch, Counts, Floats
from canary.ticks import LARGEST_GROWTH

Flags = NDArray[np.bool_]

#: Beyond this a counter is no longer exact in a double, and so no count (`canary/samples.py`).
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """What each look adds; nothing in the first one, in a warm-up, and past a canary's last look.

    Args:
        is_look: whether the canary has this look, of shape `(n, t)`.
        is_fault: whether nothing of this look can be judged, of shape `(n, t)`.
        is_watched: whether what the look adds counts, of shape `(n, t)`.
        seconds: since the look before, of shape `(n, t)`.
        requests: of both sides, of shape `(2, n, t)`.
        counts: requests and errors that can be compared, baseline first, of shape `(2, 2, n, t)`: side, which.
        lacks_counts: whether the look does not show them, of shape `(n, t)`.
        latency: requests by bucket that can be compared, of shape `(2, n, t, buckets)`.
        lacks_latency: whether the look does not show them, of shape `(n, t)`.
    """

    is_look: Flags
    is_fault: Flags
    is_watched: Flags
    seconds: Floats
    requests: Counts
    counts: Counts
    lacks_counts: Flags
    latency: Counts
    lacks_latency: Flags


def growth_of(batch: Batch, config: CanaryConfig) -> Growth:
    """What each look of a batch adds, watched from the end of the warm-up."""
    is_look = np.arange(batch.seconds.shape[1]) < batch.looks[:, None]
    is_watched = is_look & (batch.seconds > config.warm_up.total_seconds())
    is_watched[:, :1] = False
    seconds = np.diff(batch.seconds, axis=1, prepend=batch.seconds[:, :1])
    is_fault = is_look & ~((batch.share > 0) & (batch.share < 1) & _is_count(batch.requests).all(axis=0))
    is_fault[:, 1:] |= is_look[:, 1:] & ~(seconds[:, 1:] > 0) & ~_is_again(batch)
    before = np.concatenate([batch.requests[:, :, :1], batch.requests[:, :, :-1]], axis=2)
    requests = np.where(batch.requests >= before, batch.requests - before, batch.requests)
    requests[:, :, :1] = 0
    counts, lacks_counts = _grown_counts(batch)
    latency, lacks_latency = _grown_latency(batch)
    return Growth(
        is_look=is_look,
        is_fault=is_fault,
        is_watched=is_watched,
        seconds=np.where(is_watched, seconds, 0.0),
        requests=np.where(is_watched, requests, 0),
        counts=np.where(is_watched & ~lacks_counts, counts, 0),
        lacks_counts=lacks_counts,
        latency=np.where((is_watched & ~lacks_latency)[:, :, None], latency, 0),
        lacks_latency=lacks_latency,
    )


def _is_again(batch: Batch) -> Flags:
    """Whether each look but the first is the one before it, given again, of shape `(n, t - 1)`."""
    alone = (np.diff(batch.seconds, axis=1) == 0) & (np.diff(batch.share, axis=1) == 0)
    sides = (np.diff(batch.requests, axis=2) == 0) & (np.diff(batch.errors, axis=2) == 0)
    buckets = (np.diff(batch.latency, axis=2) == 0).all(axis=3)
    same: Flags = alone & (sides & buckets).all(axis=0)
    return same


def _is_count(values: Counts) -> Flags:
    chosen: Flags = (values >= 0) & (values <= _LARGEST)
    return chosen


def _grown_counts(batch: Batch) -> tuple[Counts, Flags]:
    """Requests and errors since both sides were last seen, and where they are not seen."""
    sides = _is_count(batch.requests) & _is_count(batch.errors) & (batch.errors <= batch.requests)
    shown: Flags = np.all(sides, axis=0)
    return _without_leaps(shown, lambda last: _counts_since(batch, last))


def _counts_since(batch: Batch, last: Counts) -> tuple[Counts, Counts]:
    """Requests and errors since the look `last`, of shape `(2, 2, n, t)`, and the most of them, `(n, t)`."""
    requests, errors = batch.requests, batch.errors
    old_requests, old_errors = _at(requests, last), _at(errors, last)
    again = (requests < old_requests) | (errors < old_errors)
    grown_errors = np.where(again, errors, errors - old_errors)
    # A source may have counted an error a moment before its request.
    grown = np.where(again, requests, np.maximum(requests - old_requests, grown_errors))
    return np.stack([grown, grown_errors], axis=1), grown.max(axis=0)


def _grown_latency(batch: Batch) -> tuple[Counts, Flags]:
    """Requests by bucket since both sides were last seen, and where they are not seen."""
    if not batch.edges_ms:
        return np.zeros_like(batch.latency), np.ones(batch.seconds.shape, bool)
    shown: Flags = np.all(_is_count(batch.latency), axis=(0, 3))
    return _without_leaps(shown, lambda last: _latency_since(batch, last))


def _latency_since(batch: Batch, last: Counts) -> tuple[Counts, Counts]:
    """Requests by bucket since the look `last`, of shape `(2, n, t, buckets)`, and the most of a side, `(n, t)`."""
    old = batch.latency[:, np.arange(len(last))[:, None], np.maximum(last, 0)]
    again = (batch.latency < old).any(axis=3) | (batch.requests < _at(batch.requests, last))
    grown = batch.latency - np.where(again[..., None], 0, old)
    return grown, grown.sum(axis=3).max(axis=0)


def _without_leaps(shown: Flags, since: Callable[[Counts], tuple[Counts, Counts]]) -> tuple[Counts, Flags]:
    """What was added since each look's last one, and where nothing is: a look after a leap counts as never seen."""
    while True:
        last = _last_shown(shown)
        is_told = shown & (last >= 0)
        grown, most = since(last)
        leaps = is_told & (most > LARGEST_GROWTH)
        if not leaps.any():
            return grown, ~is_told
        # Only the first of each canary: what follows it is told from another look then.
        shown = shown & ~(leaps & (np.cumsum(leaps, axis=1) == 1))


def _last_shown(shown: Flags) -> Counts:
    """The last look before each that shows it, of shape `(n, t)`; -1 without one."""
    places = np.where(shown, np.arange(shown.shape[1]), -1)
    last = np.maximum.accumulate(places, axis=1)
    return np.concatenate([np.full((len(last), 1), -1), last[:, :-1]], axis=1)


def _at(counters: Counts, places: Counts) -> Counts:
    return np.take_along_axis(counters, np.maximum(places, 0)[None], axis=2)
