"""From a request in JSON to the answer in JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from canary.config import CanaryConfig, MetricConfig
from canary.errors import CanaryError
from canary.judgment import Judgment
from canary.kayenta import KayentaRequest
from canary.looks import Look, Side
from canary.pairs.answer import answer
from canary.pairs.watched import Watched, watched_in
from canary.samples import Sample
from canary.session import judge

_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)


class _Judge(msgspec.Struct):
    judge_configurations: dict[str, Any] | None = msgspec.field(name="judgeConfigurations", default=None)


class _Config(msgspec.Struct):
    judge: _Judge | None = None


class _Scope(msgspec.Struct):
    step_ms: float = msgspec.field(name="stepMillis", default=60_000)


class _Pair(msgspec.Struct):
    scopes: dict[str, _Scope | None] | None = None


class _Request(msgspec.Struct):
    """What of a request only this judge reads."""

    config: _Config | None = None
    canary_config: _Config | None = msgspec.field(name="canaryConfig", default=None)
    pairs: list[_Pair] | None = msgspec.field(name="metricSetPairs", default=None)
    pair_list: list[_Pair] | None = msgspec.field(name="metricSetPairList", default=None)


_REQUEST: Final = msgspec.json.Decoder(_Request)


def judge_pairs(text: bytes) -> tuple[str, Judgment]:
    """The answer to a request, in Kayenta's shape, and the judgment behind it.

    `judge.judgeConfigurations` may set `alpha` and `beta`.

    Raises:
        CanaryError: when the request cannot be read, or says of a metric what cannot be.
    """
    request = KayentaRequest.from_json(text)
    try:
        own = _REQUEST.decode(text)
    except msgspec.MsgspecError as error:
        what = "a request to the sequential judge cannot be read"
        raise CanaryError(what, why=str(error), mend="correct it") from error
    watched = watched_in(request)
    metrics = [metric for each in watched for metric in each.metrics]
    points = max((max(len(each.control), len(each.experiment)) for each in watched), default=1) - 1
    if not metrics or not points:
        why = "no metric of the request has points and is not muted"
        raise CanaryError("there is nothing to judge", why=why, mend="give series of both sides")
    step = timedelta(milliseconds=_step_ms(own))
    judgment = judge(_settings(own, metrics, step, points), [_look(at, step, watched) for at in range(points + 1)])
    return answer(watched, judgment, request.thresholds), judgment


def _step_ms(own: _Request) -> float:
    for pair in own.pairs or own.pair_list or ():
        for scope in (pair.scopes or {}).values():
            if scope is not None and 0 < scope.step_ms <= 1e9:
                return scope.step_ms
    return _Scope().step_ms


def _settings(own: _Request, metrics: list[MetricConfig], step: timedelta, points: int) -> CanaryConfig:
    config = own.config or own.canary_config
    told = (config.judge.judge_configurations if config is not None and config.judge is not None else None) or {}
    rates = {name: told[name] for name in ("alpha", "beta") if name in told}
    length = {"interval": step, "duration": step * points, "min_duration": timedelta(0), "min_requests": 0}
    try:
        return CanaryConfig.model_validate({**rates, **length, "metrics": metrics})
    except ValidationError as error:
        why = "; ".join(f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors())
        raise CanaryError("judge.judgeConfigurations is not valid", why=why, mend="correct alpha and beta") from error


def _look(at: int, step: timedelta, watched: list[Watched]) -> Look:
    """Both sides after so many points; each counts as a request, so that there is traffic to speak of."""
    baseline, canary = (Side(at, 0, samples=_samples(at, watched, is_canary=which)) for which in (False, True))
    return Look(_BEGIN + at * step, baseline, canary)


def _samples(at: int, watched: list[Watched], *, is_canary: bool) -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    for each in watched:
        series = each.experiment if is_canary else each.control
        sample = series[at] if at < len(series) else None
        if sample is not None:
            found |= dict.fromkeys((metric.name for metric in each.metrics), sample)
    return found
