"""Retuning by poisoned labels."""

from dataclasses import replace
from typing import Final

import numpy as np

from canary.learning.bounds import broken_bounds
from canary.learning.estimates import cost_under
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Batch, Truth, part_of
from canary.learning.world import World
from tests.bench.learning.starts import POOR
from tests.bench.learning.years import Year, a_year, held_out, outcomes_of
from tests.bench.rows import Row

_POLICY: Final = RetuningPolicy()
_FIGURE: Final = "3 Poisoned labels"
_OTHER: Final = {Truth.GOOD: Truth.BAD, Truth.BAD: Truth.GOOD}


def measure(scale: float) -> list[Row]:
    """How many champions break their bounds, and what the last one costs, with honest labels and with poisoned ones."""
    world = World(services=max(6, round(15 * scale)), days=365, seed=5)
    trials = max(3, round(_POLICY.trials * scale / 2))
    last = held_out(world, POOR)
    years = {
        "honest labels": a_year(world, POOR, _POLICY, trials=trials),
        "10 % of the labels flipped": a_year(world, POOR, _POLICY, trials=trials, relabelled=_flipped),
        "one service spams, 20 times, with all its labels flipped": a_year(
            world, POOR, _POLICY, trials=trials, relabelled=_spammed
        ),
    }
    rows = []
    for name, year in years.items():
        cost = cost_under(outcomes_of(year.champions[-1], last, _POLICY), _POLICY)
        rows += [
            Row(_FIGURE, f"{name}: settings of champions beyond their bounds", _broken(year), "", 0),
            Row(_FIGURE, f"{name}: cost after 4 retunings", cost, "", note="with true labels"),
        ]
    return rows


def _broken(year: Year) -> int:
    pairs = zip(year.champions[:-1], year.champions[1:], strict=True)
    return sum(len(broken_bounds(before, after, _POLICY)) for before, after in pairs)


def _flipped(batch: Batch) -> Batch:
    """One label in ten the other way, by the canary's name."""
    canaries = [
        replace(each, truth=_OTHER[each.truth]) if each.truth and hash_of(each.id) < 0.1 else each
        for each in batch.canaries
    ]
    return replace(batch, canaries=tuple(canaries))


def _spammed(batch: Batch) -> Batch:
    """The canaries of one service twenty times, each time under another name and with the wrong label."""
    own = np.flatnonzero([each.service == "accounts" for each in batch.canaries])
    many = part_of(batch, np.concatenate([np.arange(len(batch.canaries)), np.tile(own, 20)]))
    size = len(batch.canaries)
    canaries = [
        each if place < size else replace(each, id=f"{each.id}-{place}", truth=each.truth and _OTHER[each.truth])
        for place, each in enumerate(many.canaries)
    ]
    return replace(many, canaries=tuple(canaries))


def hash_of(name: str) -> float:
    """A number in [0, 1) that is the same for the same name, on any machine."""
    return int.from_bytes(name.encode()[-6:], "big") * 2654435761 % 1000 / 1000
