"""What the sequential judge makes of Kayenta's metric set pairs: metrics of ours, and samples of each side.

Each point of the series is a look. Without more, a pair is a gauge of one instance a side: enough to certify or to hold
a canary, and never alone to fail it. `analysisConfigurations.gennaker`, which Kayenta stores and passes on unread, says
that a metric is more: `{"kind": "counts", "requests": "METRIC"}` for events a step and the metric that has the requests
among which they happened, `{"kind": "events"}` for events alone, and any setting of `canary.config.MetricConfig`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from canary.config import MetricConfig, MetricKind
from canary.errors import CanaryError
from canary.kayenta import Compat, KayentaRequest, MetricSetPair
from canary.kayenta.config import KayentaMetric
from canary.kayenta.groups import Floats
from canary.kayenta.options import Direction, Options
from canary.samples import MALFORMED, EventCount, Gauge, Lacking, Sample

#: Beyond this, sums of counters are no longer exact in a double.
_LARGEST: Final = 2.0**53
_KINDS: Final = (MetricKind.COUNTS, MetricKind.EVENTS, MetricKind.GAUGE)


@dataclass(frozen=True, slots=True)
class Watched:
    """A pair as the judge watches it.

    Args:
        pair: its series.
        groups: the groups in which it counts.
        options: Kayenta's options of it.
        metrics: its metrics, one for each direction of harm; none where it is muted.
        control: the baseline's samples, before the first point and after each; None where there is none.
        experiment: the canary's, likewise.
    """

    pair: MetricSetPair
    groups: tuple[str, ...]
    options: Options
    metrics: tuple[MetricConfig, ...]
    control: tuple[Sample | None, ...]
    experiment: tuple[Sample | None, ...]


def watched_in(request: KayentaRequest) -> list[Watched]:
    """All pairs of a request.

    Raises:
        CanaryError: when a pair has no metric in the config, or says of itself what cannot be.
    """
    metrics = {metric.name: metric for metric in reversed(request.config.metrics)}
    pairs = {pair.name: pair for pair in reversed(request.pairs)}
    return [_watched(number, pair, metrics, pairs) for number, pair in enumerate(request.pairs)]


def _watched(
    number: int,
    pair: MetricSetPair,
    metrics: Mapping[str | None, KayentaMetric],
    pairs: Mapping[str, MetricSetPair],
) -> Watched:
    if pair.name not in metrics:
        why = f"metrics are {', '.join(map(str, metrics)) or 'none'}"
        raise CanaryError(f"metric set pair {pair.name!r} has no metric in the config", why=why, mend="add it there")
    metric = metrics[pair.name]
    options = metric.options[Compat.REPAIRED]
    settings = dict((metric.analysis_configurations or {}).get("gennaker") or {})
    requests = settings.pop("requests", None)
    if requests is not None and requests not in pairs:
        what = f"metric {pair.name!r} has its requests in {requests!r}, which is not there"
        raise CanaryError(what, why=f"there are {', '.join(pairs)}", mend="name one of these")
    ours = () if options.is_muted else _metrics(number, pair.name, options, settings)
    among = None if requests is None else pairs[requests]
    if ours:
        _refuse_kind(pair.name, ours[0].kind_in_use, has_requests=among is not None)
    is_gauge = not ours or ours[0].kind_in_use is MetricKind.GAUGE
    control, experiment = (
        _gauges(series) if is_gauge else _counts(series, of)
        for series, of in (
            (pair.control, None if among is None else among.control),
            (pair.experiment, None if among is None else among.experiment),
        )
    )
    return Watched(pair, tuple(metric.groups), options, ours, control, experiment)


def _metrics(number: int, name: str, options: Options, settings: Mapping[str, Any]) -> tuple[MetricConfig, ...]:
    """The metrics that a pair is: one for each direction that is harm, named after it."""
    readable = re.sub(r"[^A-Za-z0-9_.:/-]+", "-", name[:150]).lstrip("0123456789_.:/-") or "metric"
    told = settings.get("direction", options.direction)
    ways = (Direction.INCREASE, Direction.DECREASE) if told == Direction.EITHER else (told,)
    made = []
    for way in ways:
        tolerance = _tolerance(options, way)
        defaults = {"kind": "gauge", "tolerance": tolerance, "margin": max(1.5, 1.25 * tolerance), "negligible": 0.0}
        fields = {**defaults, **settings, "name": f"{readable}:{number}:{way}", "direction": str(way)}
        try:
            made.append(MetricConfig.model_validate(fields))
        except ValidationError as error:
            why = "; ".join(f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors())
            what = f"analysisConfigurations.gennaker of metric {name!r} is not valid"
            raise CanaryError(what, why=why, mend="correct it") from error
    return tuple(made)


def _tolerance(options: Options, way: str) -> float:
    """The ratio up to which Kayenta's effect size allows a change that way; 1 without one."""
    limit = options.own_increase if way == Direction.INCREASE else options.own_decrease
    if limit is None or limit <= 0:
        return 1.0
    return min(max(1.0, limit if way == Direction.INCREASE else 1 / limit), 100.0)


def _refuse_kind(name: str, kind: MetricKind, *, has_requests: bool) -> None:
    if kind not in _KINDS or (kind is MetricKind.COUNTS) is not has_requests:
        why = f"its kind is {kind}, {'with' if has_requests else 'without'} a metric that has its requests"
        mend = f"use one of {', '.join(_KINDS)}; counts, and only they, name `requests`"
        raise CanaryError(f"metric {name!r} cannot be judged from a series", why=why, mend=mend)


def _gauges(series: Floats) -> tuple[Sample | None, ...]:
    return (None, *(None if np.isnan(value) else Gauge({"all": value}) for value in series.tolist()))


def _counts(series: Floats, requests: Floats | None) -> tuple[Sample | None, ...]:
    """Cumulative events, and requests where there are any; a point without data adds nothing."""
    if not all(_are_counts(each) for each in (series, requests) if each is not None):
        why = "points are no counts, but perhaps of a rate or an extrapolated increase"
        return (Lacking(MALFORMED, why),) * (1 + len(series))
    events = _cumulated(series)
    if requests is None:
        return tuple(EventCount(each) for each in events)
    return tuple(EventCount(*both) for both in zip(events, _cumulated(requests), strict=False))


def _are_counts(series: Floats) -> bool:
    """Whether all points are whole, not negative, and together few enough to be exact in a double."""
    known = series[~np.isnan(series)]
    if np.any((known < 0) | (known > _LARGEST) | (known != np.floor(known))):
        return False
    return bool(known.sum() <= _LARGEST)


def _cumulated(series: Floats) -> list[int]:
    return [0, *map(int, np.nancumsum(series).tolist())]
