"""A model of risk: learned from what was known in time, calibrated, plain JSON."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.errors import CanaryError
from canary.learning.calibration import expected_calibration_error, log_loss
from canary.learning.facts import ChangeFacts, ChangeKind, ReleaseFacts
from canary.learning.labelled import LabelledRelease
from canary.learning.recorded import Truth
from canary.learning.risk import RiskModel, settled, train
from canary.learning.risk_features import features
from canary.learning.world import World
from tests.canary.learning.labelled import labelled

RELEASES = labelled(World(services=40, days=150, seed=7))
CUT = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=110)
LATER = [release for release in RELEASES if release.facts.at >= CUT]
FACTS = ReleaseFacts("cart", CUT, ChangeFacts(ChangeKind.CODE, 12, 40_000, 0), 2, 30, 2, 20.0, False)

any_facts = st.builds(
    ReleaseFacts,
    service=st.just("cart"),
    at=st.datetimes(timezones=st.just(UTC)),
    change=st.builds(
        ChangeFacts,
        kind=st.sampled_from(ChangeKind),
        files_changed=st.integers(0, 10**9),
        bytes_changed=st.integers(0, 10**15),
        dependencies_changed=st.integers(0, 10**6),
        is_first=st.booleans(),
    ),
    regions=st.integers(0, 1000),
    releases=st.integers(1000, 10**6),
    rollbacks=st.integers(0, 1000),
    hours_since_last=st.none() | st.floats(0, 1e6),
    was_last_rolled_back=st.booleans(),
)
MODEL = train(RELEASES, as_of=CUT)


@pytest.fixture
def model() -> RiskModel:
    return MODEL


def test_on_later_months_it_is_calibrated_and_better_than_the_usual_share(model: RiskModel) -> None:
    told = [model.probability(release.facts) for release in LATER]
    is_bad = [release.truth is Truth.BAD for release in LATER]
    share = model.training.bad / model.training.releases
    assert expected_calibration_error(told, is_bad) < 0.06
    assert log_loss(told, is_bad) < log_loss([share] * len(LATER), is_bad) - 0.01


def test_it_learns_what_makes_releases_bad(model: RiskModel) -> None:
    larger = replace(FACTS, change=replace(FACTS.change, files_changed=100))
    unlucky = replace(FACTS, was_last_rolled_back=True, rollbacks=8)
    for worse in (larger, unlucky):
        assert model.probability(worse) > model.probability(FACTS)


def test_it_knows_only_labels_that_were_known_by_then(model: RiskModel) -> None:
    flipped = {Truth.GOOD: Truth.BAD, Truth.BAD: Truth.GOOD}
    lied = [each if each.known_at <= CUT else replace(each, truth=flipped[each.truth]) for each in RELEASES]
    assert train(lied, as_of=CUT) == model
    assert train([each for each in RELEASES if each.known_at <= CUT], as_of=CUT) == model


def test_young_releases_of_which_mostly_bad_ones_are_known_teach_nothing() -> None:
    known = settled(RELEASES, CUT)
    assert known
    assert max(release.facts.at for release in known) <= CUT - timedelta(days=7)


def test_the_same_releases_in_any_order_give_the_same_model(model: RiskModel) -> None:
    assert train(RELEASES[::-1], as_of=CUT) == model


def test_contributions_explain_the_whole_probability(model: RiskModel) -> None:
    for release in LATER[:50]:
        whole = model.intercept + sum(part for _, part in model.contributions(release.facts))
        assert math.isclose(1 / (1 + math.exp(-whole)), model.probability(release.facts))
    sizes = [abs(part) for _, part in model.contributions(FACTS)]
    assert sizes == sorted(sizes, reverse=True)
    assert {"time of day", "kind of change"} < {name for name, _ in model.contributions(FACTS)}


def test_it_survives_json(model: RiskModel) -> None:
    assert RiskModel.from_json(json.loads(json.dumps(model.to_json()))) == model


@pytest.mark.parametrize(
    "broken",
    [
        {"form": 2},
        {"intercept": "high"},
        {"intercept": float("nan")},
        {"weights": {"shoe size of the author": {"mean": 0, "weight": 1, "low": 0, "high": 1}}},
        {"weights": {"regions": {"mean": 0}}},
        {"weights": []},
        {"training": {}},
    ],
)
def test_what_is_no_model_is_refused(model: RiskModel, broken: dict[str, object]) -> None:
    with pytest.raises(CanaryError, match="no model of risk"):
        RiskModel.from_json({**model.to_json(), **broken})


@given(any_facts)
def test_any_release_has_a_probability(facts: ReleaseFacts) -> None:
    assert 0 < MODEL.probability(facts) < 1
    assert all(map(math.isfinite, features(facts).values()))


@given(any_facts)
def test_no_feature_is_about_a_person(facts: ReleaseFacts) -> None:
    assert {name.partition(".")[0] for name in features(facts)} == {
        "files changed",
        "bytes changed",
        "dependencies changed",
        "kind of change",
        "first image",
        "regions",
        "earlier releases",
        "earlier rollbacks",
        "last one rolled back",
        "time since the last",
        "time of day",
        "day of week",
    }


def test_midnight_and_the_week_have_no_seam() -> None:
    sunday = datetime(2025, 6, 1, 23, 59, tzinfo=UTC)
    before, after = (features(replace(FACTS, at=at)) for at in (sunday, sunday + timedelta(minutes=2)))
    assert all(abs(before[name] - after[name]) < 0.05 for name in before)


def test_too_few_labelled_releases_are_refused() -> None:
    with pytest.raises(CanaryError, match="too few labelled releases"):
        train(RELEASES[:100])
    with pytest.raises(CanaryError, match="too few labelled releases"):
        train([])


def test_where_nothing_can_be_told_everything_has_the_usual_share() -> None:
    same = [
        LabelledRelease(replace(FACTS, at=at), Truth.BAD if number % 10 == 0 else Truth.GOOD, at)
        for number, at in enumerate(CUT + timedelta(days=7 * number) for number in range(600))
    ]
    assert abs(train(same).probability(FACTS) - 0.1) < 0.01


def test_scoring_loads_no_library_of_learning(model: RiskModel) -> None:
    program = (
        "import json, sys; from canary.learning.risk import RiskModel; RiskModel.from_json(json.load(sys.stdin));"
        "print([name for name in ('sklearn', 'pandas', 'matplotlib', 'scipy') if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(model.to_json()), capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
