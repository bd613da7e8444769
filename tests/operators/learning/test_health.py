"""Pipeline health is read from the records, whoever wrote them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from canary.config import CanaryConfig
from canary.learning.recorded import Truth
from canary.learning.world import World
from operators.learning.health import deliveries, stage_times
from operators.learning.labels import Labels, Source
from operators.learning.simulated import simulate_history
from operators.records import Kind, Records
from tests.operators.learning.histories import Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    story = Story(f"sqlite:///{tmp_path / 'records.db'}")
    with closing(story.records):
        yield story


def test_a_promoted_release_has_a_lead_time_and_no_failure(story: Story) -> None:
    run = story.release()
    (found,) = deliveries(story.records)
    assert (found.run, found.service, found.region) == (run, "cart", "us-east-1")
    assert found.is_promoted
    assert not found.has_failed
    assert found.recovery is None
    assert found.lead >= timedelta(0)


def test_a_promotion_that_is_taken_back_has_failed_and_says_how_long_it_lasted(story: Story) -> None:
    run = story.release()
    story.clock.passes(hours=3)
    story.take_back(run)
    (found,) = deliveries(story.records)
    assert found.has_failed
    assert found.recovery is not None
    assert timedelta(hours=3) <= found.recovery < timedelta(hours=5)


def test_a_release_that_its_canary_stopped_is_no_failure_in_production(story: Story) -> None:
    story.release(verdict="rolled back")
    (found,) = deliveries(story.records)
    assert not found.is_promoted
    assert not found.has_failed


def test_a_promoted_release_that_is_labelled_bad_has_failed_without_a_recovery(story: Story) -> None:
    run = story.release()
    Labels(story.records).add(run, Truth.BAD, source=Source.PERSON, who="ada", why="carts were lost")
    (found,) = deliveries(story.records)
    assert found.has_failed
    assert found.recovery is None


def test_another_environment_is_not_counted(story: Story) -> None:
    story.release(environment="test")
    assert deliveries(story.records) == []
    assert len(deliveries(story.records, environment="test")) == 1


def test_health_of_a_simulated_history_agrees_with_what_was_simulated(records: Records) -> None:
    world = World(services=5, days=20, seed=7, begin=datetime(2026, 3, 2, tzinfo=UTC))
    simulate_history(records, world, CanaryConfig(interval=timedelta(minutes=1)))

    found = deliveries(records)
    assert all(each.is_simulated for each in found)
    assert {each.run for each in found} == {release.run for release in world.releases()}
    bad = {release.run for release in world.releases() if release.truth is Truth.BAD}
    assert {each.run for each in found if each.has_failed} == {each.run for each in found if each.is_promoted} & bad
    assert all(each.recovery and each.recovery >= timedelta(minutes=29) for each in found if each.has_failed)
    canaries = [each for each in stage_times(records) if each.stage == "automated-canary"]
    assert len(canaries) == len(records.search(kind=Kind.DECISION))
    assert all(timedelta(minutes=1) <= each.time <= timedelta(minutes=30) for each in canaries)
