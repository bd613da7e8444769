"""One image: what a run bakes is what it goes on with, and what it goes on with is what was baked."""

from pathlib import Path

import pytest

from operators.bake_image import BakeImage
from operators.errors import CloudError
from operators.images import unpack
from operators.records import Kind, Records
from tests.fakes.context import a_context, run
from tests.fakes.release import a_scope


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "Procfile").write_text("web: python server.py\n")
    (folder / "server.py").write_text("print('first')\n")
    return folder


def a_bake(source: Path) -> BakeImage:
    return BakeImage(task_id="bake-image", scope=a_scope("bake-image"), artifact="a", source=str(source), settings={})


def test_invariant_4_one_image_a_run_keeps_its_image_though_its_source_changes(records: Records, source: Path) -> None:
    first = run(a_bake(source), a_context())
    (source / "server.py").write_text("print('second')\n")
    assert run(a_bake(source), a_context()) == first
    assert run(a_bake(source), a_context("2"))["digest"] != first["digest"]
    assert [r.body["digest"] for r in records.search(kind=Kind.IMAGE, run="playback/1")] == [first["digest"]]


def test_invariant_4_one_image_a_changed_byte_is_never_deployed(home: Path, records: Records, source: Path) -> None:
    digest = run(a_bake(source), a_context())["digest"]
    layer = max((home / "images" / "blobs" / "sha256").iterdir(), key=lambda blob: blob.stat().st_size)
    layer.write_bytes(layer.read_bytes().replace(b"first", b"worse"))
    with pytest.raises(CloudError, match="is not what was baked"):
        unpack(home / "images", digest, home / "rootfs")
    assert not (home / "rootfs").exists()
