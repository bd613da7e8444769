"""Whether a challenger is good enough: held-out canaries, judged by both settings, resampled in pairs."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.learning.estimates import Outcomes, cost_under, means_of
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Floats

#: Resamples of the bootstrap (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 19.3: 1000 or more
#: for the ends of an interval).
_RESAMPLES: Final = 1000
#: Chance that a worse candidate gets past the upper end of the interval, shared by all that are held against it.
_TAIL: Final = 0.025


@dataclass(frozen=True, slots=True)
class Proof:
    """What held-out canaries say of a challenger.

    Args:
        is_accepted: whether it is good enough.
        why: in a sentence.
    """

    is_accepted: bool
    why: str


def proof_of(before: Outcomes, after: Outcomes, policy: RetuningPolicy, *, seed: int, candidates: int = 1) -> Proof:
    """Whether the cost is no worse, at the upper end of its interval, and false rollbacks are at most the target.

    A false-rollback rate above the target is let through where it falls.

    Args:
        before: the champion on held-out canaries.
        after: the candidate on the same ones, in the same order.
        policy: how much worse is let through, and the target.
        seed: of the resamples.
        candidates: how many are tried on these canaries, which share the chance of a mistake (Bonferroni).
    """
    cost, new_cost = cost_under(before, policy), cost_under(after, policy)
    allowed = policy.no_worse_by * cost
    worst = float(np.quantile(_differences(before, after, policy, seed), 1 - _TAIL / candidates))
    rate, new_rate = means_of(before, policy)[0], means_of(after, policy)[0]
    costs = f"on held-out canaries the cost goes from {cost:.3f} to {new_cost:.3f}"
    rates = f"false rollbacks from {rate:.1%} to {new_rate:.1%}"
    if worst > allowed:
        return Proof(False, f"{costs}, and may be {worst:.3f} higher, where {allowed:.3f} is allowed.")
    if new_rate > policy.false_rollback_target and new_rate >= rate:
        return Proof(False, f"{costs}, but {rates}, above the target of {policy.false_rollback_target:.1%}.")
    return Proof(True, f"{costs[0].upper()}{costs[1:]}, at most {worst:+.3f}, and {rates}.")


def _differences(before: Outcomes, after: Outcomes, policy: RetuningPolicy, seed: int) -> Floats:
    """Differences of cost in resamples of good and bad canaries each, of shape `(resamples,)`."""
    rng = np.random.default_rng(seed)
    total = np.zeros(_RESAMPLES)
    each = _costs(after, policy) - _costs(before, policy)
    for is_bad, share in ((False, 1 - policy.bad_share), (True, policy.bad_share)):
        rows = np.flatnonzero(before.is_bad == is_bad)
        if not len(rows):
            continue
        picked = rows[rng.integers(0, len(rows), (_RESAMPLES, len(rows)))]
        weights = before.weights[picked]
        total += share * (weights * each[picked]).sum(axis=1) / weights.sum(axis=1)
    return total


def _costs(outcomes: Outcomes, policy: RetuningPolicy) -> Floats:
    """What each canary costs by how it ends, of shape `(n,)`."""
    costs = policy.costs
    mistakes = np.where(outcomes.is_bad, costs.miss * outcomes.is_passed, costs.false_rollback * outcomes.is_failed)
    is_undecided = ~outcomes.is_passed & ~outcomes.is_failed
    made: Floats = mistakes + costs.undecided * is_undecided + costs.hour_until_verdict * outcomes.hours
    return made
