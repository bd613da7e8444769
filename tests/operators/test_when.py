"""Conditions: a sandboxed expression that holds, does not hold, or is an error."""

import pytest

from operators.errors import ConditionError
from operators.when import is_wanted

NAMES = {"params": {"canary": True, "size": 3}, "run": {"id": "1", "type": "manual"}, "artifacts": {"app": "docker"}}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("", True),
        ("params.canary", True),
        ("not params.canary", False),
        ("run.type in ('manual', 'scheduled') and params.size >= 3", True),
        ("artifacts.app.startswith('k8s')", False),
        ("params.size is odd", True),
        ("params.missing is defined", False),
    ],
)
def test_a_condition_holds_or_does_not(condition: str, holds: bool) -> None:
    assert is_wanted(condition, NAMES) is holds


@pytest.mark.parametrize(
    "condition", ["params.missing", "missing", "params.size > 'x'", "1 +", "1 // 0", "params.size.nothing", "{{ 1 }}"]
)
def test_a_condition_that_cannot_be_evaluated_says_so_and_what_it_may_use(condition: str) -> None:
    with pytest.raises(ConditionError) as caught:
        is_wanted(condition, NAMES)
    assert condition in caught.value.what
    assert "artifacts, params, run" in caught.value.mend


@pytest.mark.parametrize(
    "condition",
    ["params.__class__", "params.update(a=1)", "''.__class__.__mro__[1].__subclasses__()", "range(10**9) | list"],
)
def test_a_condition_cannot_reach_out_change_or_exhaust_anything(condition: str) -> None:
    with pytest.raises(ConditionError):
        is_wanted(condition, NAMES)
