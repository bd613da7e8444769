"""Housekeeping removes what is old, keeps what is needed, and says so once."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from operators.clouds.cloud import BakeRequest
from operators.errors import CloudError, RecordError
from operators.images import bake, images
from operators.learning.housekeeping import Cleaning, HousekeepingPolicy, Old, Store, keep_house
from operators.learning.stores import OldImages, OldLooks, OldRunFolders, stores
from operators.records import Kind, Records, Subject
from operators.records.old_looks import delete_looks
from operators.records.tables import LOOKS
from tests.operators.learning.histories import NOON, Story

POLICY = HousekeepingPolicy(looks=400, images=90, run_folders=90)
LONG_AGO = NOON - timedelta(days=500)


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path / "home"))
    told = Story(f"sqlite:///{tmp_path}/records.db")
    yield told
    told.records.close()


def cleaned(records: Records, known: Sequence[Store], *, dry_run: bool = False) -> Cleaning:
    return keep_house(records, known, POLICY, now=NOON, who="ada", dry_run=dry_run)


def names(done: Cleaning) -> list[str]:
    return [old.name for old in done.removed]


def look(story: Story, judgment: str, at: datetime) -> None:
    number = len(story.records.looks.of(judgment))
    assert story.records.looks.add(judgment, number, {"at": at.isoformat()})


def a_report(folder: Path, judgment: str, at: datetime) -> None:
    for suffix in (".html", ".json"):
        path = folder / "reports" / f"{judgment}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (at.timestamp(), at.timestamp()))


def test_looks_go_400_days_after_the_last_and_are_written_down_once(story: Story) -> None:
    look(story, "old", LONG_AGO - timedelta(days=1))
    look(story, "old", NOON - timedelta(days=401))
    look(story, "learning", LONG_AGO)
    look(story, "learning", NOON - timedelta(days=399))
    for gone in (["old"], []):
        assert names(cleaned(story.records, [OldLooks(story.records)])) == gone
    assert not story.records.looks.has("old")
    assert len(story.records.looks.of("learning")) == 2
    (record,) = story.records.search(kind=Kind.PRUNED)
    assert (record.body["what"], record.body["count"], record.body["who"]) == ("looks", 1, "ada")
    assert record.body["policy"] == "looks: 400 days"
    assert story.records.verify().ok


def test_looks_can_be_lost_in_no_other_way_before_and_after(story: Story) -> None:
    look(story, "one", NOON)
    look(story, "other", NOON)
    delete_looks(story.records.database, ["other"])
    with pytest.raises(RecordError, match="append-only"), story.records.database.write() as connection:
        connection.execute(LOOKS.delete())
    assert story.records.looks.has("one")


def test_who_is_killed_while_looks_are_removed_has_removed_none_and_the_refusal_stands(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(story, "one", NOON)
    monkeypatch.setattr("operators.records.old_looks.delete", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        delete_looks(story.records.database, ["one"])
    with pytest.raises((RecordError, SQLAlchemyError)), story.records.database.write() as connection:
        connection.execute(LOOKS.delete())
    assert story.records.looks.has("one")


def test_a_running_release_keeps_its_looks_and_reports_whatever_their_age(story: Story, tmp_path: Path) -> None:
    story.say(Kind.RUN, Subject(run="shop/r1", pipeline="shop", service="cart"), state="opened")
    for judgment in ("shop.r1.ramp.eu", "shop.r10.ramp.eu"):
        look(story, judgment, LONG_AGO)
        a_report(tmp_path, judgment, LONG_AGO)
    known = [OldLooks(story.records), OldRunFolders(story.records, tmp_path)]
    assert names(cleaned(story.records, known)) == ["shop.r10.ramp.eu", "reports/shop.r10.ramp.eu"]


def test_reports_and_folders_of_notebooks_go_when_all_of_them_is_old(story: Story, tmp_path: Path) -> None:
    a_report(tmp_path, "old", LONG_AGO)
    a_report(tmp_path, "new", NOON - timedelta(days=1))
    for run, at in (("old", LONG_AGO), ("new", NOON)):
        file = tmp_path / "notebooks" / "retune" / run / "page.html"
        file.parent.mkdir(parents=True)
        file.write_text("x")
        for path in (file, file.parent):
            os.utime(path, (at.timestamp(), at.timestamp()))
    known = [OldRunFolders(story.records, tmp_path)]
    gone = ["notebooks/retune/old", "reports/old"]
    assert names(cleaned(story.records, known, dry_run=True)) == gone
    assert names(cleaned(story.records, known)) == gone
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if path.suffix in (".html", ".json")}
    assert left == {"reports/new.html", "reports/new.json", "notebooks/retune/new/page.html"}


def an_image(store: Path, text: str) -> str:
    source = store.parent / text
    source.mkdir()
    (source / "Procfile").write_text(f"web: echo {text}\n")
    return bake(store, BakeRequest("cart", source)).digest


def test_images_go_but_for_those_of_the_last_two_in_any_cluster_and_of_running_releases(
    story: Story, tmp_path: Path
) -> None:
    store = tmp_path / "images"
    digests = [an_image(store, f"v{number}") for number in range(5)]
    story.clock.now = LONG_AGO
    for digest in (*digests[:3], digests[2]):
        story.release(digest)
    running = Subject(run="shop/running", pipeline="shop", service="cart")
    story.say(Kind.RUN, running, state="opened")
    story.say(Kind.IMAGE, running, digest=digests[3])
    known = [OldImages(story.records, store)]
    assert names(cleaned(story.records, known, dry_run=True)) == [digests[0]]
    assert len(images(store)) == 5
    assert names(cleaned(story.records, known)) == [digests[0]]
    assert {image.digest for image in images(store)} == set(digests[1:])


def test_a_store_that_cannot_be_looked_through_keeps_no_other_from_its_turn(story: Story) -> None:
    class Broken(OldLooks):
        def old(self, before: datetime) -> list[Old]:
            raise CloudError("the cloud is away")

    look(story, "old", LONG_AGO)
    done = cleaned(story.records, [Broken(story.records), OldLooks(story.records)])
    assert (names(done), done.problems) == (["old"], ("looks: the cloud is away",))
    assert "not looked through: looks: the cloud is away" in list(done.lines())


def test_a_dry_run_gives_the_same_list_and_changes_nothing(story: Story) -> None:
    for judgment in ("a", "b"):
        look(story, judgment, LONG_AGO)
    known = [OldLooks(story.records)]
    planned = cleaned(story.records, known, dry_run=True)
    assert story.records.search(kind=Kind.PRUNED) == []
    assert story.records.looks.has("a")
    assert cleaned(story.records, known) == planned


def test_who_is_killed_after_saying_what_goes_removes_it_the_next_time_and_says_it_once(story: Story) -> None:
    class Killed(OldLooks):
        def remove(self, old: Sequence[Old]) -> None:
            raise KeyboardInterrupt

    look(story, "old", LONG_AGO)
    with pytest.raises(KeyboardInterrupt):
        cleaned(story.records, [Killed(story.records)])
    assert story.records.looks.has("old")
    assert names(cleaned(story.records, [OldLooks(story.records)])) == ["old"]
    assert len(story.records.search(kind=Kind.PRUNED)) == 1


def test_what_came_again_and_grew_old_again_is_written_down_again(story: Story, tmp_path: Path) -> None:
    for at in (LONG_AGO, LONG_AGO + timedelta(days=1)):
        a_report(tmp_path, "one", at)
        assert names(cleaned(story.records, [OldRunFolders(story.records, tmp_path)])) == ["reports/one"]
    items = [json.dumps(record.body["items"]) for record in story.records.search(kind=Kind.PRUNED)]
    assert len(set(items)) == 2


def test_mlflow_is_looked_through_only_where_its_server_is_known(story: Story) -> None:
    assert [store.what for store in stores(story.records)] == ["looks", "images", "run_folders"]
    known = stores(story.records, tracking_uri="http://127.0.0.1:9")
    assert known[-1].what == "mlflow_runs"
    assert set(HousekeepingPolicy.model_fields) == {store.what for store in known}
