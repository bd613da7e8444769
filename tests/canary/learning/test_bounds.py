"""No challenger gets past its bounds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.config import CanaryConfig, MetricConfig
from canary.learning.bounds import between, broken_bounds, clamped, settings_of, spans, within_bounds
from canary.learning.policy import Bounds, RetuningPolicy

_NAMES = sorted(settings_of(CanaryConfig()))
_ANY = st.dictionaries(st.sampled_from(_NAMES), st.floats(allow_nan=True, allow_infinity=True))


@st.composite
def champions(draw: st.DrawFn) -> CanaryConfig:
    """Champions all over what a configuration may be."""
    tolerance = draw(st.floats(1, 5))
    metric = MetricConfig(
        name="error_rate",
        tolerance=tolerance,
        margin=tolerance + draw(st.floats(0.01, 10)),
        negligible=draw(st.floats(0, 0.99)),
        weight=draw(st.floats(0.01, 1000)),
    )
    seconds = sorted(draw(st.tuples(st.integers(0, 3600), st.integers(1, 7200))))
    return CanaryConfig(
        alpha=draw(st.floats(1e-9, 0.49)),
        beta=draw(st.floats(1e-9, 0.49)),
        min_requests=draw(st.integers(0, 10_000_000)),
        min_duration=timedelta(seconds=seconds[0]),
        duration=timedelta(seconds=seconds[1]),
        metrics=(metric, MetricConfig(name="latency")),
    )


@given(champion=champions(), settings=_ANY, factor=st.floats(1, 10))
def test_whatever_is_asked_for_ends_within_the_bounds(
    champion: CanaryConfig, settings: dict[str, float], factor: float
) -> None:
    policy = RetuningPolicy(bounds=Bounds(alpha_factor=factor, margin_factor=factor, time_factor=factor))
    challenger = clamped(champion, settings, policy)
    assert broken_bounds(champion, challenger, policy) == []
    assert challenger.alpha <= max(policy.alpha_ceiling, champion.alpha)


@given(champion=champions())
def test_the_champion_itself_is_within_its_bounds_and_nothing_asked_changes_nothing(champion: CanaryConfig) -> None:
    assert within_bounds(champion, champion, RetuningPolicy())
    assert clamped(champion, {}, RetuningPolicy()) == champion


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({"alpha": 0.05}, "alpha"),
        ({"min_requests": 401}, "min_requests"),
        ({"interval": timedelta(seconds=31)}, "interval"),
        ({"warm_up": timedelta(seconds=1)}, "other settings"),
        ({"metrics": (MetricConfig(name="error_rate"),)}, "other settings"),
    ],
)
def test_each_setting_outside_is_named(changed: dict[str, object], broken: str) -> None:
    challenger = CanaryConfig().model_copy(update=changed)
    assert broken_bounds(CanaryConfig(), challenger, RetuningPolicy()) == [broken]


def test_a_champion_above_the_ceiling_may_fall_and_not_rise() -> None:
    span = spans(CanaryConfig(alpha=0.3), RetuningPolicy())["alpha"]
    assert span.low == pytest.approx(0.075)
    assert span.high == 0.3


@given(champion=champions(), settings=_ANY)
def test_half_of_the_way_is_within_the_bounds_and_never_further_than_all_of_it(
    champion: CanaryConfig, settings: dict[str, float]
) -> None:
    policy = RetuningPolicy()
    challenger = clamped(champion, settings, policy)
    middle = between(champion, challenger, policy)
    assert broken_bounds(champion, middle, policy) == []
    assert middle.interval == champion.interval
    now, then, half = settings_of(champion), settings_of(challenger), settings_of(middle)
    for name in now:
        low, high = sorted((now[name], then[name]))
        assert low * (1 - 1e-6) - 1 <= half[name] <= high * (1 + 1e-6) + 1


def test_a_tolerance_of_exactly_1_can_move() -> None:
    span = spans(CanaryConfig(), RetuningPolicy())["error_rate.tolerance"]
    assert (span.low, span.high) == (1.0, pytest.approx(1.02))
