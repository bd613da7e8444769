"""The share of requests with an event, such as the share that fails."""

from collections.abc import Sequence

import numpy as np

from canary.config import CanaryConfig, Direction, MetricConfig
from canary.looks import ERROR_RATE
from canary.samples import EventCount, Lacking
from canary.sequential.counts import Counts
from canary.sequential.evidence import RateEvidence
from canary.sequential.intervals import Interval
from canary.sequential.metrics import Reading
from canary.ticks import Pair, Tick
from canary.wording import percent


class CountsPanel:
    """Watches metrics that count events among requests; all of them are one batch."""

    def __init__(self, metrics: Sequence[MetricConfig], config: CanaryConfig, *, is_stepped: bool) -> None:
        self._names = [metric.name for metric in metrics]
        self._is_turned = np.array([metric.direction is Direction.DECREASE for metric in metrics])
        self._miss = config.beta
        self._evidence = RateEvidence(len(metrics), metrics, is_stepped=is_stepped)
        self._totals = np.zeros((4, len(metrics)))
        self._lacking: list[Lacking | None] = [None] * len(metrics)

    def begin_step(self) -> None:
        """A new step of the ramp begins with the next tick."""
        self._evidence.begin_step()

    def add(self, tick: Tick) -> None:
        """Takes in one tick; a metric that lacks data has no requests in it."""
        found = [_numbers(tick.metrics[name]) for name in self._names]
        self._lacking = [each if isinstance(each, Lacking) else None for each in found]
        numbers = np.array([_NONE if isinstance(each, Lacking) else each for each in found], float).T
        self._totals += numbers
        # Evidence for harm is evidence for more events: where fewer are harm, the sides change places.
        self._evidence.add(Counts(*np.where(self._is_turned, numbers[[2, 3, 0, 1]], numbers)))

    def readings(self) -> tuple[Reading, ...]:
        """What each metric says by now."""
        intervals = self._evidence.intervals(self._miss)
        columns = zip(
            self._names,
            self._is_turned.tolist(),
            self._totals.T.tolist(),
            intervals,
            self._evidence.log_harm().tolist(),
            self._evidence.log_safe().tolist(),
            self._evidence.dispersion().tolist(),
            self._lacking,
            strict=True,
        )
        return tuple(_reading(*column) for column in columns)


def _reading(
    name: str,
    is_turned: bool,
    totals: Sequence[float],
    interval: Interval,
    log_harm: float,
    log_safe: float,
    dispersion: float,
    lacking: Lacking | None,
) -> Reading:
    n_b, s_b, n_c, s_c = totals
    baseline, canary = s_b / n_b if n_b else None, s_c / n_c if n_c else None
    subject = "Error rate" if name == ERROR_RATE else name
    return Reading(
        subject=subject,
        comparison=_comparison(subject, baseline, canary),
        baseline=baseline,
        canary=canary,
        interval=_turned(interval) if is_turned else interval,
        log_harm=log_harm,
        log_safe=log_safe,
        dispersion=dispersion,
        sizes=(int(n_b), int(n_c)),
        lacking=lacking,
    )


_NONE = (0, 0, 0, 0)


def _numbers(pair: Pair | Lacking) -> tuple[int, int, int, int] | Lacking:
    """Requests and events of the baseline, and of the canary."""
    if isinstance(pair, Lacking):
        return pair
    match pair.baseline, pair.canary:
        case EventCount(s_b, int(n_b)), EventCount(s_c, int(n_c)):
            return n_b, s_b, n_c, s_c
        case _:
            return Lacking("wrong kind", "its source does not give events and the requests among which they happened")


def _turned(interval: Interval) -> Interval:
    """The interval of the odds ratio the other way round."""
    effect, low, high = interval
    if effect is None or low is None:
        return interval
    return Interval(1 / effect, 1 / high if high is not None else 0.0, 1 / low if low > 0 else None)


def _comparison(subject: str, baseline: float | None, canary: float | None) -> str:
    if baseline is None or canary is None:
        return ""
    return f"{subject} of the canary is {percent(canary)} against {percent(baseline)} in the baseline"
