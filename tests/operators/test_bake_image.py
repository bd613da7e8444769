"""Bake: one image a run, named by its digest, however often the task is tried."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from operators import clouds
from operators.bake_image import BakeImage
from operators.clouds.cloud import BakeRequest, Image
from operators.clouds.local import LocalCloud
from operators.errors import RecordError
from operators.images import describe
from operators.records import Kind, Records
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, run
from tests.fakes.release import a_run, a_scope


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "playback"
    folder.mkdir()
    (folder / "server.py").write_text("print('hello')\n")
    (folder / "Procfile").write_text("web: python server.py\n")
    (folder / "VERSION").write_text("1.2.3\n")
    return folder


@pytest.fixture
def store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The image store of a local cloud that only bakes."""
    monkeypatch.setattr(clouds, "_CLOUDS", {"local": lambda: LocalCloud(home / "cloud", home / "images")})
    return home / "images"


def a_bake(source: Path, **settings: str) -> BakeImage:
    told: dict[str, Any] = {"artifact": "playback", "source": str(source), "settings": settings}
    return BakeImage(task_id="bake-image", scope=a_scope("bake-image"), **told)


def test_a_bake_returns_name_version_and_digest_and_records_them(records: Records, store: Path, source: Path) -> None:
    image = run(a_bake(source), a_context())
    assert (image["name"], image["version"]) == ("playback", "1.2.3")
    assert image["digest"].startswith("sha256:")
    (record,) = records.search(kind=Kind.IMAGE, run="playback/1")
    assert record.body == image
    assert describe(store, image["digest"]).origins[0]["run"] == "1"


def test_invariant_4_one_image_the_same_source_gives_the_same_digest_in_every_run(
    records: Records, store: Path, source: Path
) -> None:
    first, second = run(a_bake(source), a_context("1")), run(a_bake(source), a_context("2"))
    (source / "server.py").write_text("print('hullo')\n")
    third = run(a_bake(source), a_context("3"))
    assert first == second
    assert third["digest"] != first["digest"]


def test_invariant_3_once_a_second_try_gives_the_image_of_the_first_even_if_the_source_changed(
    records: Records, store: Path, source: Path
) -> None:
    first = run(a_bake(source), a_context())
    (source / "server.py").write_text("print('hullo')\n")
    assert run(a_bake(source), a_context()) == first
    assert len(records.search(kind=Kind.IMAGE)) == 1


def test_a_second_try_that_means_another_source_is_refused(records: Records, store: Path, source: Path) -> None:
    run(a_bake(source), a_context())
    with pytest.raises(RecordError, match="meant otherwise"):
        run(a_bake(source, jdk="17"), a_context())


def test_what_cannot_be_baked_fails_at_once_and_turns_the_run_back(records: Records, store: Path, source: Path) -> None:
    (source / "Procfile").unlink()
    with pytest.raises(AirflowFailException, match="no Procfile"):
        run(a_bake(source), a_context())
    assert "no Procfile" in (a_run(records).turned_back() or "")
    assert records.search(kind=Kind.IMAGE) == []


def test_a_bake_is_tried_again_by_a_later_run(records: Records, source: Path, cloud: MemoryCloud) -> None:
    cloud.broken.add("bake")
    with pytest.raises(AirflowFailException):
        run(a_bake(source), a_context("1"))
    cloud.broken.clear()
    assert run(a_bake(source), a_context("2"))["digest"] == "sha256:playback"


def test_the_cloud_is_told_where_a_bake_comes_from(
    records: Records, source: Path, cloud: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BakeRequest] = []

    class Asked(MemoryCloud):
        def bake(self, request: BakeRequest) -> Image:
            asked.append(request)
            return super().bake(request)

    cloud.__class__ = Asked
    run(a_bake(source, os="ubuntu-22"), a_context("nightly"))
    assert asked[0].settings == {"os": "ubuntu-22"}
    assert asked[0].origin["run"] == "nightly"
