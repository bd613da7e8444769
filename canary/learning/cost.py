"""What a setting costs for each release: mistakes weighted by how often releases are bad, and waiting."""

from canary.learning.policy import RetuningPolicy


def cost_of(*, false_rollbacks: float, misses: float, undecided: float, hours: float, policy: RetuningPolicy) -> float:
    """The expected cost of one release, in units of the policy's costs.

    The rates are conditional on the truth, as labelled canaries are a selection: there are more bad ones among them
    than among releases, so the share of bad ones is the policy's.

    Args:
        false_rollbacks: share of good releases that are judged harmful, in [0, 1].
        misses: share of bad releases that are let through, in [0, 1].
        undecided: share of all releases that no verdict was reached on, in [0, 1].
        hours: expected until any verdict.
        policy: what mistakes cost, and how many releases are bad.

    >>> policy = RetuningPolicy(bad_share=0.1)
    >>> round(cost_of(false_rollbacks=0.1, misses=0.2, undecided=0.1, hours=0.5, policy=policy), 3)
    0.42
    """
    costs, bad = policy.costs, policy.bad_share
    mistakes = bad * costs.miss * misses + (1 - bad) * costs.false_rollback * false_rollbacks
    return mistakes + costs.undecided * undecided + costs.hour_until_verdict * hours
