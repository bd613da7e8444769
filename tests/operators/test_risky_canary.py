"""A canary of a risky release: watched for longer, and a person is asked although it passed."""

from typing import Any

import pytest

from operators.choices import OnInconclusive
from operators.learning.risk import RiskPolicy
from operators.records import Kind, Records
from operators.watch_trigger import WatchTrigger
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, deferral, resume, resumed_deferral
from tests.fakes.release import a_run
from tests.fakes.traffic import HARM, traffic
from tests.fakes.watching import watched
from tests.operators.test_automated_canary import a_judge, a_shared_canary


def a_risk(records: Records, probability: float | None) -> None:
    """What a model said of the run."""
    policy = RiskPolicy(factor=3).model_dump(mode="json")
    body = {"event": "scored", "probability": probability, "version": 1, "policy": policy, "why": "a risk of so much"}
    records.append(Kind.RISK, a_run(records).subject, body)


def config_of(parked: Any) -> Any:
    assert isinstance(parked.trigger, WatchTrigger)
    return parked.trigger.watch["config"]


@pytest.mark.parametrize(("probability", "length"), [(None, "1m"), (0.1, "1m"), (0.2, "3m"), (0.6, "3m")])
def test_the_riskier_a_release_the_longer_is_its_canary_and_never_shorter(
    probability: float | None, length: str, records: Records, cloud: MemoryCloud
) -> None:
    a_risk(records, probability)
    context = a_context(returned={"start": a_shared_canary(records, cloud)})
    config = config_of(deferral(a_judge(), context))
    assert config["duration"] == length
    assert config["min_duration"] == ("5s" if length == "1m" else "15s")


def test_a_release_without_a_model_is_judged_as_its_profile_says_and_its_record_says_so(
    records: Records, cloud: MemoryCloud
) -> None:
    context = a_context(returned={"start": a_shared_canary(records, cloud)})
    for _ in range(2):
        assert config_of(deferral(a_judge(), context))["duration"] == "1m"
    (told,) = records.search(kind=Kind.RISK, run="playback/1")
    assert (told.body["action"], told.body["version"]) == ("none", 0)
    assert told.body["why"]


def test_an_undecided_risky_canary_still_gets_its_time_once_more_and_no_more(
    records: Records, cloud: MemoryCloud
) -> None:
    a_risk(records, 0.2)
    task, clock = a_judge(OnInconclusive.EXTEND, duration="10s"), Clock()
    context = a_context(returned={"start": a_shared_canary(records, cloud)})
    parked = deferral(task, context)
    longer = resumed_deferral(task, context, parked, watched(parked, records, clock))
    assert (config_of(parked)["duration"], config_of(longer)["duration"]) == ("30s", "1m")
    assert resume(task, context, longer, watched(longer, records, clock))["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("probability", "policy", "errors", "asks"),
    [
        (0.6, OnInconclusive.ASK, (0.002, 0.002), True),
        (0.2, OnInconclusive.ASK, (0.002, 0.002), False),
        (0.6, OnInconclusive.ROLLBACK, (0.002, 0.002), False),
        (0.6, OnInconclusive.ASK, HARM, False),
    ],
)
def test_a_person_is_asked_about_a_very_risky_release_that_passed_where_the_stage_has_one(
    probability: float,
    policy: OnInconclusive,
    errors: tuple[float, float],
    asks: bool,
    records: Records,
    cloud: MemoryCloud,
) -> None:
    a_risk(records, probability)
    groups = a_shared_canary(records, cloud)
    task, context = a_judge(policy), a_context(returned={"start": groups})
    cloud.traffic = traffic(groups["control"], groups["canary"], errors=errors)
    parked = deferral(task, context)
    answer = resume(task, context, parked, watched(parked, records))
    assert ("ask" in answer) is asks
    assert ("A person is asked, as there is a risk of so much." in answer["reason"]) is asks
    assert answer["verdict"] == ("FAIL" if errors == HARM else "PASS")
