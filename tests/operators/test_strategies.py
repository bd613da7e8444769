"""Strategies: which traffic splits a deploy passes through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.strategies import Strategy, blend, keeps_old, steps

SPLITS = st.dictionaries(st.sampled_from(["v1", "v2", "v3", "v4"]), st.integers(0, 100)).filter(
    lambda weights: sum(weights.values()) > 0
)


def whole(weights: dict[str, int]) -> dict[str, int]:
    """The weights as whole percents that add to 100."""
    total = sum(weights.values())
    shares = {group: weight * 100 // total for group, weight in weights.items()}
    largest = max(shares, key=shares.__getitem__)
    return {**shares, largest: shares[largest] + 100 - sum(shares.values())}


@given(percent=st.integers(0, 100), before=SPLITS.map(whole), new=st.sampled_from(["new", "v1"]))
def test_a_blend_is_whole_percents_that_add_to_100_and_gives_the_new_group_its_share(
    percent: int, before: dict[str, int], new: str
) -> None:
    weights = blend(new, percent, before)
    assert sum(weights.values()) == 100
    assert all(type(share) is int and 0 <= share <= 100 for share in weights.values())
    others = sum(share for group, share in before.items() if group != new)
    assert weights[new] == (percent if others else 100)


@given(percent=st.integers(1, 99), before=SPLITS.map(whole))
def test_a_blend_leaves_the_old_groups_in_the_proportions_they_had(percent: int, before: dict[str, int]) -> None:
    weights = blend("new", percent, before)
    for group, share in before.items():
        assert weights.get(group, 0) == pytest.approx(share * (100 - percent) / 100, abs=len(before))
        assert share or group not in weights


@given(before=SPLITS.map(whole))
def test_rolling_goes_through_a_quarter_a_half_and_three_quarters(before: dict[str, int]) -> None:
    passed = steps(Strategy.ROLLING, "new", before)
    assert [step.weights["new"] for step in passed] == [25, 50, 75]
    assert all(sum(step.weights.values()) == 100 for step in passed)
    assert len({step.name for step in passed}) == 3


@pytest.mark.parametrize("strategy", [Strategy.BLUE_GREEN, Strategy.HIGHLANDER])
def test_blue_green_and_highlander_move_all_traffic_at_once(strategy: Strategy) -> None:
    assert steps(strategy, "new", {"v1": 100}) == ()


@pytest.mark.parametrize("strategy", Strategy)
def test_a_first_deploy_has_no_steps(strategy: Strategy) -> None:
    assert steps(strategy, "new", {}) == ()


def test_only_highlander_removes_the_old_groups() -> None:
    assert [strategy for strategy in Strategy if not keeps_old(strategy)] == [Strategy.HIGHLANDER]
