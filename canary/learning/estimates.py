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
        false_rollbacks: share of good releases that are not let through.
        misses: share of bad releases that are let through.
        hours: expected until any verdict.
        cost: of a release, in units of one false rollback.
    """

    false_rollbacks: Estimate
    misses: Estimate
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
        hours: until its verdict, of shape `(n,)`.
        weights: what it counts, of shape `(n,)`: its copies sum to 1 at most.
    """

    services: NDArray[np.str_]
    is_bad: NDArray[np.bool_]
    is_passed: NDArray[np.bool_]
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
        hours=np.array([each.seconds for each in endings], float) / _HOUR_S,
        weights=own * service_weights(services, own, max_service_share),
    )


def cost_under(outcomes: Outcomes, policy: RetuningPolicy) -> float:
    """The expected cost of a release, pooled over services."""
    rates, misses, hours = means_of(outcomes, policy)
    return cost_of(false_rollbacks=rates, misses=misses, hours=hours, policy=policy)


def means_of(outcomes: Outcomes, policy: RetuningPolicy) -> tuple[float, float, float]:
    """False rollbacks, misses and hours, pooled; 0 where no canary tells."""
    good, bad = outcomes.weights * ~outcomes.is_bad, outcomes.weights * outcomes.is_bad
    false, missed = _mean(good, ~outcomes.is_passed), _mean(bad, outcomes.is_passed)
    hours = [_mean(weights, outcomes.hours) for weights in (good, bad)]
    if not bad.any() or not good.any():
        return false, missed, max(hours)
    return false, missed, (1 - policy.bad_share) * hours[0] + policy.bad_share * hours[1]


def figures_of(outcomes: Outcomes, policy: RetuningPolicy, *, seed: int = 0) -> dict[str, Figures]:
    """Figures of each service, drawn to what services have in common, and under `""` of all of them pooled.

    Intervals are of Bayesian posteriors, read from draws: see `canary/learning/pooling.py`.
    """
    rng = np.random.default_rng(seed)
    false = pooled_rates(outcomes.services, ~outcomes.is_passed, outcomes.weights * ~outcomes.is_bad, rng, _DRAWS)
    misses = pooled_rates(outcomes.services, outcomes.is_passed, outcomes.weights * outcomes.is_bad, rng, _DRAWS)
    mix = np.where(outcomes.is_bad, policy.bad_share, 1 - policy.bad_share) * outcomes.weights
    hours = pooled_means(outcomes.services, outcomes.hours, _balanced(outcomes, mix), rng, _DRAWS)
    found = {}
    for service in ["", *sorted(set(outcomes.services.tolist()))]:
        is_own = outcomes.services == service if service else np.ones(len(outcomes.services), bool)
        good, bad = int((is_own & ~outcomes.is_bad).sum()), int((is_own & outcomes.is_bad).sum())
        found[service] = Figures(
            false_rollbacks=_estimate(false[service], good),
            misses=_estimate(misses[service], bad),
            hours=_estimate(hours[service], good + bad),
            cost=_estimate(_costs(false[service], misses[service], hours[service], policy), good + bad),
        )
    return found


def _balanced(outcomes: Outcomes, mix: Floats) -> Floats:
    """Weights by which good and bad canaries count as often as they are released; the sum stays."""
    sums = [float(outcomes.weights[outcomes.is_bad == bad].sum()) for bad in (False, True)]
    if min(sums) <= 0:
        return outcomes.weights
    balanced: Floats = mix * np.where(outcomes.is_bad, sum(sums) / sums[1], sum(sums) / sums[0])
    return balanced


def _costs(false: Floats, misses: Floats, hours: Floats, policy: RetuningPolicy) -> Floats:
    rows = zip(false.tolist(), misses.tolist(), hours.tolist(), strict=True)
    return np.array([cost_of(false_rollbacks=f, misses=m, hours=h, policy=policy) for f, m, h in rows])


def _estimate(draws: Floats, canaries: int) -> Estimate:
    low, high = np.quantile(draws, _ENDS)
    return Estimate(float(draws.mean()), float(low), float(high), canaries)


def _mean(weights: Floats, values: NDArray[Any]) -> float:
    total = float(weights.sum())
    return float((weights * values).sum()) / total if total > 0 else 0.0
