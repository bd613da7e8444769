"""Retuning for a year: from bad settings to good ones, and from good ones to no worse."""

from typing import Final

from canary import CanaryConfig
from canary.learning.estimates import cost_under, means_of
from canary.learning.policy import Bounds, RetuningPolicy
from canary.learning.recorded import Batch
from canary.learning.search import searched
from canary.learning.world import World
from tests.bench.learning.starts import POOR
from tests.bench.learning.years import a_year, held_out, outcomes_of
from tests.bench.rows import Row

_POLICY: Final = RetuningPolicy()
#: What hindsight may do: whatever the configuration itself takes.
_UNBOUND: Final = RetuningPolicy(
    bounds=Bounds(
        alpha_factor=100, margin_factor=10, negligible_factor=1000, weight_factor=100, time_factor=20, margin_step=10
    ),
    alpha_ceiling=0.49,
    margin_ceiling=1000,
)
_LEARNS: Final = "1 Learning from deliberately bad thresholds"
_STAYS: Final = "2 Where there is nothing to learn"


def measure(scale: float) -> list[Row]:
    """Cost and false rollbacks after each of four retunings, on the canaries of the 65 days after the last."""
    world = World(services=max(4, round(30 * scale)), days=365, seed=3)
    trials = max(3, round(_POLICY.trials * scale))
    last = held_out(world, POOR)
    year = a_year(world, POOR, _POLICY, trials=trials)
    outcomes = [outcomes_of(config, last, _POLICY) for config in year.champions]
    costs = [cost_under(each, _POLICY) for each in outcomes]
    best = _hindsight(year.champions[-1], last, 2 * trials)
    best_cost = min(cost_under(outcomes_of(best, last, _POLICY), _POLICY), *costs)
    false, missed, undecided, hours = means_of(outcomes[-1], _POLICY)
    size = f"{sum(len(batch.canaries) for batch in last)} canaries of 65 days, {len(world.services())} services"
    rows = [Row(_LEARNS, f"cost after {n} retunings", cost, "", note=size) for n, cost in enumerate(costs)]
    rows += [
        Row(_LEARNS, "false rollbacks before", 100 * means_of(outcomes[0], _POLICY)[0], "%"),
        Row(_LEARNS, "false rollbacks after 4 retunings", 100 * false, "%", 100 * _POLICY.false_rollback_target),
        Row(_LEARNS, "cost after 4 retunings, below the start", 100 * (1 - costs[-1] / costs[0]), "%", 40, "at least"),
        Row(_LEARNS, "cost of the best fixed setting", best_cost, "", note="searched without bounds, with hindsight"),
        Row(_LEARNS, "cost above the best fixed setting", 100 * (costs[-1] / best_cost - 1), "%", 10),
        Row(_LEARNS, "misses after 4 retunings", 100 * missed, "%"),
        Row(_LEARNS, "undecided after 4 retunings", 100 * undecided, "%"),
        Row(_LEARNS, "hours until a verdict after 4 retunings", hours, "h"),
    ]
    return rows + _stationary(year.champions[-1], trials, scale)


def _hindsight(champion: CanaryConfig, batches: list[Batch], trials: int) -> CanaryConfig:
    """The best fixed setting on the very canaries that it is measured by."""
    return searched(champion, batches, _UNBOUND, seed=9, trials=trials, on_progress=lambda done, of: None)


def _stationary(start: CanaryConfig, trials: int, scale: float) -> list[Row]:
    """Another year of the same kind, started from what the first one learned."""
    world = World(services=max(4, round(30 * scale)), days=365, seed=4)
    year = a_year(world, start, _POLICY, trials=trials)
    last = held_out(world, start)
    costs = [cost_under(outcomes_of(config, last, _POLICY), _POLICY) for config in year.champions]
    worst = max(100 * (cost / costs[0] - 1) for cost in costs)
    rows = [Row(_STAYS, f"cost after {n} retunings", cost, "") for n, cost in enumerate(costs)]
    return [*rows, Row(_STAYS, "worst cost of a champion above the start", worst, "%", 2)]
