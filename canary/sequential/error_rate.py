"""The share of requests with an event, such as the share that fails."""

from collections.abc import Sequence

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.looks import ERROR_RATE
from canary.samples import EventCount, Lacking
from canary.sequential.counts import Counts, Floats
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import OddsRatios
from canary.sequential.metrics import Reading
from canary.ticks import Pair, Tick
from canary.wording import percent


class CountsPanel:
    """Watches metrics that count events among requests."""

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._watches = [_Counts(metric, config, is_stepped=is_stepped) for metric in metrics]

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        for watch in self._watches:
            watch.evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick."""
        for watch in self._watches:
            watch.add(tick.metrics[watch.metric.name])

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        return tuple(watch.reading() for watch in self._watches)


class _Counts:
    def __init__(self, metric: MetricConfig, config: CanaryConfig, *, is_stepped: bool) -> None:
        self.metric, self._config = metric, config
        self.evidence = RateEvidence(1, metric, is_stepped=is_stepped)
        self._odds = OddsRatios(1)
        self._totals = np.zeros(4)
        self._lacking: Lacking | None = None

    def add(self, pair: Pair | Lacking) -> None:
        self._lacking = pair if isinstance(pair, Lacking) else _without_requests(pair)
        if isinstance(pair, Lacking) or self._lacking is not None:
            return
        numbers = np.array([float(number) for side in (pair.baseline, pair.canary) for number in _numbers(side)])
        self._totals += numbers
        self.evidence.add(self._towards_harm(Counts(*numbers[:, None])))
        self._odds.add(Counts(*numbers[:, None]))

    def _towards_harm(self, counts: Counts) -> Counts:
        """Counts in which more events in the canary are harm."""
        if self.metric.direction is Direction.INCREASE:
            return counts
        return Counts(counts.requests_canary, counts.events_canary, counts.requests_baseline, counts.events_baseline)

    def reading(self) -> Reading:
        dispersion = float(self.evidence.dispersion()[0])
        n_b, s_b, n_c, s_c = map(float, self._totals)
        baseline, canary = s_b / n_b if n_b else None, s_c / n_c if n_c else None
        subject = "Error rate" if self.metric.name == ERROR_RATE else self.metric.name
        return Reading(
            subject=subject,
            comparison=_comparison(subject, baseline, canary),
            baseline=baseline,
            canary=canary,
            interval=self._odds.interval(0, dispersion, self._config.beta),
            log_harm=_only(self.evidence.log_harm()),
            log_safe=_only(self.evidence.log_safe()),
            dispersion=dispersion,
            sizes=(int(n_b), int(n_c)),
            lacking=self._lacking,
        )


def _without_requests(pair: Pair) -> Lacking | None:
    for side in (pair.baseline, pair.canary):
        if not isinstance(side, EventCount) or side.requests is None:
            return Lacking("wrong kind", "its source does not give events and the requests among which they happened")
    return None


def _numbers(side: object) -> tuple[int, int]:
    assert isinstance(side, EventCount)
    return side.requests or 0, side.events


def _only(values: Floats) -> float:
    return float(values[0])


def _comparison(subject: str, baseline: float | None, canary: float | None) -> str:
    if baseline is None or canary is None:
        return ""
    return f"{subject} of the canary is {percent(canary)} against {percent(baseline)} in the baseline"
