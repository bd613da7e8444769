"""How means and gauges are compared, in the metric's own unit."""

import math
from collections.abc import Mapping
from typing import Final

from canary.config import Direction, MetricConfig
from canary.samples import Lacking
from canary.sequential.intervals import Interval
from canary.sequential.mixtures import Floats

#: Which ways are harm: 1 up, -1 down.
SIGNS: Final[Mapping[Direction, tuple[int, ...]]] = {Direction.INCREASE: (1,), Direction.DECREASE: (-1,)}

#: The outcome of what shows more than can be judged.
OUT_OF_RANGE: Final = "out of range"

#: Sizes of values that are judged: the squares of squares of larger ones are no doubles, and smaller ones are zero.
LARGEST: Final = 1e60
SMALLEST: Final = 1e-60


def out_of_range(size: float) -> Lacking | None:
    """Why a value of this size is not judged, if it is not."""
    if abs(size) <= LARGEST:
        return None
    return Lacking(OUT_OF_RANGE, f"it shows {size:.3g}, and {LARGEST:g} is the most that is judged")


def comparison(metric: MetricConfig, baseline: float, canary: float) -> str:
    """Both sides' values in words."""
    unit = f" {metric.unit}" if metric.unit else ""
    return f"{metric.name} of the canary is {canary:.4g}{unit} against {baseline:.4g}{unit} in the baseline"


def unit_of_difference(metric: MetricConfig) -> str:
    """What an effect is."""
    return f"difference in {metric.unit}" if metric.unit else "difference"


def safe_by_ratio(metric: MetricConfig) -> str:
    """What certified safe means where ratios are compared."""
    signs = SIGNS[metric.direction]
    bounds = (["less than"] * (1 in signs)) + (["more than"] * (-1 in signs))
    ratios = [metric.margin] * (1 in signs) + [1 / metric.margin] * (-1 in signs)
    parts = [f"{bound} {ratio:.4g} times" for bound, ratio in zip(bounds, ratios, strict=True)]
    return f"{' and '.join(parts)} the baseline's"


def interval_of(ends: tuple[Floats, Floats, Floats] | None, index: int = 0) -> Interval:
    """Effect and ends of one of them; what is not finite is not known."""
    if ends is None:
        return Interval(None, None, None)
    return Interval(*(float(end[index]) if math.isfinite(end[index]) else None for end in ends))
