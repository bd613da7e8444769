"""The share of requests that fail."""

import numpy as np

from canary.config import CanaryConfig, MetricConfig
from canary.judgment import MetricResult
from canary.sequential.counts import Counts
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import OddsRatios
from canary.sequential.metrics import Reading, result_of
from canary.ticks import Tick
from canary.wording import percent


class ErrorRateWatch:
    """Watches the share of requests that fail."""

    def __init__(self, metric: MetricConfig, config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metric, self._config = metric, config
        self._evidence = RateEvidence(1, metric, is_stepped=is_stepped)
        self._odds = OddsRatios(1)
        self._totals = np.zeros(4)

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        self._evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        sides = (tick.baseline, tick.canary)
        numbers = np.array([float(number) for side in sides for number in (side.requests, side.errors)])
        counts = Counts(*numbers[:, None])
        self._totals += numbers
        self._evidence.add(counts)
        self._odds.add(counts)

    def result(self) -> MetricResult:
        """What the error rates say by now."""
        dispersion = float(self._evidence.dispersion()[0])
        n_b, s_b, n_c, s_c = map(float, self._totals)
        baseline, canary = s_b / n_b if n_b else None, s_c / n_c if n_c else None
        reading = Reading(
            subject="Error rate",
            comparison=_comparison(baseline, canary),
            baseline=baseline,
            canary=canary,
            interval=self._odds.interval(0, dispersion, self._config.beta),
            log_harm=float(self._evidence.log_harm()[0]),
            log_safe=float(self._evidence.log_safe()[0]),
            dispersion=dispersion,
        )
        return result_of(reading, self._metric, self._config)


def _comparison(baseline: float | None, canary: float | None) -> str:
    if baseline is None or canary is None:
        return ""
    return f"Error rate of the canary is {percent(canary)} against {percent(baseline)} in the baseline"
