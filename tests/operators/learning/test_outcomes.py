"""What happens to a release later says what it was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from canary.learning.recorded import Truth
from operators.learning.incidents import Incidents
from operators.learning.label_memory import deliver_truth, remember_truth
from operators.learning.label_outcomes import is_news
from operators.learning.labels import Labels, Source, truth_of
from operators.learning.outcomes import label_outcomes
from operators.learning.unlabelled import labelled_canaries, unlabelled
from operators.memory import Memory
from operators.records import Kind, Records, Subject
from operators.records.tables import OUTBOX
from tests.operators.learning.histories import NOON, Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    told = Story(f"sqlite:///{tmp_path}/records.db")
    yield told
    told.records.close()


def labelled(story: Story) -> dict[str, tuple[Truth, Source]]:
    """What counts of each run after the labels that are due were written."""
    label_outcomes(story.records, clock=story.clock)
    counting = {run: truth_of(labels) for run, labels in Labels(story.records).all().items()}
    return {run: (label.truth, label.source) for run, label in counting.items() if label}


def test_a_release_whose_promotion_was_taken_back_was_bad(story: Story) -> None:
    run = story.release()
    story.take_back(run)
    assert labelled(story) == {run: (Truth.BAD, Source.ROLLED_BACK_LATER)}


def test_a_release_that_is_left_for_an_older_image_was_bad(story: Story) -> None:
    story.release("sha256:a")
    bad = story.release("sha256:b")
    story.release("sha256:a")
    assert labelled(story) == {bad: (Truth.BAD, Source.ROLLED_BACK_LATER)}


def test_the_same_image_again_or_a_newer_one_blames_nobody(story: Story) -> None:
    for image in ("sha256:a", "sha256:b", "sha256:b", "sha256:c"):
        story.release(image)
    assert labelled(story) == {}


def test_going_back_in_another_environment_blames_nobody(story: Story) -> None:
    story.release("sha256:a", environment="test")
    story.release("sha256:b")
    story.release("sha256:a", environment="test")
    assert labelled(story) == {}


def test_an_incident_blames_the_release_that_was_live_when_it_began(story: Story) -> None:
    story.release()
    story.clock.passes(hours=2)
    bad = story.release()
    story.clock.passes(hours=2)
    story.release()
    begin = NOON + timedelta(hours=3)
    Incidents(story.records).add("cart", begin, begin + timedelta(hours=4), who="ada", why="carts were lost")
    assert labelled(story) == {bad: (Truth.BAD, Source.INCIDENT)}


def test_an_incident_that_names_a_run_blames_that_one(story: Story) -> None:
    bad = story.release()
    story.release()
    Incidents(story.records).add("cart", NOON, NOON, who="ada", why="carts were lost", run=bad)
    assert labelled(story) == {bad: (Truth.BAD, Source.INCIDENT)}


def test_an_incident_before_any_release_or_of_another_service_blames_nobody(story: Story) -> None:
    story.release()
    story.release(judged=False, service="till")
    before = NOON - timedelta(hours=1)
    Incidents(story.records).add("cart", before, NOON, who="ada", why="carts were lost")
    Incidents(story.records).add("till", NOON, NOON, who="ada", why="it was closed")
    assert labelled(story) == {}


def test_an_incident_that_cannot_be_read_keeps_no_other_from_its_label(story: Story) -> None:
    bad = story.release()
    story.say(Kind.INCIDENT, Subject(service="cart"), why="a riddle")
    Incidents(story.records).add("cart", NOON, NOON, who="ada", why="carts were lost")
    assert labelled(story) == {bad: (Truth.BAD, Source.INCIDENT)}


@pytest.mark.parametrize(("hours", "is_blamed"), [(24.0, True), (24.1, False)])
def test_a_hot_fix_within_a_day_blames_the_release_before_it(story: Story, hours: float, is_blamed: bool) -> None:
    bad = story.release()
    story.clock.passes(hours=hours)
    story.release(facts={"hot_fix": "true"})
    assert labelled(story) == ({bad: (Truth.BAD, Source.HOT_FIX)} if is_blamed else {})


def test_a_release_without_harm_for_a_week_was_good(story: Story) -> None:
    run = story.release()
    story.clock.passes(days=6.9)
    assert labelled(story) == {}
    story.clock.passes(days=0.1)
    assert labelled(story) == {run: (Truth.GOOD, Source.STABLE)}


def test_harm_after_a_stable_week_is_believed(story: Story) -> None:
    run = story.release()
    story.clock.passes(days=8)
    assert labelled(story)[run] == (Truth.GOOD, Source.STABLE)
    Incidents(story.records).add("cart", story.clock(), story.clock(), who="ada", why="carts were lost")
    assert labelled(story)[run] == (Truth.BAD, Source.INCIDENT)
    assert len(Labels(story.records).of(run)) == 2


def test_who_did_harm_or_was_labelled_by_a_person_is_not_called_stable(story: Story) -> None:
    run = story.release()
    Labels(story.records).add(run, Truth.BAD, source=Source.PERSON, who="ada", why="it was slow")
    story.clock.passes(days=30)
    assert labelled(story) == {run: (Truth.BAD, Source.PERSON)}


@pytest.mark.parametrize("how", [{"verdict": "rolled back"}, {"judged": False}])
def test_what_was_stopped_or_never_judged_stays_unknown(story: Story, how: dict[str, object]) -> None:
    story.release(**how)  # type: ignore[arg-type]  # one of the two above
    story.clock.passes(days=30)
    assert labelled(story) == {}


def test_a_rehearsal_is_what_it_was_made_to_be_even_when_it_was_stopped(story: Story) -> None:
    run = story.release(verdict="rolled back", facts={"truth": "bad"})
    story.release(facts={"truth": "perhaps"})
    assert labelled(story) == {run: (Truth.BAD, Source.REHEARSAL)}


def test_however_often_and_by_two_at_once_a_label_is_written_once(story: Story) -> None:
    runs = [story.release() for _ in range(5)]
    story.take_back(runs[2])
    story.clock.passes(days=8)
    url = story.records.database.url.render_as_string(hide_password=False)

    def work(_: int) -> None:
        with closing(Records.open(url)) as records:
            label_outcomes(records, clock=story.clock)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert label_outcomes(story.records, clock=story.clock) == []
    assert sorted(r.subject.run for r in story.records.search(kind=Kind.LABEL)) == sorted(runs)


def test_labels_of_simulated_runs_are_marked_so(story: Story) -> None:
    subject = Subject(run="shop/simulated__1", pipeline="shop", service="cart")
    story.say(Kind.RUN, subject, simulated=True)
    Labels(story.records).add(subject.run, Truth.BAD, source=Source.PERSON, who="ada", why="seen")
    assert story.records.search(kind=Kind.LABEL)[0].body["simulated"] is True


def test_judged_runs_without_a_label_are_listed_the_latest_first(story: Story) -> None:
    runs = [story.release() for _ in range(3)]
    story.release(judged=False)
    Labels(story.records).add(runs[1], Truth.GOOD, source=Source.PERSON, who="ada", why="seen")
    assert [one.run for one in unlabelled(story.records)] == [runs[2], runs[0]]
    assert [one.run for one in unlabelled(story.records, limit=1)] == [runs[2]]
    assert unlabelled(story.records, service="till") == []


def test_labelled_canaries_are_counted_once_by_run_or_by_themselves(story: Story) -> None:
    first, second = story.release(), story.release()
    story.release()
    labels = Labels(story.records)
    labels.add(first, Truth.GOOD, source=Source.PERSON, who="ada", why="seen")
    labels.add(first, Truth.BAD, source=Source.PERSON, who="bob", why="seen")
    judgment = f"{second}.ramp.us-east-1".replace("/", ".")
    labels.add(second, Truth.GOOD, source=Source.PERSON, who="ada", why="seen", judgment=judgment)
    assert labelled_canaries(story.records) == 2


def test_news_is_told_once_for_each_so_many_and_again_only_by_who_told_it(story: Story) -> None:
    def told(count: int, run: str) -> bool:
        return is_news(story.records, count, 25, run)

    assert [told(24, "a"), told(25, "a"), told(25, "a"), told(26, "b")] == [False, True, True, False]
    assert [told(130, "b"), told(131, "c")] == [True, False]


def test_mlflow_is_told_each_counting_label_once(story: Story) -> None:
    run = story.release()
    judgment = f"{run}.ramp.us-east-1".replace("/", ".")
    memory = Memory(story.records)
    parent = memory.run_begins(run, experiment="gennaker/cart", tags={})
    memory.begin(judgment, experiment="gennaker/cart", name="ramp", tags={}, params={}, parent=parent)
    labels = Labels(story.records)
    for truth in (Truth.GOOD, Truth.BAD):
        labels.add(run, truth, source=Source.PERSON, who="ada", why="seen")
        for _ in range(2):
            remember_truth(story.records, [run])
    query = select(OUTBOX.c.judgment).where(OUTBOX.c.part.like("label/%")).order_by(OUTBOX.c.id)
    with story.records.database.read() as connection:
        assert list(connection.execute(query).scalars()) == [judgment, parent] * 2


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_label_that_was_kept_and_not_told_is_told_the_next_day(story: Story, is_whole: bool) -> None:
    run = story.release()
    judgment = f"{run}.ramp.us-east-1".replace("/", ".")
    memory = Memory(story.records)
    parent = memory.run_begins(run, experiment="gennaker/cart", tags={})
    memory.begin(judgment, experiment="gennaker/cart", name="ramp", tags={}, params={}, parent=parent)
    of = "" if is_whole else judgment
    Labels(story.records).add(run, Truth.BAD, source=Source.PERSON, who="ada", why="seen", judgment=of)
    for _ in range(2):
        deliver_truth(story.records)
    query = select(OUTBOX.c.judgment).where(OUTBOX.c.part.like("label/%")).order_by(OUTBOX.c.id)
    with story.records.database.read() as connection:
        assert list(connection.execute(query).scalars()) == [judgment, *([parent] if is_whole else [])]


def test_mlflow_is_told_nothing_of_a_judgment_it_does_not_know(story: Story) -> None:
    run = story.release()
    Labels(story.records).add(run, Truth.GOOD, source=Source.PERSON, who="ada", why="seen")
    remember_truth(story.records, [run])
    with story.records.database.read() as connection:
        assert connection.execute(select(OUTBOX)).all() == []
