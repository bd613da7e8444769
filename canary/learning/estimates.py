"""What settings do on labelled canaries: mistakes, waiting and cost, per service and pooled, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from canary.judgment import Verdict
from canary.learning.cost import cost_of
from canary.learning.endings import Ending
from canary.learning.policy import RetuningPolicy
from canary.learning.pooling import pooled_means, pooled_rates, service_weights
from canary.learning.recorded import Floats, Recorded, Truth

#: Draws that an interval is read from; its ends then are known to about a hundredth of its width.
_DRAWS: Final = 2000
#: The ends of a 95 % interval.
_ENDS: Final = (0.025, 0.975)
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Args:
        value: the figure.
        low: lower end.
        high: upper end.
        canaries: how many labelled canaries it rests on.
    """

    value: float
    low: float
    high: float
    canaries: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What settings do.

    Args:
        false_rollbacks: share of good releases that are judged harmful.
        misses: share of bad releases that are let through.
        undecided: share of releases that no verdict was reached on.
        hours: expected until any verdict.
        cost: of a release, in units of one false rollback.
    """

    false_rollbacks: Estimate
    misses: Estimate
    undecided: Estimate
    hours: Estimate
    cost: Estimate

    def to_json(self) -> dict[str, Any]:
        """Plain numbers by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The figures that `to_json` wrote."""
        return cls(**{name: Estimate(**each) for name, each in fields.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """How `n` labelled canaries end under one setting.

    Args:
        services: whose canary each is.
        is_bad: what it turned out to be, of shape `(n,)`.
        is_passed: whether it is let through, of shape `(n,)`.
        is_failed: whether it is judged harmful, of shape `(n,)`.
        hours: until its verdict, of shape `(n,)`.
        weights: what it counts, of shape `(n,)`: its copies sum to 1 at most.
    """

    services: NDArray[np.str_]
    is_bad: NDArray[np.bool_]
    is_passed: NDArray[np.bool_]
    is_failed: NDArray[np.bool_]
    hours: Floats
    weights: Floats


def outcomes_of(canaries: Sequence[Recorded], endings: Sequence[Ending], max_service_share: float) -> Outcomes:
    """The outcomes of labelled canaries, no service counting more than its share.

    Copies of a canary have its id, and count together as one.
    """
    services = np.array([each.service for each in canaries], np.str_)
    _, which, copies = np.unique([each.id for each in canaries], return_inverse=True, return_counts=True)
    own = 1.0 / copies[which]
    return Outcomes(
        services=services,
        is_bad=np.array([each.truth is Truth.BAD for each in canaries], bool),
        is_passed=np.array([each.verdict is Verdict.PASS for each in endings], bool),
        is_failed=np.array([each.verdict in (Verdict.FAIL, Verdict.ERROR) for each in endings], bool),
        hours=np.array([each.seconds for each in endings], float) / _HOUR_S,
        weights=own * service_weights(services, own, max_service_share),
    )


def cost_under(outcomes: Outcomes, policy: RetuningPolicy) -> float:
    """The expected cost of a release, pooled over services."""
    false, missed, undecided, hours = means_of(outcomes, policy)
    return cost_of(false_rollbacks=false, misses=missed, undecided=undecided, hours=hours, policy=policy)


def means_of(outcomes: Outcomes, policy: RetuningPolicy) -> tuple[float, float, float, float]:
    """False rollbacks, misses, undecided and hours, pooled over services; 0 where no canary tells."""
    good, bad = outcomes.weights * ~outcomes.is_bad, outcomes.weights * outcomes.is_bad
    mix = _balanced(outcomes, policy)
    is_undecided = ~outcomes.is_passed & ~outcomes.is_failed
    return (
        _mean(good, outcomes.is_failed),
        _mean(bad, outcomes.is_passed),
        _mean(mix, is_undecided),
        _mean(mix, outcomes.hours),
    )


def figures_of(outcomes: Outcomes, policy: RetuningPolicy, *, seed: int = 0) -> dict[str, Figures]:
    """Figures of each service, drawn to what services have in common, and under `""` of all of them pooled.

    Intervals are of Bayesian posteriors, read from draws: see `canary/learning/pooling.py`.
    """
    rng = np.random.default_rng(seed)
    services, mix = outcomes.services, _balanced(outcomes, policy)
    false = pooled_rates(services, outcomes.is_failed, outcomes.weights * ~outcomes.is_bad, rng, _DRAWS)
    misses = pooled_rates(services, outcomes.is_passed, outcomes.weights * outcomes.is_bad, rng, _DRAWS)
    undecided = pooled_rates(services, ~outcomes.is_passed & ~outcomes.is_failed, mix, rng, _DRAWS)
    hours = pooled_means(services, outcomes.hours, mix, rng, _DRAWS)
    found = {}
    for service in ["", *sorted(set(services.tolist()))]:
        is_own = services == service if service else np.ones(len(services), bool)
        good, bad = int((is_own & ~outcomes.is_bad).sum()), int((is_own & outcomes.is_bad).sum())
        drawn = (false[service], misses[service], undecided[service], hours[service])
        costs = [
            cost_of(false_rollbacks=f, misses=m, undecided=u, hours=h, policy=policy)
            for f, m, u, h in zip(*(each.tolist() for each in drawn), strict=True)
        ]
        found[service] = Figures(
            false_rollbacks=_estimate(drawn[0], good),
            misses=_estimate(drawn[1], bad),
            undecided=_estimate(drawn[2], good + bad),
            hours=_estimate(drawn[3], good + bad),
            cost=_estimate(np.array(costs), good + bad),
        )
    return found


def _balanced(outcomes: Outcomes, policy: RetuningPolicy) -> Floats:
    """Weights by which good and bad canaries count as often as they are released; the sum stays."""
    sums = [float(outcomes.weights[outcomes.is_bad == bad].sum()) for bad in (False, True)]
    if min(sums) <= 0:
        return outcomes.weights
    good, bad = ((1 - policy.bad_share) * sum(sums) / sums[0], policy.bad_share * sum(sums) / sums[1])
    balanced: Floats = np.where(outcomes.is_bad, bad, good) * outcomes.weights
    return balanced


def _estimate(draws: Floats, canaries: int) -> Estimate:
    low, high = np.quantile(draws, _ENDS)
    return Estimate(float(draws.mean()), float(low), float(high), canaries)


def _mean(weights: Floats, values: NDArray[Any]) -> float:
    total = float(weights.sum())
    return float((weights * values).sum()) / total if total > 0 else 0.0
