"""How a deploy moves traffic from the old groups to the new one, as plain steps.

Written once against the Cloud protocol; none of them knows a cloud.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Strategy(StrEnum):
    """How the new group takes over."""

    BLUE_GREEN = "blue-green"
    HIGHLANDER = "highlander"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class Step:
    """One traffic split, percent by group, under a name of its own."""

    name: str
    weights: Mapping[str, int]


#: Shares of traffic, in percent, that a rolling deploy passes through before all of it.
ROLLING_SHARES: Final = (25, 50, 75)


def steps(strategy: Strategy, new: str, before: Mapping[str, int]) -> tuple[Step, ...]:
    """The splits to pass through before `new` is promoted to 100 %.

    Args:
        strategy: how to take over.
        new: name of the healthy new group.
        before: the split so far, percent by group; empty for a first deploy, which has no steps.
    """
    return _STEPS[strategy](new, before) if before else ()


def keeps_old(strategy: Strategy) -> bool:
    """Whether the old groups stay, without traffic, for a quick way back ("there can be only one")."""
    return strategy is not Strategy.HIGHLANDER


def blend(new: str, percent: int, before: Mapping[str, int]) -> dict[str, int]:
    """`percent` for `new`, the rest shared by the others as it was; whole percents that add to 100.

    >>> blend("v2", 20, {"v1": 100})
    {'v2': 20, 'v1': 80}
    """
    old = {group: weight for group, weight in before.items() if group != new and weight > 0}
    total = sum(old.values())
    if not total or percent >= 100:
        return {new: 100}
    shares = {group: (100 - percent) * weight // total for group, weight in old.items()}
    first = next(iter(shares))
    shares[first] += 100 - percent - sum(shares.values())
    return {new: percent, **{group: share for group, share in shares.items() if share}}


def _at_once(new: str, before: Mapping[str, int]) -> tuple[Step, ...]:
    return ()


def _rolling(new: str, before: Mapping[str, int]) -> tuple[Step, ...]:
    return tuple(Step(f"route-{share}", blend(new, share, before)) for share in ROLLING_SHARES)


_STEPS: Final[Mapping[Strategy, Callable[[str, Mapping[str, int]], tuple[Step, ...]]]] = {
    Strategy.BLUE_GREEN: _at_once,
    Strategy.HIGHLANDER: _at_once,
    Strategy.ROLLING: _rolling,
}
