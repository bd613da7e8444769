"""Looks that were never taken, because the canary was stopped: made up from those that were.

A canary that ends early is no sample of what its traffic would have shown: a false alarm ends on bad luck, a PASS on
good luck, and a true alarm on an effect that looks larger than it is. So what goes on is resampled from its own ticks:

- of a good release, with the two sides swapped at random, as they are alike then (a permutation of exchangeable pairs:
  Fisher 1935, "The Design of Experiments", chapter 3);
- of a bad release that was stopped, from the later half of its ticks, as harm may have begun late, and with its effect
  shrunk: a tick is swapped at random as often as James and Stein's factor says (1961, "Estimation with quadratic
  loss"), and stays as it was otherwise;
- of a bad release that was let through, as it was.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np

from canary.judgment import Verdict
from canary.learning.growth import Flags
from canary.learning.recorded import Batch, Counts, Floats, Recorded, Truth

#: Shares of the traffic between which sides can stand for each other; others are left as they were.
_EVEN: Final = (0.4, 0.6)


def completed(batch: Batch, until: timedelta, *, seed: int) -> Batch:
    """The batch with every labelled canary's looks continued to `until` from the first; the looks taken stay.

    A canary of fewer than two looks, or without a label, stays as it is. The same seed continues it the same.
    """
    size = len(batch.canaries)
    length = max([_looks_until(batch, row, until) for row in range(size)], default=0)
    places = np.zeros((size, max(length, batch.seconds.shape[1])), np.int64)
    is_swapped = np.zeros(places.shape, bool)
    looks = batch.looks.copy()
    rng = np.random.default_rng(seed)
    for row, canary in enumerate(batch.canaries):
        taken = int(looks[row])
        places[row, :taken] = np.arange(taken)
        more = _looks_until(batch, row, until) - taken
        if canary.truth is None or taken < 2 or more <= 0:
            continue
        places[row, taken : taken + more] = rng.integers(_first_tick(canary, taken), taken, more)
        is_swapped[row, taken : taken + more] = rng.random(more) < _swap_chance(batch, row, canary)
        looks[row] = taken + more
    return _gone_on(batch, places, is_swapped, looks)


def _looks_until(batch: Batch, row: int, until: timedelta) -> int:
    """How many looks a canary has by then, with the ticks it had; no fewer than it has."""
    taken = int(batch.looks[row])
    if taken < 2:
        return taken
    tick = float(batch.seconds[row, taken - 1]) / (taken - 1)
    return max(taken, int(until.total_seconds() / tick + 1e-9) + 1) if tick > 0 else taken


def _swap_chance(batch: Batch, row: int, canary: Recorded) -> float:
    """How often a tick's sides are swapped; a half leaves no effect at all."""
    if not _EVEN[0] <= batch.share[row, 0] <= _EVEN[1]:
        return 0.0
    if canary.truth is Truth.GOOD:
        return 0.5
    if canary.verdict is Verdict.PASS:
        return 0.0
    return 0.5 * min(1.0, 1 / max(_squared_effect(batch, row), 1e-9))


def _first_tick(canary: Recorded, taken: int) -> int:
    """The first tick that a canary goes on with."""
    is_stopped_bad = canary.truth is Truth.BAD and canary.verdict is not Verdict.PASS
    return max(1, taken // 2) if is_stopped_bad else 1


def _squared_effect(batch: Batch, row: int) -> float:
    """The larger squared standard score of errors and of latency, canary against baseline, at the last look."""
    last = int(batch.looks[row]) - 1
    share = float(batch.share[row, last])
    squares = [_square(batch.errors[:, row, last].astype(float), share)]
    if batch.edges_ms:
        above = np.maximum(batch.latency[:, row, last] - batch.latency[:, row, 0], 0)
        slow = np.cumsum(above[:, ::-1], axis=1)[:, ::-1].astype(float)
        # Edges that fewer than half of the requests are above: what lies under them is mostly the same.
        squares += [_square(slow[:, edge], share) for edge in range(1, slow.shape[1]) if slow[0, edge] * 2 < slow[0, 0]]
    return max(squares)


def _square(counts: Floats, share: float) -> float:
    """The squared score of how a binomial splits, given the share of the second side."""
    total = float(counts.sum())
    return (float(counts[1]) - total * share) ** 2 / (total * share * (1 - share)) if total > 0 else 0.0


def _gone_on(batch: Batch, places: Counts, is_swapped: Flags, looks: Counts) -> Batch:
    """The batch with the ticks before `places`, in their order, summed."""
    rows = np.arange(len(places))[:, None]
    is_look = np.arange(places.shape[1]) < looks[:, None]
    seconds = np.diff(batch.seconds, axis=1, prepend=batch.seconds[:, :1])[rows, places]
    seconds = np.where(is_look, seconds, 0.0)
    # A clock that stood still or went back stays as it was where the looks were taken.
    return replace(
        batch,
        looks=looks,
        seconds=_kept(batch.seconds, np.cumsum(seconds, axis=1), batch.looks),
        share=batch.share[rows, places],
        requests=_summed(batch.requests[..., None], places, is_swapped, is_look, batch.looks)[..., 0],
        errors=_summed(batch.errors[..., None], places, is_swapped, is_look, batch.looks)[..., 0],
        latency=_summed(batch.latency, places, is_swapped, is_look, batch.looks),
    )


def _summed(counters: Counts, places: Counts, is_swapped: Flags, is_look: Flags, taken: Counts) -> Counts:
    """Counters of shape `(2, n, t, k)` continued by what their ticks added; a restart adds nothing."""
    rows = np.arange(len(places))[:, None]
    grown = np.maximum(np.diff(counters, axis=2, prepend=counters[:, :, :1]), 0)[:, rows, places]
    grown = np.where(is_swapped[..., None], grown[::-1], grown) * is_look[..., None]
    is_new = np.arange(places.shape[1]) >= taken[:, None]
    last = counters[:, np.arange(len(taken)), np.maximum(taken - 1, 0)][:, :, None]
    gone_on = last + np.cumsum(grown * is_new[..., None], axis=2)
    own = counters[:, rows, np.minimum(places, counters.shape[2] - 1)]
    result: Counts = np.where(is_new[..., None], gone_on, own)
    return result


def _kept(seconds: Floats, made: Floats, taken: Counts) -> Floats:
    """Times as they were for the looks taken, and from the last of them on as made."""
    rows = np.arange(len(taken))
    last = np.maximum(taken - 1, 0)
    is_new = np.arange(made.shape[1]) >= taken[:, None]
    offset = seconds[rows, last] - made[rows, last]
    padded = np.pad(seconds, ((0, 0), (0, made.shape[1] - seconds.shape[1])))
    result: Floats = np.where(is_new, made + offset[:, None], padded)
    return result
