"""A simulated year in which a profile is retuned four times, by what was recorded under it until then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from canary import CanaryConfig
from canary.learning.courses import courses_of
from canary.learning.estimates import Outcomes
from canary.learning.in_memory import InMemoryHistory
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Batch
from canary.learning.retuning import Retuning, retune
from canary.learning.search import outcomes_under
from canary.learning.stopped import stopped
from canary.learning.world import World

#: Days before the first retuning, and between two.
PERIOD: Final = timedelta(days=75)
#: A year is so many periods of learning, and 65 days that nothing is learned from.
RETUNINGS: Final = 4


@dataclass(frozen=True, slots=True)
class Year:
    """What came of a year.

    Args:
        champions: the settings at its beginning, and after each retuning.
        retunings: what came of each.
    """

    champions: tuple[CanaryConfig, ...]
    retunings: tuple[Retuning, ...]


def a_year(
    world: World,
    start: CanaryConfig,
    policy: RetuningPolicy,
    *,
    trials: int,
    relabelled: Callable[[Batch], Batch] = lambda batch: batch,
) -> Year:
    """Four retunings from `start`; only the looks up to each verdict are known to them."""
    begin, champions, retunings, known = world.releases()[0].at, [start], [], list[Batch]()
    for number in range(RETUNINGS):
        since, until = begin + number * PERIOD, begin + (number + 1) * PERIOD
        whole = world.batches(champions[-1], since=since, until=until)
        known += [relabelled(stopped(batch, champions[-1])) for batch in whole]
        said = retune(champions[-1], InMemoryHistory(known), policy, seed=number, trials=trials)
        retunings.append(said)
        champions.append(said.challenger or champions[-1])
    return Year(tuple(champions), tuple(retunings))


def held_out(world: World, config: CanaryConfig) -> list[Batch]:
    """Every look of the canaries after the last retuning."""
    return list(world.batches(config, since=world.releases()[0].at + RETUNINGS * PERIOD))


def outcomes_of(config: CanaryConfig, batches: Sequence[Batch], policy: RetuningPolicy) -> Outcomes:
    """How canaries whose every look is known end under a configuration."""
    return outcomes_under(config, [courses_of(config, batch) for batch in batches], policy)
