"""How the canary's sample differs from the baseline's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from canary.kayenta.compat import Compat
from canary.kayenta.effect import effect_size, ratio_of_means
from canary.kayenta.groups import Floats
from canary.kayenta.interval import Interval, shift_between
from canary.kayenta.options import Measure
from canary.kayenta.samples import Sample, percentile
from canary.kayenta.solver import TOLERANCE

#: Makes the generator that a pair's noise is drawn from; called only where there is noise.
Noise = Callable[[], np.random.Generator]

#: Standard deviation of the noise that Kayenta adds to constants, as a fraction of the constant.
NOISE = 1e-5


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the comparison of two samples gives.

    Args:
        interval: the shift of the canary against the baseline.
        ratio: ratio of means; NaN where it is undefined.
        effect: the effect that limits are set for.
    """

    interval: Interval
    ratio: float
    effect: float


def compare(experiment: Sample, control: Sample, measure: Measure, compat: Compat, noise: Noise) -> Comparison:
    """The comparison of two samples that are not empty and not one single value.

    Args:
        experiment: the canary's sample.
        control: the baseline's sample.
        measure: the effect to measure.
        compat: see `docs/kayenta.md`.
        noise: makes what the noise on constants is drawn from; not called where Kayenta's defects are repaired.

    Raises:
        AllTied: when Kayenta's statistic has no variance; never where its defects are repaired.
    """
    is_constant = experiment.is_constant and control.is_constant
    if is_constant and compat is Compat.EXACT:
        rng = noise()
        experiment, control = _noisy(experiment, rng), _noisy(control, rng)
    if is_constant and compat is Compat.REPAIRED:
        shift = float(experiment.values[0] - control.values[0])
        interval = Interval(shift, shift, shift)
    else:
        interval = shift_between(experiment.values, control.values, _tolerance(experiment, control, compat))
    ratio = ratio_of_means(experiment, control, compat)
    return Comparison(interval, ratio, effect_size(measure, ratio, experiment, control, compat))


def _noisy(sample: Sample, rng: np.random.Generator) -> Sample:
    return Sample(np.sort(sample.values + NOISE * sample.values * rng.standard_normal(len(sample))))


def _tolerance(experiment: Sample, control: Sample, compat: Compat) -> float:
    """How near the solver comes: Kayenta's constant, or, repaired, that fraction of the data's spread.

    Spread is the interquartile range of both sides together, or their standard deviation where half the values are one.
    """
    if compat is Compat.EXACT:
        return TOLERANCE
    both: Floats = np.sort(np.concatenate((experiment.values, control.values)))
    spread = percentile(both, 0.75) - percentile(both, 0.25) or Sample(both).stats.std
    return TOLERANCE * spread if np.isfinite(spread) else TOLERANCE
