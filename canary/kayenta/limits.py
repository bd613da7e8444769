"""Which shifts and effects are failures."""

import math

from canary.kayenta.compat import Compat
from canary.kayenta.interval import Interval
from canary.kayenta.options import Direction, Options
from canary.kayenta.result import Classification
from canary.kayenta.samples import Sample

#: Kayenta's tolerance: constant since July 2018, whatever the judge's configuration says.
TOLERANCE = 0.25


def classify(interval: Interval, effect: float, options: Options, control: Sample, compat: Compat) -> Classification:
    """High, Low or Pass.

    Args:
        interval: the shift, in the metric's unit.
        effect: its size in the unit of the options' limits; NaN is beyond every limit.
        options: the limits.
        control: the baseline's sample, whose level the repaired tolerance is a fraction of.
        compat: whether the tolerance is a fraction of the shift itself (as Kayenta has it) or of the level.
    """
    up, down = _least_shifts(interval, options, control, compat)
    if (
        options.direction is not Direction.DECREASE
        and interval.low > up
        and _at_least(effect, options.allowed_increase)
    ):
        return Classification.HIGH
    if (
        options.direction is not Direction.INCREASE
        and interval.high < -down
        and _at_most(effect, options.allowed_decrease)
    ):
        return Classification.LOW
    return Classification.PASS


def is_critical(found: Classification, effect: float, options: Options) -> bool:
    """Whether a High or Low fails the whole canary."""
    if not options.is_critical:
        return False
    if found is Classification.HIGH:
        return _at_least(effect, options.critical_increase)
    return found is Classification.LOW and _at_most(effect, options.critical_decrease)


def _least_shifts(interval: Interval, options: Options, control: Sample, compat: Compat) -> tuple[float, float]:
    """What the interval must lie beyond, upwards and downwards.

    Repaired: what the metric's own effect size allows, or a quarter, of the baseline's level.
    """
    if compat is Compat.EXACT:
        return TOLERANCE * abs(interval.estimate), TOLERANCE * abs(interval.estimate)
    level = abs(control.stats.mean)
    up = TOLERANCE if options.own_increase is None else max(options.own_increase - 1.0, 0.0)
    down = TOLERANCE if options.own_decrease is None else max(1.0 - options.own_decrease, 0.0)
    return up * level, down * level


def _at_least(effect: float, limit: float) -> bool:
    return math.isnan(effect) or effect >= limit


def _at_most(effect: float, limit: float) -> bool:
    return math.isnan(effect) or effect <= limit
