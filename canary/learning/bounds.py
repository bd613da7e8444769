"""How far one retuning may move each setting, and the clamp that no challenger gets past."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor
from typing import Final

from canary.config import CanaryConfig, MetricConfig
from canary.learning.policy import RetuningPolicy

#: Settings may leave their span by this part: times are whole microseconds.
_ROUNDING: Final = 1e-6
#: What `CanaryConfig` takes: at least, at most (just inside where it excludes the end).
_RATE: Final = (1e-9, 0.5 - 1e-9)
_TIMES: Final = ("interval", "min_duration", "duration")
_OF_METRIC: Final = ("margin", "tolerance", "negligible", "weight")


@dataclass(frozen=True, slots=True)
class Span:
    """Where a setting may go, both ends included; times are in seconds."""

    low: float
    high: float

    def clamp(self, value: float) -> float:
        """The nearest value inside; the lower end for what is no number."""
        return min(max(self.low, value), self.high) if value == value else self.low

    def has(self, value: float) -> bool:
        """Whether a value lies inside, but for rounding."""
        slack = _ROUNDING * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack


def settings_of(config: CanaryConfig) -> dict[str, float]:
    """What retuning may change, by name, such as `alpha` or `latency.margin`; times in seconds."""
    settings = {"alpha": config.alpha, "beta": config.beta, "min_requests": float(config.min_requests)}
    settings |= {name: getattr(config, name).total_seconds() for name in _TIMES}
    for metric in config.metrics:
        settings |= {f"{metric.name}.{name}": float(getattr(metric, name)) for name in _OF_METRIC}
    return settings


def spans(champion: CanaryConfig, policy: RetuningPolicy) -> dict[str, Span]:
    """Where each setting may go from the champion's in one retuning.

    A champion that is above a ceiling already may stay there or fall, and not rise. A least number of 0 stays, as its
    bound is a factor.
    """
    bounds = policy.bounds
    found = {
        "alpha": _around(champion.alpha, bounds.alpha_factor, _RATE[0], max(policy.alpha_ceiling, champion.alpha)),
        "beta": _around(champion.beta, bounds.alpha_factor, *_RATE),
        "min_requests": _whole(_around(champion.min_requests, bounds.requests_factor)),
    }
    found |= {name: _around(getattr(champion, name).total_seconds(), bounds.time_factor) for name in _TIMES}
    for metric in champion.metrics:
        found |= {f"{metric.name}.{name}": span for name, span in _of_metric(metric, policy).items()}
    return found


def broken_bounds(champion: CanaryConfig, challenger: CanaryConfig, policy: RetuningPolicy) -> list[str]:
    """The settings that a challenger has outside their spans; `other settings` for what may not change at all."""
    values = settings_of(challenger)
    broken = [name for name, span in spans(champion, policy).items() if name in values and not span.has(values[name])]
    if _apart(champion) != _apart(challenger):
        broken.append("other settings")
    return broken


def within_bounds(champion: CanaryConfig, challenger: CanaryConfig, policy: RetuningPolicy) -> bool:
    """Whether a challenger differs from the champion by no more than one retuning may."""
    return not broken_bounds(champion, challenger, policy)


def clamped(champion: CanaryConfig, settings: Mapping[str, float], policy: RetuningPolicy) -> CanaryConfig:
    """The champion with `settings`, each moved into its span; what is not named stays.

    Where a margin would not be above its tolerance, or the least time not under the longest, both stay the champion's.
    """
    before = settings_of(champion)
    limits = spans(champion, policy)
    now = {name: limits[name].clamp(settings[name]) if name in settings else before[name] for name in before}
    pairs = [("min_duration", "duration", False)]
    pairs += [(f"{metric.name}.tolerance", f"{metric.name}.margin", True) for metric in champion.metrics]
    for lower, upper, is_strict in pairs:
        if now[lower] > now[upper] or (is_strict and now[lower] == now[upper]):
            now |= {lower: before[lower], upper: before[upper]}
    fields = champion.model_dump()
    fields |= {"alpha": now["alpha"], "beta": now["beta"], "min_requests": round(now["min_requests"])}
    fields |= {name: timedelta(seconds=now[name]) for name in _TIMES}
    for metric in fields["metrics"]:
        metric |= {name: now[f"{metric['name']}.{name}"] for name in _OF_METRIC}
    return CanaryConfig.model_validate(fields)


def between(champion: CanaryConfig, challenger: CanaryConfig, policy: RetuningPolicy) -> CanaryConfig:
    """The settings half of the way from the champion: geometric means, as bounds are factors.

    The interval stays the champion's, as recorded looks can only be taken or left out.
    """
    now, then = settings_of(champion), settings_of(challenger)
    middle = {name: (now[name] * then[name]) ** 0.5 if min(now[name], then[name]) > 0 else now[name] for name in now}
    return clamped(champion, middle | {"interval": now["interval"]}, policy)


def _of_metric(metric: MetricConfig, policy: RetuningPolicy) -> dict[str, Span]:
    bounds = policy.bounds
    margin = _widened(_around(metric.margin - 1, bounds.margin_factor), metric.margin - 1, bounds.margin_step)
    tolerance = _around(metric.tolerance - 1, bounds.margin_factor)
    tolerance = _widened(tolerance, metric.tolerance - 1, bounds.margin_step)
    highest = max(policy.margin_ceiling, metric.margin)
    return {
        "margin": Span(1 + max(margin.low, _RATE[0]), min(1 + margin.high, highest)),
        "tolerance": Span(1 + tolerance.low, min(1 + tolerance.high, 100.0)),
        "negligible": _around(metric.negligible, bounds.negligible_factor, highest=max(metric.negligible, 0.999)),
        "weight": _around(metric.weight, bounds.weight_factor, highest=1000.0),
    }


def _around(value: float, factor: float, lowest: float = 0.0, highest: float = float("inf")) -> Span:
    return Span(max(value / factor, lowest), min(value * factor, highest))


def _widened(span: Span, value: float, step: float) -> Span:
    return Span(max(0.0, min(span.low, value - step)), max(span.high, value + step))


def _whole(span: Span) -> Span:
    return Span(float(ceil(span.low)), float(floor(span.high)))


def _apart(config: CanaryConfig) -> dict[str, object]:
    """The settings that retuning never changes."""
    fields = config.model_dump(exclude={"alpha", "beta", "min_requests", *_TIMES})
    fields["metrics"] = [{k: v for k, v in each.items() if k not in _OF_METRIC} for each in fields["metrics"]]
    return fields
