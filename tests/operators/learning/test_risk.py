"""What a risk does to a canary: never shorter, never looser."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from canary import CanaryConfig
from canary.config import MetricConfig
from canary.errors import CanaryError
from canary.learning.risk import RiskModel, Training, Weight
from operators.learning.risk import LONGEST, Action, RiskPolicy, ServedRisk, action_for, cautious

MODEL = RiskModel(-2.0, {"files changed": Weight(2.0, 0.8, 0.0, 8.0)}, Training(900, 80, "", "", "", 0.1))
_SHARES = st.floats(0, 1)


@st.composite
def configs(draw: st.DrawFn) -> CanaryConfig:
    seconds = sorted(draw(st.tuples(st.floats(0, 1e7), st.floats(1, 1e8))))
    return CanaryConfig(
        alpha=draw(st.floats(1e-9, 0.49)),
        beta=draw(st.floats(1e-9, 0.49)),
        interval=timedelta(seconds=draw(st.floats(1, 3600))),
        warm_up=timedelta(seconds=draw(st.floats(0, 3600))),
        min_duration=timedelta(seconds=seconds[0]),
        duration=timedelta(seconds=seconds[1]),
        min_requests=draw(st.integers(0, 10**6)),
        metrics=(MetricConfig(name="error_rate", margin=draw(st.floats(1.1, 10))), MetricConfig(name="latency")),
    )


policies = st.builds(RiskPolicy, longer_from=_SHARES, ask_from=_SHARES, factor=st.floats(1, 10))


@given(configs(), _SHARES | st.none() | st.just(float("nan")), policies)
def test_a_canary_is_never_shorter_and_nothing_else_changes(
    config: CanaryConfig, probability: float | None, policy: RiskPolicy
) -> None:
    longer = cautious(config, probability, policy)
    times = ("min_duration", "duration")
    assert all(getattr(longer, name) >= getattr(config, name) for name in times)
    assert longer.duration <= max(config.duration, LONGEST)
    assert longer.model_dump(exclude=set(times)) == config.model_dump(exclude=set(times))
    assert CanaryConfig.model_validate(longer.model_dump(mode="json"))


@given(configs(), _SHARES, _SHARES, policies)
def test_more_risk_never_means_less_care(config: CanaryConfig, one: float, other: float, policy: RiskPolicy) -> None:
    low, high = sorted((one, other))
    assert cautious(config, low, policy).duration <= cautious(config, high, policy).duration
    order = list(Action)
    assert order.index(action_for(low, policy)) <= order.index(action_for(high, policy))


@pytest.mark.parametrize(
    ("probability", "action"),
    [
        (None, Action.NONE),
        (float("nan"), Action.NONE),
        (0.14, Action.NONE),
        (0.15, Action.LONGER),
        (0.4, Action.JUDGMENT),
    ],
)
def test_what_is_done_follows_from_the_probability(probability: float | None, action: Action) -> None:
    assert action_for(probability, RiskPolicy()) is action


@pytest.mark.parametrize("wrong", [{"factor": 0.5}, {"longer_from": -0.1}, {"ask_from": 1.1}, {"shorter_from": 0.1}])
def test_no_policy_can_make_a_canary_shorter(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        RiskPolicy.model_validate(wrong)


def test_what_is_served_survives_json_and_what_is_not_is_refused() -> None:
    served = ServedRisk(3, MODEL, RiskPolicy(factor=3))
    told = json.loads(json.dumps(served.to_json()))
    assert ServedRisk.from_json(3, told) == served
    for broken in ({}, {**told, "policy": {"factor": 0.1}}, {**told, "model": {"form": 9}}):
        with pytest.raises(CanaryError, match="model of risk"):
            ServedRisk.from_json(3, broken)
