"""What was known of a release before it began, from the records."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from canary.learning.facts import ChangeKind
from canary.learning.recorded import Truth
from operators.learning.labels import Labels, Source
from operators.learning.release_facts import facts_of, labelled_releases, past_releases
from operators.records import Json, Kind, Subject
from tests.operators.learning.histories import Story

CHANGE: Mapping[str, Json] = {
    "files_changed": 3,
    "bytes_changed": 99,
    "dependencies_changed": 1,
    "is_first": False,
    "kind": "code",
}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(f"sqlite:///{tmp_path}/records.db")


def label(story: Story, run: str, truth: Truth, source: Source = Source.PERSON) -> None:
    Labels(story.records, story.clock).add(run, truth, source=source, who="ada", why="seen")


def begin(story: Story, run: str = "shop/manual__now", service: str = "cart") -> str:
    subject = Subject(run=run, pipeline="shop", service=service)
    story.say(Kind.RUN, subject, state="opened", step="open")
    story.records.append(Kind.CHANGE, subject, {"image": "sha256:1", "previous": "", **CHANGE})
    return run


def test_a_release_knows_the_history_of_its_service_only(story: Story) -> None:
    story.release()
    story.release(verdict="rolled back")
    story.release(service="search", verdict="rolled back")
    story.clock.passes(hours=6)
    facts = facts_of(story.records, begin(story), "cart")
    assert facts is not None
    assert (facts.releases, facts.rollbacks, facts.was_last_rolled_back) == (2, 1, True)
    assert (facts.hours_since_last, facts.regions, facts.at) == (6.0, 1, story.clock.now)
    assert (facts.change.kind, facts.change.files_changed, facts.change.dependencies_changed) == (ChangeKind.CODE, 3, 1)


def test_the_first_release_of_a_service_knows_of_none(story: Story) -> None:
    facts = facts_of(story.records, begin(story), "cart")
    assert facts is not None
    assert (facts.releases, facts.rollbacks, facts.hours_since_last) == (0, 0, None)
    assert facts_of(story.records, "shop/never", "cart") is None


def test_a_release_without_a_told_change_has_an_unknown_one(story: Story) -> None:
    facts = facts_of(story.records, story.release(), "cart")
    assert facts is not None
    assert facts.change.kind is ChangeKind.UNKNOWN


def test_what_came_later_changes_no_facts(story: Story) -> None:
    first = story.release()
    story.clock.passes(hours=1)
    run = begin(story)
    before = facts_of(story.records, run, "cart")
    story.clock.passes(hours=1)
    label(story, first, Truth.BAD)
    story.release(verdict="rolled back")
    story.say(Kind.RUN, Subject(run, "shop", "cart"), state="closed", step="close", verdict="rolled back")
    assert facts_of(story.records, run, "cart") == before


def test_a_release_that_turned_out_bad_in_time_counts_as_rolled_back_and_a_good_one_does_not(story: Story) -> None:
    bad, good = story.release(), story.release(verdict="rolled back")
    label(story, bad, Truth.BAD)
    label(story, good, Truth.GOOD)
    story.clock.passes(hours=1)
    facts = facts_of(story.records, begin(story), "cart")
    assert facts is not None
    assert (facts.releases, facts.rollbacks, facts.was_last_rolled_back) == (2, 1, False)


def test_after_90_days_a_release_is_forgotten(story: Story) -> None:
    story.release()
    story.clock.passes(days=91)
    facts = facts_of(story.records, begin(story), "cart")
    assert facts is not None
    assert (facts.releases, facts.hours_since_last) == (0, None)


def test_a_failed_run_is_no_release(story: Story) -> None:
    story.release(verdict="failed")
    story.clock.passes(hours=1)
    facts = facts_of(story.records, begin(story), "cart")
    assert facts is not None
    assert facts.releases == 0
    assert labelled_releases(story.records, story.clock.now) == []


def test_only_labels_that_were_known_by_then_are_learned_from(story: Story) -> None:
    run = story.release()
    at = story.clock.now
    story.clock.passes(days=7)
    label(story, run, Truth.GOOD, Source.STABLE)
    story.clock.passes(days=7)
    label(story, run, Truth.BAD, Source.INCIDENT)
    (then,) = labelled_releases(story.records, story.clock.now - timedelta(days=1))
    (now,) = labelled_releases(story.records, story.clock.now)
    assert labelled_releases(story.records, at) == []
    assert (then.truth, now.truth) == (Truth.GOOD, Truth.BAD)
    assert then.known_at < now.known_at
    assert then.facts == now.facts


def test_a_rolled_back_release_is_bad_unless_someone_knows_better(story: Story) -> None:
    run = story.release(verdict="rolled back")
    (before,) = labelled_releases(story.records, story.clock.now)
    label(story, run, Truth.GOOD)
    (after,) = labelled_releases(story.records, story.clock.now)
    assert (before.truth, after.truth) == (Truth.BAD, Truth.GOOD)


def test_a_run_that_was_rolled_back_before_any_judgment_teaches_nothing(story: Story) -> None:
    story.release(verdict="rolled back", judged=False)
    assert labelled_releases(story.records, story.clock.now) == []


def test_rehearsals_teach_nothing_and_simulated_releases_only_who_asks_for_them(story: Story) -> None:
    label(story, story.release(), Truth.BAD, Source.REHEARSAL)
    simulated = begin(story, "cart/simulated__1")
    label(story, simulated, Truth.BAD, Source.REHEARSAL)
    assert labelled_releases(story.records, story.clock.now) == []
    (found,) = labelled_releases(story.records, story.clock.now, simulated=True)
    assert (found.truth, found.facts.releases) == (Truth.BAD, 0)
    assert {each.is_simulated for each in past_releases(story.records)["cart"]} == {True, False}
