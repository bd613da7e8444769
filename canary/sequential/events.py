"""Events that nobody counts the opportunities of, such as crashes or logins."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.samples import EventCount, Lacking
from canary.sequential.counts import Counts, Floats
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import Interval, OddsRatios
from canary.sequential.metrics import Reading
from canary.sequential.units import OUT_OF_RANGE
from canary.ticks import Pair, Tick

#: So many opportunities a tick that the events use none of them up.
_OPPORTUNITIES: Final = 2.0**36
#: Events of both sides in one tick that are judged: a thousandth of the opportunities. Nothing happens more often
#: between two looks; a counter that grows by more is broken.
MOST_EVENTS: Final = 2**26


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
    """Watches metrics that count events alone: against the share of the traffic that the canary was set to get.

    A metric of which more was counted in one tick than can be judged is named, and stays so: whatever comes after
    would be judged without what may have been the harm.
    """

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._metrics, self._miss = metrics, config.beta
        self._is_turned = np.array([metric.direction is Direction.DECREASE for metric in metrics])
        # A negligible probability needs requests to be a part of.
        rates = [metric.model_copy(update={"negligible": 0.0}) for metric in metrics]
        self._evidence = RateEvidence(len(metrics), rates, is_stepped=is_stepped)
        self._rates = OddsRatios(len(metrics))
        self._events = np.zeros((2, len(metrics)))
        self._seconds = np.zeros(len(metrics))
        self._lacking: list[Lacking | None] = [None] * len(metrics)

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        self._evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick; one within which the share changed says nothing."""
        found = [
            before if before is not None and before.outcome == OUT_OF_RANGE else _events(tick.metrics[metric.name])
            for metric, before in zip(self._metrics, self._lacking, strict=True)
        ]
        self._lacking = [each if isinstance(each, Lacking) else None for each in found]
        if tick.opens_step:
            return
        is_seen = np.array([lacking is None for lacking in self._lacking])
        baseline, canary = np.array([_NONE if isinstance(each, Lacking) else each for each in found]).T
        self._events += (baseline, canary)
        self._seconds += np.where(is_seen, tick.seconds, 0.0)
        # What was not seen had no opportunity.
        counts = np.where(is_seen, by_share(baseline, canary, np.full(len(found), tick.share)), 0.0)
        self._rates.add(Counts(*counts))
        # Evidence for harm is evidence for more events: where fewer are harm, the sides change places.
        self._evidence.add(Counts(*np.where(self._is_turned, counts[[2, 3, 0, 1]], counts)))

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        dispersion = self._evidence.dispersion()
        columns = zip(
            self._metrics,
            self._events.T.tolist(),
            self._seconds.tolist(),
            self._rates.intervals(dispersion, self._miss),
            self._evidence.log_harm().tolist(),
            self._evidence.log_safe().tolist(),
            dispersion.tolist(),
            self._lacking,
            strict=True,
        )
        return tuple(_reading(*column) for column in columns)


def _reading(
    metric: MetricConfig,
    events: Sequence[float],
    seconds: float,
    interval: Interval,
    log_harm: float,
    log_safe: float,
    dispersion: float,
    lacking: Lacking | None,
) -> Reading:
    baseline, canary = events
    return Reading(
        subject=metric.name,
        comparison=_comparison(metric.name, baseline, canary) if seconds else "",
        baseline=baseline / seconds if seconds else None,
        canary=canary / seconds if seconds else None,
        interval=interval,
        log_harm=log_harm,
        log_safe=log_safe,
        dispersion=dispersion,
        sizes=(int(baseline), int(canary)),
        unit="ratio of rates",
        safe_means=_safe_means(metric),
        lacking=lacking,
    )


_NONE = (0.0, 0.0)


def _comparison(name: str, baseline: float, canary: float) -> str:
    return f"{name} happened {canary:,.0f} times in the canary against {baseline:,.0f} times in the baseline"


def _safe_means(metric: MetricConfig) -> str:
    if metric.direction is Direction.INCREASE:
        return f"ratio of rates below {metric.margin:g}"
    return f"ratio of rates above {1 / metric.margin:.3g}"


def _events(pair: Pair | Lacking) -> tuple[float, float] | Lacking:
    if isinstance(pair, Lacking):
        return pair
    if not isinstance(pair.baseline, EventCount) or not isinstance(pair.canary, EventCount):
        return Lacking("wrong kind", "its source does not count events")
    baseline, canary = pair.baseline.events, pair.canary.events
    if baseline + canary > MOST_EVENTS:
        grown = f"its counters grew by {baseline:,} and {canary:,} between two looks"
        return Lacking(OUT_OF_RANGE, f"{grown}, and {MOST_EVENTS:,} is the most that is judged")
    return float(baseline), float(canary)
