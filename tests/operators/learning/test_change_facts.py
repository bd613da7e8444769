"""What a release changes, told from its image and the one before."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from canary.learning.facts import ChangeFacts, ChangeKind
from operators.clouds.cloud import BakeRequest
from operators.errors import CloudError
from operators.images import Difference, bake, delete, difference
from operators.learning.change_facts import change_in, change_of, dependencies_changed, kind_of, record_change
from operators.records import Kind, Records, Subject

BEFORE = {
    "Procfile": "web: python server.py\n",
    "VERSION": "1.0\n",
    "server.py": "print(1)\n",
    "lib/titles.txt": "roma\n",
    "requirements.txt": "flask==3.0\nnumpy\n",
    "settings.yaml": "a: 1\n",
}


def an_image(home: Path, files: Mapping[str, str]) -> str:
    source = home / "sources" / hashlib.sha256(repr(files).encode()).hexdigest()[:12]
    for path, content in files.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content)
    return bake(home / "images", BakeRequest("playback", source)).digest


def a_subject(number: int, stage: str = "bake") -> Subject:
    return Subject(run=f"playback/{number}", pipeline="playback", service="playback", stage=stage)


def a_release(records: Records, number: int, digest: str, state: str = "promoted", **more: bool) -> None:
    """A run that baked an image and deployed it."""
    records.append(Kind.IMAGE, a_subject(number), {"name": "playback", "version": "1", "digest": digest})
    records.append(Kind.DEPLOYMENT, a_subject(number, "deploy"), {"state": state, **more})


def recorded(records: Records, number: int, digest: str) -> Mapping[str, object]:
    record_change(records, a_subject(number), {"name": "playback", "digest": digest})
    (record,) = records.search(kind=Kind.CHANGE, run=f"playback/{number}")
    return record.body


def test_files_added_removed_and_changed_are_counted(home: Path) -> None:
    after = {**BEFORE, "server.py": "print(22)\n", "new.py": "x\n"}
    del after["lib/titles.txt"]
    found = difference(home / "images", an_image(home, BEFORE), an_image(home, after))
    assert found == Difference(("lib/titles.txt", "new.py", "server.py"), len("print(22)\n") + len("x\n"))


def test_a_file_of_the_same_size_with_other_content_differs_and_the_same_image_does_not(home: Path) -> None:
    first, second = an_image(home, BEFORE), an_image(home, {**BEFORE, "server.py": "print(2)\n"})
    assert difference(home / "images", first, second).paths == ("server.py",)
    assert difference(home / "images", first, first) == Difference((), 0)


def test_against_nothing_everything_is_new(home: Path) -> None:
    change = change_of(home / "images", None, an_image(home, BEFORE))
    assert (change.is_first, change.files_changed, change.dependencies_changed) == (True, 6, 2)
    assert change.bytes_changed == sum(map(len, BEFORE.values()))


@pytest.mark.parametrize(
    ("changed", "kind", "dependencies"),
    [
        ({"server.py": "print(2)\n", "VERSION": "1.1\n"}, ChangeKind.CODE, 0),
        ({"settings.yaml": "a: 2\n"}, ChangeKind.CONFIGURATION, 0),
        ({"requirements.txt": "flask==3.1\nnumpy\n"}, ChangeKind.DEPENDENCIES, 1),
        ({"requirements.txt": "flask==3.1\n", "server.py": "print(2)\n"}, ChangeKind.MIXED, 2),
        ({"settings.yaml": "a: 2\n", "server.py": "print(2)\n"}, ChangeKind.MIXED, 0),
        ({"VERSION": "1.1\n"}, ChangeKind.CONFIGURATION, 0),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 120\n"}, ChangeKind.CONFIGURATION, 0),
        ({"pyproject.toml": '[project]\nname = "x"\ndependencies = ["httpx"]\n'}, ChangeKind.DEPENDENCIES, 1),
    ],
)
def test_the_kind_of_change_is_that_of_its_files(
    home: Path, changed: Mapping[str, str], kind: ChangeKind, dependencies: int
) -> None:
    change = change_of(home / "images", an_image(home, BEFORE), an_image(home, {**BEFORE, **changed}))
    assert (change.kind, change.dependencies_changed, change.is_first) == (kind, dependencies, False)


def test_nothing_changed_is_no_code() -> None:
    assert kind_of([], has_dependencies=False) is ChangeKind.CONFIGURATION


def test_a_requirement_in_another_spelling_is_the_same() -> None:
    assert dependencies_changed(["ruamel.yaml >= 0.18"], ["Ruamel_YAML>=0.18"]) == 0


def test_an_image_that_is_gone_makes_the_change_unknown(home: Path) -> None:
    first, second = an_image(home, BEFORE), an_image(home, {**BEFORE, "server.py": "print(2)\n"})
    delete(home / "images", first)
    assert change_of(home / "images", first, second) == ChangeFacts(ChangeKind.UNKNOWN, 0, 0, 0)
    with pytest.raises(CloudError):
        difference(home / "images", first, second)


def test_a_damaged_image_makes_the_change_unknown(home: Path) -> None:
    first, second = an_image(home, BEFORE), an_image(home, {**BEFORE, "server.py": "print(2)\n"})
    for blob in (home / "images/blobs/sha256").iterdir():
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1])
    assert change_of(home / "images", first, second).kind is ChangeKind.UNKNOWN


def test_the_image_before_is_that_of_the_last_promoted_run(home: Path, records: Records) -> None:
    images = [an_image(home, {**BEFORE, "server.py": f"print({number})\n"}) for number in range(4)]
    assert recorded(records, 0, images[0])["is_first"] is True
    a_release(records, 0, images[0])
    a_release(records, 1, images[1], state="rolled back")
    a_release(records, 2, images[2], simulated=True)
    body = recorded(records, 3, images[3])
    assert (body["previous"], body["image"], body["kind"]) == (images[0], images[3], "code")


def test_a_change_is_recorded_once_by_two_tries_at_once_too(home: Path, records: Records) -> None:
    digest = an_image(home, BEFORE)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: record_change(records, a_subject(1), {"name": "playback", "digest": digest}), range(8)))
    first = recorded(records, 1, digest)
    a_release(records, 0, digest)
    assert recorded(records, 1, digest) == first


def test_what_is_recorded_is_read_back_all_images_together(home: Path, records: Records) -> None:
    first = an_image(home, BEFORE)
    a_release(records, 0, first)
    body = recorded(records, 1, an_image(home, {**BEFORE, "settings.yaml": "a: 2\n"}))
    alone = change_in([body])
    assert alone == ChangeFacts(ChangeKind.CONFIGURATION, 1, len("a: 2\n"), 0)
    both = change_in([body, {**body, "kind": "code"}])
    assert (both.kind, both.files_changed) == (ChangeKind.MIXED, 2)
    assert change_in([]) == ChangeFacts(ChangeKind.UNKNOWN, 0, 0, 0)
