"""The size of an effect, as Kayenta measures it."""

import math

from canary.kayenta.compat import Compat
from canary.kayenta.options import Measure
from canary.kayenta.ranks import rank
from canary.kayenta.samples import Sample


def ratio_of_means(experiment: Sample, control: Sample, compat: Compat) -> float:
    """The canary's mean over the baseline's; NaN where it is undefined.

    Kayenta divides, so that between negative means a fall gives a ratio above 1. Repaired, it is 1 plus the change of
    the mean as a fraction of the baseline's level: the same for positive means, and below 1 for every fall.
    """
    canary, baseline = experiment.stats.mean, control.stats.mean
    if baseline == 0.0 or (compat is Compat.EXACT and canary == 0.0):
        return math.nan
    return canary / baseline if compat is Compat.EXACT or baseline > 0 else 2.0 - canary / baseline


def effect_size(measure: Measure, ratio: float, experiment: Sample, control: Sample, compat: Compat) -> float:
    """The effect in the unit of the options' limits.

    Args:
        measure: what the options ask for.
        ratio: the ratio of means.
        experiment: the canary's sample, not empty.
        control: the baseline's sample, not empty.
        compat: whether counts overflow as Kayenta's 32-bit ones do (from about 32,768 points a side).
    """
    return ratio if measure is Measure.MEAN_RATIO else _common_language(experiment, control, compat)


def _common_language(experiment: Sample, control: Sample, compat: Compat) -> float:
    """Probability that a canary's point lies above a baseline's, ties half (McGraw and Wong 1992)."""
    n, m = len(experiment), len(control)
    twice_ranks = rank(experiment.values, control.values, 0.0).twice_excess + n * m + n * (n + 1)
    own, pairs = n * (n + 1), 2 * n * m
    if compat is Compat.EXACT:
        own, pairs = _as_32_bits(own), _as_32_bits(pairs)
    above = float(twice_ranks - own)
    return above / pairs if pairs else math.copysign(math.inf, above)


def _as_32_bits(whole: int) -> int:
    """The whole number that is left when only 32 bits are kept.

    >>> _as_32_bits(2**31)
    -2147483648
    """
    return (whole + 2**31) % 2**32 - 2**31
