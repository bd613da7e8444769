"""Stages come after all they need, else in the order of the file."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gennaker.graph import ancestors, cycle, order


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [f"s{number}" for number in range(draw(st.integers(1, 8)))]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3)) for name in draw(st.permutations(names))}


@given(graphs())
def test_the_order_respects_every_need_and_leaves_out_only_circles(needs: dict[str, list[str]]) -> None:
    ordered = order(needs)
    for index, name in enumerate(ordered):
        assert set(needs[name]) <= set(ordered[:index])
    found = cycle(needs, ordered)
    assert bool(found) == (len(ordered) < len(needs))
    for name, needed in pairwise(found):
        assert needed in needs[name]
    if found:
        assert found[0] == found[-1]


@given(st.permutations([f"s{number}" for number in range(8)]))
def test_stages_that_need_nothing_stay_as_they_are(names: list[str]) -> None:
    assert order({name: [] for name in names}) == names


@given(graphs())
def test_ancestors_are_all_that_must_be_done_before(needs: dict[str, list[str]]) -> None:
    ordered = order(needs)
    before = ancestors(needs, ordered)
    assert before.keys() == set(ordered)
    for name in ordered:
        assert before[name] == set(needs[name]).union(*(before[needed] for needed in needs[name]))
