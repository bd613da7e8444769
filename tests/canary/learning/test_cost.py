"""What a setting costs."""

import pytest

from canary.learning.cost import cost_of
from canary.learning.policy import Costs, RetuningPolicy


def test_rates_are_weighted_by_the_policy_share_of_bad_releases() -> None:
    policy = RetuningPolicy(bad_share=0.25, costs=Costs(false_rollback=2, miss=8, hour_until_verdict=0))
    assert cost_of(false_rollbacks=1, misses=0, undecided=0.0, hours=3, policy=policy) == pytest.approx(1.5)
    assert cost_of(false_rollbacks=0, misses=1, undecided=0.0, hours=3, policy=policy) == pytest.approx(2.0)


def test_waiting_costs_also_where_nothing_goes_wrong() -> None:
    assert cost_of(false_rollbacks=0, misses=0, undecided=0.0, hours=2, policy=RetuningPolicy()) == pytest.approx(0.4)
