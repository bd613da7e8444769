"""Partial pooling: a service with little history is told by what services have in common, one with much by its own.

Rates are beta-binomial, hours normal within and between services; what services have in common is estimated from all
of them (empirical Bayes: Morris 1983, "Parametric empirical Bayes inference", JASA 78, section 1; Casella 1985, "An
introduction to empirical Bayes data analysis", The American Statistician 39). The strength of the common rate is the
one of the greatest marginal likelihood (Skellam 1948, beta-binomial) on a grid.
"""

from math import lgamma
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from canary.learning.recorded import Floats

#: How many canaries the common rate is worth to a service: from services that differ wildly to ones all alike.
_STRENGTHS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)
#: The prior of the common rate (Jeffreys; Brown, Cai and DasGupta 2001, "Interval estimation for a binomial
#: proportion").
_JEFFREYS: Final = 0.5

Services = NDArray[np.str_]


def service_weights(services: Services, own: Floats, max_share: float) -> Floats:
    """What each canary's weight is multiplied by so that no service has more than its share, of shape `(n,)`.

    Where there are too few services for that, all of them count the same.

    >>> names = np.array(["a"] * 8 + ["b", "c", "d"])
    >>> service_weights(names, np.ones(11), 0.4)[[0, 8]].round(6).tolist()
    [0.25, 1.0]
    """
    if not len(services):
        return np.ones(0)
    _, which = np.unique(services, return_inverse=True)
    sizes = np.bincount(which, own)
    share = max(max_share, 1 / len(sizes))
    most = float(sizes.max())
    ordered = np.sort(sizes)[::-1]
    for above in range(1, len(ordered) + 1):
        if most <= share * float(np.minimum(sizes, most).sum()) * (1 + 1e-9):
            break
        rest = float(ordered[above:].sum())
        # `above` services are cut to `most`, which is their share of what is left.
        most = share * rest / (1 - share * above) if share * above < 1 else float(ordered[-1])
    weights: Floats = np.minimum(1.0, most / sizes)[which]
    return weights


def pooled_rates(
    services: Services, happened: NDArray[np.bool_], weights: Floats, rng: np.random.Generator, draws: int
) -> dict[str, Floats]:
    """Draws of each service's rate, of shape `(draws,)`; under `""` those of the rate of all."""
    names, hits, sizes = _sums(services, happened.astype(float), weights)
    total, many = float(hits.sum()), float(sizes.sum())
    common = rng.beta(total + _JEFFREYS, many - total + _JEFFREYS, draws)
    mean = (total + _JEFFREYS) / (many + 2 * _JEFFREYS)
    strength = max(_STRENGTHS, key=lambda each: _log_likelihood(hits, sizes, mean, each))
    found = {"": common}
    for name, hit, size in zip(names, hits.tolist(), sizes.tolist(), strict=True):
        found[name] = rng.beta(mean * strength + hit, (1 - mean) * strength + size - hit, draws)
    return found


def pooled_means(
    services: Services, values: Floats, weights: Floats, rng: np.random.Generator, draws: int
) -> dict[str, Floats]:
    """Draws of each service's mean, of shape `(draws,)`; under `""` those of the mean of all."""
    names, sums, sizes = _sums(services, values, weights)
    many = max(float(sizes.sum()), 1e-9)
    mean = float(sums.sum()) / many
    _, which = np.unique(services, return_inverse=True)
    own = np.where(sizes > 0, sums / np.maximum(sizes, 1e-9), mean)
    within = float((weights * (values - own[which]) ** 2).sum()) / max(many - len(names), 1.0)
    between = max(0.0, float((sizes * (own - mean) ** 2).sum()) / many - within * len(names) / many)
    found = {"": rng.normal(mean, np.sqrt(float((weights * (values - mean) ** 2).sum()) / many / many), draws)}
    for name, value, size in zip(names, own.tolist(), sizes.tolist(), strict=True):
        trust = between / (between + within / size) if between > 0 and size > 0 else 0.0
        spread = np.sqrt(trust * within / size if trust > 0 else within / many)
        found[name] = rng.normal(trust * value + (1 - trust) * mean, spread, draws)
    return {name: np.maximum(each, 0.0) for name, each in found.items()}


def _sums(services: Services, values: Floats, weights: Floats) -> tuple[list[str], Floats, Floats]:
    names, which = np.unique(services, return_inverse=True)
    sums, sizes = (np.bincount(which, each).astype(float) for each in (weights * values, weights))
    return [str(name) for name in names], sums, sizes


def _log_likelihood(hits: Any, sizes: Any, mean: float, strength: float) -> float:
    """Of a beta-binomial with this mean and strength, but for a constant."""
    a, b = mean * strength, (1 - mean) * strength
    common = lgamma(a + b) - lgamma(a) - lgamma(b)
    return sum(
        common + lgamma(a + hit) + lgamma(b + size - hit) - lgamma(a + b + size)
        for hit, size in zip(hits.tolist(), sizes.tolist(), strict=True)
    )
