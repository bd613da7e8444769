"""Labels are given once, never edited, and one of them counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary.learning.recorded import Truth
from operators.errors import RecordError
from operators.learning.labels import Labels, Source, truth_of
from operators.records import Kind, Records, Subject

RUN = "shop/manual__1"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.open(f"sqlite:///{tmp_path}/records.db")
    opened.append(Kind.RUN, Subject(run=RUN, pipeline="shop", service="cart"), {})
    yield opened
    opened.close()


def say(records: Records, truth: Truth, source: Source = Source.PERSON, who: str = "ada") -> int:
    return Labels(records).add(RUN, truth, source=source, who=who, why="seen").seq


def counts(records: Records) -> Truth | None:
    label = truth_of(Labels(records).of(RUN))
    return label.truth if label else None


def test_a_label_says_whose_service_it_is_of(records: Records) -> None:
    say(records, Truth.BAD)
    (record,) = records.search(kind=Kind.LABEL)
    assert record.subject == Subject(run=RUN, pipeline="shop", service="cart")


def test_the_same_label_again_changes_nothing(records: Records) -> None:
    assert say(records, Truth.BAD) == say(records, Truth.BAD)
    assert len(Labels(records).of(RUN)) == 1


def test_a_person_who_goes_back_to_an_opinion_is_heard(records: Records) -> None:
    for truth in (Truth.BAD, Truth.GOOD, Truth.BAD):
        say(records, truth)
    assert len(Labels(records).of(RUN)) == 3
    assert counts(records) is Truth.BAD


def test_the_latest_of_the_persons_counts(records: Records) -> None:
    say(records, Truth.BAD)
    say(records, Truth.GOOD, who="bob")
    assert counts(records) is Truth.GOOD


def test_a_rehearsal_counts_before_a_person_before_an_event(records: Records) -> None:
    say(records, Truth.GOOD, Source.REHEARSAL, "rehearsal")
    say(records, Truth.BAD)
    say(records, Truth.BAD, Source.INCIDENT, "events")
    assert counts(records) is Truth.GOOD


def test_a_bad_event_counts_before_stable(records: Records) -> None:
    say(records, Truth.BAD, Source.HOT_FIX, "events")
    say(records, Truth.GOOD, Source.STABLE, "events")
    assert counts(records) is Truth.BAD


def test_without_labels_nothing_counts() -> None:
    assert truth_of([]) is None


def test_an_unknown_run_is_refused_with_near_names(records: Records) -> None:
    with pytest.raises(RecordError, match="near: shop/manual__1"):
        Labels(records).add("shop/manual__2", Truth.BAD, source=Source.PERSON, who="ada", why="seen")
    assert records.verify().count == 1
