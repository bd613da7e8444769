from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import canary
from canary import CanaryConfig, CanaryError, JudgeKind
from canary.durations import format_duration, parse_duration
from canary.session import _JUDGES
from tests.canary.builders import PROFILES


def test_the_public_names_are_these() -> None:
    assert canary.__all__ == sorted(canary.__all__)
    assert all(hasattr(canary, name) for name in canary.__all__)


def test_every_profile_that_ships_is_valid() -> None:
    assert {name: CanaryConfig.from_profile(name, PROFILES).profile for name in PROFILES} == {
        "quick": "quick",
        "standard": "standard",
    }


def test_a_profile_keeps_what_it_does_not_say_itself() -> None:
    quick = CanaryConfig.from_profile("quick", PROFILES)
    standard = CanaryConfig.from_profile("standard", PROFILES)
    assert quick.alpha == standard.alpha
    assert quick.interval == timedelta(seconds=1)


def test_a_pipeline_may_name_its_metrics_and_keep_the_profiles_settings_for_them() -> None:
    config = CanaryConfig.from_profile("standard", PROFILES, {"metrics": ["latency"], "duration": "10m"})
    assert [(metric.name, metric.tolerance) for metric in config.metrics] == [("latency", 1.1)]
    assert config.duration == timedelta(minutes=10)


def test_metrics_may_be_given_as_names() -> None:
    assert CanaryConfig.model_validate({"metrics": ["error_rate"]}).metrics[0].name == "error_rate"


def test_a_configuration_survives_json() -> None:
    config = CanaryConfig.from_profile("quick", PROFILES)
    assert CanaryConfig.model_validate_json(config.model_dump_json()) == config
    assert '"duration":"2m30s"' in config.model_dump_json()


@pytest.mark.parametrize(
    ("profiles", "words"),
    [
        ({}, ["no canary profile 'mine'", "known are none"]),
        ({"mine": {"extends": "yours"}, "ours": {}}, ["no canary profile 'yours'", "mine, ours"]),
        ({"mine": {"extends": "yours"}, "yours": {"extends": "mine"}}, ["extends itself", "mine -> yours -> mine"]),
        ({"mine": {"alpha": 2}}, ["'mine' is not valid", "alpha"]),
        ({"mine": {"alhpa": 0.1}}, ["alhpa", "Extra inputs"]),
        ({"mine": {"metrics": [3]}}, ["metrics.0"]),
    ],
)
def test_a_profile_that_cannot_be_used_is_one_clear_error(profiles: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(CanaryError) as error:
        CanaryConfig.from_profile("mine", profiles)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"judge": "jury"}, "'sequential'"),
        ({"metrics": ["cpu"]}, "'cpu' is none of error_rate, latency, and a metric of its own needs a kind"),
        ({"metrics": [{"name": "latency", "role": "signal"}]}, "signals only"),
        ({"metrics": []}, "at least 1 item"),
        ({"metrics": ["latency", "latency"]}, "the same metric twice"),
        ({"metrics": [{"name": "latency", "margin": 1.5, "tolerance": 1.5}]}, "must be above tolerance"),
        ({"metrics": [{"name": "latency", "protect": [1.0]}]}, "less than 1"),
        ({"min_duration": "2h", "duration": "1h"}, "must not be longer"),
        ({"interval": 15}, "has no unit"),
        ({"interval": "0s"}, "longer than nothing"),
        ({"interval": "soon"}, "write it like 15s, 10m or 1h30m"),
        ({"duration": "9" * 400 + "d"}, "too long"),
        ({"alpha": 0}, "greater than or equal"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_a_reason(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        CanaryConfig.model_validate(settings)
    assert words in str(error.value)


def test_every_judge_that_can_be_named_can_be_started() -> None:
    assert set(_JUDGES) == set(JudgeKind)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=5_000)))
def test_a_duration_survives_its_text(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.text(max_size=20).filter(lambda text: not any(letter.isdigit() for letter in text)))
def test_text_without_a_number_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)
