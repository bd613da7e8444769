"""What pods show at a moment, such as CPU or memory."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.samples import NO_DATA, Gauge, Lacking
from canary.sequential.metrics import Reading
from canary.sequential.paired import PairedEvidence
from canary.sequential.pods import LEAST_PODS, LOOKS, PodEvidence, PodMeans
from canary.sequential.prewhitened import HIGHEST
from canary.sequential.units import (
    SIGNS,
    SMALLEST,
    comparison,
    interval_of,
    out_of_range,
    safe_by_ratio,
    unit_of_difference,
)
from canary.ticks import Pair, Tick

#: Values of a paired gauge in the whole duration: looks in between are averaged (ibid., T7: 60 in an hour).
POINTS: Final = 60


class GaugePanel:
    """Watches gauges.

    When a sixth of the declared duration is over, each gauge is given its method for good: with three pods or more on
    both sides, pods are compared at the ends of the six sixths; a canary that ends early leaves the looks that it did
    not take unspent. With fewer, the averages of the sides are compared as a series; that cannot tell a harmful version
    from a pod that always differs, so it never fails a canary alone.
    """

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._miss = config.beta
        self._gauges = [_Gauge(metric, config, is_stepped=is_stepped) for metric in metrics]

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        for gauge in self._gauges:
            gauge.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        for gauge in self._gauges:
            gauge.add(tick)

    def readings(self) -> tuple[Reading, ...]:
        """What each gauge says by now."""
        PodEvidence.foresee_ends([gauge.by_pods for gauge in self._gauges], self._miss)
        return tuple(gauge.reading() for gauge in self._gauges)


class _Gauge:
    def __init__(self, metric: MetricConfig, config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metric, self._miss = metric, config.beta
        self._duration_s = config.duration.total_seconds()
        ratios, signs = (metric.tolerance, metric.margin), SIGNS[metric.direction]
        self.by_pods = PodEvidence(1, ratios, signs, is_stepped=is_stepped)
        self._paired = PairedEvidence(1, ratios, signs)
        self._means = PodMeans()
        self._open: list[tuple[float, float]] = []
        self._elapsed_s, self._looks, self._points = 0.0, 0, 0
        self._ticks, self._totals, self._sizes = 0, np.zeros(2), np.zeros(2, int)
        self._uses_pods: bool | None = None
        self._has_pods = True
        self._lacking: Lacking | None = None

    def begin_step(self) -> None:
        self.by_pods.begin_step()
        self._paired.restart_safety()
        self._means = PodMeans()
        self._open = []
        self._elapsed_s, self._looks, self._points = 0.0, 0, 0

    def add(self, tick: Tick) -> None:
        self._elapsed_s += tick.seconds
        pair = _finite(tick.metrics[self._metric.name])
        self._lacking = pair if isinstance(pair, Lacking) else None
        if not isinstance(pair, Lacking):
            self._means.add(*pair)
            self._open.append((_mean(pair[0]), _mean(pair[1])))
            self._ticks += 1
            self._totals += self._open[-1]
            self._sizes += [len(pods) for pods in pair]
        self._close_point()
        self._take_look()

    def _passed(self, parts: int) -> int:
        """How many of so many equal parts of the duration are over."""
        return min(math.floor(self._elapsed_s / self._duration_s * parts + 1e-9), parts)

    def _close_point(self) -> None:
        # Past the declared end every look is a point of its own, and the series goes on.
        point = self._passed(POINTS)
        if self._open and (point > self._points or point == POINTS):
            baseline, canary = np.mean(self._open, axis=0)
            self._paired.add(np.array([baseline]), np.array([canary]))
            self._open, self._points = [], point

    def _take_look(self) -> None:
        look = self._passed(LOOKS)
        if look <= self._looks:
            return
        self._looks = look
        baseline, canary = self._means.levels()
        self._has_pods = min(len(baseline), len(canary)) >= LEAST_PODS
        if self._uses_pods is None and len(baseline):
            self._uses_pods = self._has_pods
        if self._uses_pods and self._has_pods:
            self.by_pods.look(baseline[None, :], canary[None, :])

    def reading(self) -> Reading:
        baseline, canary = map(float, self._totals / max(self._ticks, 1))
        is_paired, is_told = self._uses_pods is False, self._uses_pods is not None
        evidence = self._paired if is_paired else self.by_pods
        return Reading(
            subject=self._metric.name,
            comparison=self._comparison(baseline, canary) if self._ticks else "",
            baseline=baseline if self._ticks else None,
            canary=canary if self._ticks else None,
            interval=interval_of(evidence.interval(self._miss)),
            log_harm=float(evidence.log_harm[0]) if is_told else 0.0,
            log_safe=float(evidence.log_safe[0]) if is_told else 0.0,
            dispersion=1.0,
            sizes=(int(self._sizes[0]), int(self._sizes[1])),
            unit=unit_of_difference(self._metric),
            safe_means=safe_by_ratio(self._metric),
            lacking=self._lacking or self._refused(),
            is_weak=is_paired,
        )

    def _refused(self) -> Lacking | None:
        if self._uses_pods and not self._has_pods:
            return Lacking(NO_DATA, f"fewer than {LEAST_PODS} pods of a side were left at the last comparison")
        if self._uses_pods is False and self._paired.is_refused()[0]:
            foretold = float(self._paired.autocorrelation()[0])
            return Lacking("autocorrelated", f"each value foretells {foretold:.2f} of the next, perhaps over {HIGHEST}")
        return None

    def _comparison(self, baseline: float, canary: float) -> str:
        return f"{comparison(self._metric, baseline, canary)}, {self._method()}"

    def _method(self) -> str:
        if self._uses_pods is None:
            return f"compared after {self._duration_s / LOOKS / 60:.3g} min for the first time"
        return f"by pods at look {self._looks} of {LOOKS}" if self._uses_pods else "with too few pods to compare them"


def _finite(pair: Pair | Lacking) -> tuple[dict[str, float], dict[str, float]] | Lacking:
    if isinstance(pair, Lacking):
        return pair
    if not isinstance(pair.baseline, Gauge) or not isinstance(pair.canary, Gauge):
        return Lacking("wrong kind", "its source does not give a gauge")
    baseline, canary = (
        {
            pod: float(value) if abs(value) > SMALLEST else 0.0
            for pod, value in side.pods.items()
            if math.isfinite(value)
        }
        for side in (pair.baseline, pair.canary)
    )
    if not baseline or not canary:
        return Lacking(NO_DATA, f"no pod of the {'canary' if baseline else 'baseline'} shows a number")
    return out_of_range(max(map(abs, (*baseline.values(), *canary.values())))) or (baseline, canary)


def _mean(pods: Mapping[str, float]) -> float:
    return math.fsum(pods.values()) / len(pods)
