"""Events that nobody counts the opportunities of, such as crashes or logins."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.samples import EventCount, Lacking
from canary.sequential.counts import Counts, Floats
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import OddsRatios
from canary.sequential.metrics import Reading
from canary.ticks import Pair, Tick

#: So many opportunities a tick that the events use none of them up.
_OPPORTUNITIES: Final = 2.0**36


def by_share(baseline: Floats, canary: Floats, share: Floats) -> Counts:
    """Events as if each were one among very many requests, split as traffic is.

    The canary's part of K events is then binomial, with log likelihood ratio S ln w - K ln(1 - s + s w) for S events in
    the canary, a share s of the traffic and a rate w times as high (Lindon and Malek 2022, arXiv:2011.03567, with a
    grid of w in place of their prior). Where events are a part of countable requests this is valid too, and says less:
    by Hoeffding (1963) the binomial is above the hypergeometric in convex order.

    Args:
        baseline: events of the baseline in one tick, of shape `(n,)`.
        canary: the same of the canary.
        share: the canary's share of the traffic, in (0, 1).
    """
    return Counts(_OPPORTUNITIES * (1 - share), baseline, _OPPORTUNITIES * share, canary)


class EventPanel:
    """Watches metrics that count events alone: against the share of the traffic that the canary was set to get."""

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._watches = [_Events(metric, config, is_stepped=is_stepped) for metric in metrics]

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        for watch in self._watches:
            watch.evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick; one within which the share changed says nothing."""
        for watch in self._watches:
            watch.add(tick)

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        return tuple(watch.reading() for watch in self._watches)


class _Events:
    def __init__(self, metric: MetricConfig, config: CanaryConfig, *, is_stepped: bool) -> None:
        # A negligible probability needs requests to be a part of.
        self._metric, self._miss = metric.model_copy(update={"negligible": 0.0}), config.beta
        self.evidence = RateEvidence(1, self._metric, is_stepped=is_stepped)
        self._rates = OddsRatios(1)
        self._events = np.zeros(2)
        self._seconds = 0.0
        self._lacking: Lacking | None = None

    def add(self, tick: Tick) -> None:
        pair = tick.metrics[self._metric.name]
        self._lacking = pair if isinstance(pair, Lacking) else None
        if tick.opens_step or isinstance(pair, Lacking):
            return
        events = _events(pair)
        if isinstance(events, Lacking):
            self._lacking = events
            return
        self._events += events
        self._seconds += tick.seconds
        baseline, canary, share = (np.array([each]) for each in (*events, tick.share))
        counts = by_share(baseline, canary, share)
        if self._metric.direction is Direction.INCREASE:
            self.evidence.add(counts)
        else:
            self.evidence.add(by_share(canary, baseline, 1 - share))
        self._rates.add(counts)

    def reading(self) -> Reading:
        dispersion = float(self.evidence.dispersion()[0])
        baseline, canary = map(int, self._events)
        return Reading(
            subject=self._metric.name,
            comparison=self._comparison(baseline, canary) if self._seconds else "",
            baseline=baseline / self._seconds if self._seconds else None,
            canary=canary / self._seconds if self._seconds else None,
            interval=self._rates.interval(0, dispersion, self._miss),
            log_harm=float(self.evidence.log_harm()[0]),
            log_safe=float(self.evidence.log_safe()[0]),
            dispersion=dispersion,
            sizes=(baseline, canary),
            unit="ratio of rates",
            safe_means=self._safe_means(),
            lacking=self._lacking,
        )

    def _comparison(self, baseline: int, canary: int) -> str:
        return f"{self._metric.name} happened {canary:,} times in the canary against {baseline:,} times in the baseline"

    def _safe_means(self) -> str:
        if self._metric.direction is Direction.INCREASE:
            return f"ratio of rates below {self._metric.margin:g}"
        return f"ratio of rates above {1 / self._metric.margin:.3g}"


def _events(pair: Pair) -> tuple[float, float] | Lacking:
    if not isinstance(pair.baseline, EventCount) or not isinstance(pair.canary, EventCount):
        return Lacking("wrong kind", "its source does not count events")
    return float(pair.baseline.events), float(pair.canary.events)
