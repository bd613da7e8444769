"""Means of single observations, such as bytes a response or items a basket."""

import math
from collections.abc import Sequence

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.samples import Lacking, Moments
from canary.sequential.metrics import Reading
from canary.sequential.mixtures import Floats
from canary.sequential.ratios import LEAST_EFFECTIVE, LEAST_OBSERVATIONS, RatioEvidence, Sums, is_enough
from canary.sequential.steps import log_over_steps
from canary.sequential.units import (
    OUT_OF_RANGE,
    SIGNS,
    SMALLEST,
    comparison,
    interval_of,
    out_of_range,
    safe_by_ratio,
    unit_of_difference,
)
from canary.ticks import Pair, Tick


class MeanPanel:
    """Watches means, all of them together: evidence on the ratio of the canary's to the baseline's.

    A metric that showed more than can be judged is named, and stays so: its sums hold that value from then on.
    """

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metrics, self._miss, self._is_stepped = metrics, config.beta, is_stepped
        tolerance, margin = np.array([(metric.tolerance, metric.margin) for metric in metrics], float).T
        self._evidence = RatioEvidence(tolerance, margin)
        self._lacking: list[Lacking | None] = [None] * len(metrics)

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        self._evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        numbers = [
            before if before is not None and before.outcome == OUT_OF_RANGE else _numbers(tick.metrics[metric.name])
            for metric, before in zip(self._metrics, self._lacking, strict=True)
        ]
        self._lacking = [each if isinstance(each, Lacking) else None for each in numbers]
        rows = [(0.0,) * 6 if isinstance(each, Lacking) else each for each in numbers]
        self._evidence.add(Sums(*np.array(rows, float).T))

    def readings(self) -> tuple[Reading, ...]:
        """What each mean says by now."""
        harm = {sign: self._log_harm(sign) for sign in (1, -1)}
        safe = {sign: self._evidence.log_safe(sign) for sign in (1, -1)}
        ends, dispersion = self._evidence.differences(self._miss), self._evidence.dispersion()
        observed, is_told = np.stack(self._evidence.observed), is_enough(self._evidence.observed)
        readings = []
        for index, metric in enumerate(self._metrics):
            n_b, x_b, _, n_c, x_c, _ = map(float, observed[:, index])
            signs, baseline, canary = SIGNS[metric.direction], _mean(n_b, x_b), _mean(n_c, x_c)
            readings.append(
                Reading(
                    subject=metric.name,
                    comparison=_comparison(metric, baseline, canary, is_told=bool(is_told[index])),
                    baseline=baseline,
                    canary=canary,
                    interval=interval_of(ends, index),
                    log_harm=float(np.logaddexp.reduce([harm[sign][index] for sign in signs]) - np.log(len(signs))),
                    log_safe=float(min(safe[sign][index] for sign in signs)),
                    dispersion=float(dispersion[index]),
                    sizes=(int(n_b), int(n_c)),
                    unit=unit_of_difference(metric),
                    safe_means=safe_by_ratio(metric),
                    lacking=self._lacking[index] or _no_ratio(min(n_b, n_c), x_b),
                )
            )
        return tuple(readings)

    def _log_harm(self, sign: int) -> Floats:
        parts = [self._evidence.log_harm(sign, start) for start in range(self._evidence.starts())]
        return log_over_steps(parts, is_stepped=self._is_stepped)


def _numbers(pair: Pair | Lacking) -> tuple[float, ...] | Lacking:
    if isinstance(pair, Lacking):
        return pair
    if not isinstance(pair.baseline, Moments) or not isinstance(pair.canary, Moments):
        return Lacking("wrong kind", "its source does not give count, sum and sum of squares")
    sides = (pair.baseline, pair.canary)
    sizes = [math.sqrt(side.squares / side.count) if side.count else 0.0 for side in sides]
    if lacking := out_of_range(max(sizes)):
        return lacking
    values: list[float] = []
    for side, size in zip(sides, sizes, strict=True):
        values += (side.count, side.total, side.squares) if size > SMALLEST else (side.count, 0.0, 0.0)
    return tuple(values)


def _mean(count: float, total: float) -> float | None:
    return total / count if count else None


def _comparison(metric: MetricConfig, baseline: float | None, canary: float | None, *, is_told: bool) -> str:
    if baseline is None or canary is None:
        return ""
    words = comparison(metric, baseline, canary)
    if is_told:
        return words
    return f"{words}, with too few of both (needed are {LEAST_OBSERVATIONS} a side and {LEAST_EFFECTIVE:g} that count)"


def _no_ratio(least: float, total_baseline: float) -> Lacking | None:
    """Why there is no ratio of means, if there is none."""
    if least < LEAST_OBSERVATIONS or total_baseline >= 0:
        return None
    return Lacking("negative mean", "its mean in the baseline is below zero, and ratios of means are compared")
