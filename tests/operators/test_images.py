"""Images: baked once, named by digest, the same on every machine (invariant 4: one image)."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.clouds.cloud import BakeRequest, Image
from operators.errors import CloudError
from operators.images import ImageMetadata, bake, delete, describe, images, unpack
from operators.images.ignore import parse

PROCFILE = "web: exec python server.py\n"
FILES = {"Procfile": PROCFILE, "server.py": "print('hello')\n", "lib/titles.txt": "roma\n"}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return a_directory(tmp_path / "source", FILES)


def a_directory(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def a_request(source: Path, name: str = "playback", **more: Mapping[str, str]) -> BakeRequest:
    return BakeRequest(name, source, **more)


def everything_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file's inode and time of change: differs when anything was rewritten."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def content_of(folder: Path) -> dict[str, object]:
    """What an image promises to keep of a directory."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


def layer_blob(store: Path, image: Image) -> Path:
    manifest = json.loads((store / "blobs/sha256" / image.digest[7:]).read_bytes())
    digest: str = manifest["layers"][0]["digest"]
    return store / "blobs/sha256" / digest[7:]


# --- identity -----------------------------------------------------------------


def test_the_same_directory_gives_the_same_digest_in_any_store(source: Path, tmp_path: Path) -> None:
    assert bake(tmp_path / "one", a_request(source)) == bake(tmp_path / "two", a_request(source))


def test_a_second_bake_writes_nothing_and_takes_under_200_ms(store: Path, source: Path) -> None:
    first = bake(store, a_request(source, origin={"commit": "abc"}))
    before = everything_in(store)
    began = time.process_time()
    second = bake(store, a_request(source, origin={"commit": "abc"}))
    assert time.process_time() - began < 0.2
    assert (second, everything_in(store)) == (first, before)


def test_the_digest_is_that_of_the_manifest_in_an_oci_layout(store: Path, source: Path) -> None:
    image = bake(store, a_request(source))
    assert json.loads((store / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (listed,) = json.loads((store / "index.json").read_text())["manifests"]
    manifest = (store / "blobs" / "sha256" / image.digest[7:]).read_bytes()
    assert listed["digest"] == image.digest == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert listed["size"] == len(manifest)


def test_origin_and_time_are_metadata_and_leave_the_digest_alone(store: Path, source: Path) -> None:
    first = bake(store, a_request(source, origin={"commit": "a"}), clock=lambda: NOON)
    second = bake(store, a_request(source, origin={"commit": "b"}), clock=lambda: NOON + timedelta(days=1))
    assert first == second
    assert describe(store, first.digest).origins == ({"commit": "a"}, {"commit": "b"})
    assert describe(store, first.digest).baked_at == NOON


@pytest.mark.parametrize("other", [{"name": "search"}, {"settings": {"jdk": "21"}}])
def test_another_name_or_setting_is_another_image(store: Path, source: Path, other: dict[str, object]) -> None:
    told: dict[str, object] = {"name": "playback", "settings": {"jdk": "17"}}
    assert bake(store, BakeRequest(source=source, **told)) != bake(store, BakeRequest(source=source, **(told | other)))  # type: ignore[arg-type] # built from a table


NAMES = st.text("abcXYZ019._-é ", min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..", ".git") and not name.endswith(".pyc")
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.tuples(st.binary(max_size=600), st.booleans()), max_size=8).map(
    lambda tree: {
        path: content
        for path, content in tree.items()
        if not any(path.startswith(f"{other}/") for other in tree) and path.split("/")[0] != "Procfile"
    }
)
QUICK = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plant(folder: Path, tree: Mapping[str, tuple[bytes, bool]], at_s: int) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for path, (content, executable) in tree.items():
        a_directory(folder, {path: content})
        (folder / path).chmod(0o711 if executable else 0o600)
        os.utime(folder / path, (at_s, at_s))
    return a_directory(folder, {"Procfile": PROCFILE})


@QUICK
@given(tree=TREES, data=st.data())
def test_neither_order_nor_times_nor_umask_change_the_digest(
    tmp_path: Path, tree: dict[str, tuple[bytes, bool]], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(tree.items()))))
    one = bake(tmp_path / "one", a_request(plant(tmp_path / "a", tree, 1)))
    before = os.umask(0o077)
    try:
        other = bake(tmp_path / "two", a_request(plant(tmp_path / "b", shuffled, 1_000_000)))
    finally:
        os.umask(before)
    assert one == other


@QUICK
@given(tree=TREES.filter(bool), data=st.data())
def test_any_changed_byte_name_or_executable_bit_is_another_image(
    tmp_path: Path, tree: dict[str, tuple[bytes, bool]], data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(sorted(tree)))
    content, executable = tree[path]
    rest = {other: kept for other, kept in tree.items() if other != path}
    changes = [{path: (content + b"x", executable)}, {path: (content, not executable)}, {f"{path}~": tree[path]}, {}]
    if content:
        at = data.draw(st.integers(0, len(content) - 1))
        changes.append({path: (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], executable)})
    changed = plant(tmp_path / "b", rest | data.draw(st.sampled_from(changes)), 1)
    before = bake(tmp_path / "store", a_request(plant(tmp_path / "a", tree, 1)))
    assert bake(tmp_path / "store", a_request(changed)).digest != before.digest


@QUICK
@given(tree=TREES)
def test_unpacking_gives_back_what_was_baked(tmp_path: Path, tree: dict[str, tuple[bytes, bool]]) -> None:
    source = plant(tmp_path / "source", tree, 1)
    image = bake(tmp_path / "store", a_request(source))
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    config = unpack(tmp_path / "store", image.digest, tmp_path / "out")
    assert content_of(tmp_path / "out" / config.working_dir) == content_of(source)


ELSEWHERE = """
import sys, types
from pathlib import Path
root, source, store = map(Path, sys.argv[1:])
def bare(name):  # the package without its __init__, which may import what only the environment has
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")))]
    return module
bare("operators"), bare("operators.clouds")
canary = bare("canary")
from canary.looks import Side
canary.Side = Side
from operators.clouds.cloud import BakeRequest
from operators.images import bake
print(bake(store, BakeRequest("playback", source, {"jdk": "17"})).digest)
"""


def other_pythons() -> Iterator[Path]:
    named = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13)]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from (Path(found) for found in named if found and "shims" not in found)
    yield from sorted(versions.glob("3.1[123].*/bin/python"))


def test_every_python_gives_the_same_digest(source: Path, tmp_path: Path) -> None:
    source.joinpath("ünïcode-" + "long-" * 40).write_text("a name that needs tar's extensions")
    mine = bake(tmp_path / "mine", a_request(source, settings={"jdk": "17"})).digest
    found = {}
    for number, python in enumerate(other_pythons()):
        told = [str(Path(__file__).parents[2]), str(source), str(tmp_path / f"store{number}")]
        run = subprocess.run([str(python), "-IB", "-c", ELSEWHERE, *told], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        found[str(python)] = run.stdout.strip()
    if not found:
        pytest.skip("no other Python 3.11 to 3.13 on this machine")
    assert set(found.values()) == {mine}


# --- what belongs in an image -------------------------------------------------


def test_git_caches_and_what_dockerignore_names_stay_out(store: Path, source: Path, tmp_path: Path) -> None:
    a_directory(
        source,
        {
            ".git/HEAD": "x",
            "lib/__pycache__/a.pyc": "x",
            "b.pyc": "x",
            "logs/today.log": "x",
            "deep/down/notes.tmp": "x",
            "build/out/a.bin": "x",
            "build/keep.txt": "kept",
            ".dockerignore": "# comment\n\n*.log\n/logs/\n**/*.tmp\nbuild/*\n!build/keep.txt\n",
        },
    )
    unpack(store, bake(store, a_request(source)).digest, tmp_path / "out")
    files = {p.relative_to(tmp_path / "out/app").as_posix() for p in (tmp_path / "out/app").rglob("*") if p.is_file()}
    assert files == {*FILES, "build/keep.txt", ".dockerignore"}


@pytest.mark.parametrize(
    ("pattern", "path", "is_ignored"),
    [
        ("*.log", "a.log", True),
        ("*.log", "deep/a.log", False),
        ("**/*.log", "a.log", True),
        ("**/*.log", "very/deep/a.log", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("file[0-9]", "file7", True),
        ("file[!0-9]", "file7", False),
        ("file[^0-9]", "filex", True),
        ("file[!0-9]x", "file/x", False),
        ("logs", "logs/deep/a.txt", True),
        ("./logs/", "logs/a", True),
        ("a.c", "abc", False),
        ("**/cache/**", "x/cache/y/z", True),
        ("*\n!keep", "keep", False),
    ],
)
def test_a_dockerignore_pattern_means_what_docker_says(pattern: str, path: str, is_ignored: bool) -> None:
    assert parse(pattern).covers(path) is is_ignored


@settings(deadline=None)
@given(text=st.text("ab/*?[]!-^\\.# \n&~|", max_size=20))
def test_any_dockerignore_gives_rules(text: str) -> None:
    assert parse(text).covers("a/b") in (True, False)


def test_links_inside_are_kept(store: Path, source: Path, tmp_path: Path) -> None:
    (source / "current").symlink_to("lib")
    (source / "lib" / "up").symlink_to("../server.py")
    unpack(store, bake(store, a_request(source)).digest, tmp_path / "out")
    assert os.readlink(tmp_path / "out/app/current") == "lib"
    assert (tmp_path / "out/app/lib/up").read_text() == FILES["server.py"]


def leave_by_dots(source: Path) -> None:
    (source / "link").symlink_to("../elsewhere")


def leave_by_absolute_path(source: Path) -> None:
    (source / "link").symlink_to(source / "server.py")


def leave_through_another_link(source: Path) -> None:
    (source / "aaa").symlink_to(".")
    (source / "link").symlink_to("aaa/../elsewhere")


def make_a_socket(source: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(source / "server.sock"))


def make_a_pipe(source: Path) -> None:
    os.mkfifo(source / "server.pipe")


def remove_the_procfile(source: Path) -> None:
    (source / "Procfile").unlink()


def name_no_web_process(source: Path) -> None:
    (source / "Procfile").write_text("worker: python work.py\n")


def write_a_binary_procfile(source: Path) -> None:
    (source / "Procfile").write_bytes(b"web: \xff\xfe\n")


def write_no_version(source: Path) -> None:
    (source / "VERSION").write_text("1.0; rm -rf /\n")


def break_pyproject(source: Path) -> None:
    (source / "pyproject.toml").write_text("[project\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (leave_by_dots, "link link leads out of the directory"),
        (leave_by_absolute_path, "link link leads out of the directory"),
        (leave_through_another_link, "link link leads out of the directory"),
        (make_a_socket, "server.sock cannot be part of an image"),
        (make_a_pipe, "server.pipe cannot be part of an image"),
        (remove_the_procfile, "has no Procfile"),
        (name_no_web_process, "does not say how to start"),
        (write_a_binary_procfile, "Procfile cannot be read"),
        (write_no_version, "holds no version"),
        (break_pyproject, "pyproject.toml cannot be read"),
    ],
)
def test_what_cannot_be_an_image_is_said_in_one_line(
    store: Path, source: Path, spoil: Callable[[Path], None], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)  # a socket's path must be short
    spoil(source)
    with pytest.raises(CloudError, match=says) as caught:
        bake(store, a_request(source))
    assert caught.value.why
    assert caught.value.mend
    assert "\n" not in str(caught.value)
    assert images(store) == ()


def test_a_missing_source_a_file_and_an_empty_directory_are_refused(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    for path, says in {"nowhere": "no such directory", "file": "not a directory", "empty": "nothing to bake"}.items():
        with pytest.raises(CloudError, match=says):
            bake(store, a_request(tmp_path / path))


def test_more_than_the_limit_is_refused(store: Path, source: Path) -> None:
    (source / "film.bin").write_bytes(bytes(2000))
    with pytest.raises(CloudError, match=r"too large.*dockerignore"):
        bake(store, a_request(source), limit_bytes=1999)


def test_an_unreadable_file_is_named(store: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not stop root, so the operating system is made to say no.
    ask = os.open

    def refuse(path: str | Path, *more: int, **named: int) -> int:
        if str(path).endswith("server.py"):
            raise PermissionError(13, "Permission denied")
        return ask(path, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CloudError, match=r"server.py cannot be read: Permission denied"):
        bake(store, a_request(source))


@pytest.mark.parametrize("change", ["grows", "shrinks", "other bytes", "vanishes", "becomes a pipe"])
def test_a_file_that_changes_while_it_is_baked_is_named(
    store: Path, source: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, times = os.open, 0

    def open_and_change(path: str | Path, *more: int, **named: int) -> int:
        nonlocal times
        if str(path).endswith("server.py"):
            times += 1
            if times == 2:  # the first time it is listed, the second it is put in the layer
                alter(Path(path), change)
        return ask(path, *more, **named)

    monkeypatch.setattr(os, "open", open_and_change)
    with pytest.raises(CloudError, match=r"server.py changed while it was baked"):
        bake(store, a_request(source))
    assert images(store) == ()
    assert not list((store / "aside").iterdir())


def alter(path: Path, change: str) -> None:
    before = path.read_bytes()
    path.unlink()
    match change:
        case "grows":
            path.write_bytes(before + b"more")
        case "shrinks":
            path.write_bytes(before[:-1])
        case "other bytes":
            path.write_bytes(before[::-1])
        case "becomes a pipe":
            os.mkfifo(path)


def test_a_directory_that_holds_the_store_is_refused_unless_the_store_is_ignored(source: Path) -> None:
    store = source / ".state" / "images"
    bake(source / ".state" / "images", a_request(source))  # the first finds no store there yet
    with pytest.raises(CloudError, match="holds the image store itself"):
        bake(store, a_request(source))
    (source / ".dockerignore").write_text(".state\n")
    assert bake(store, a_request(source)) == bake(store, a_request(source))


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "x" * 129])
def test_a_name_that_is_no_name_is_refused(store: Path, source: Path, name: str) -> None:
    with pytest.raises(CloudError, match="cannot name an image"):
        bake(store, a_request(source, name))


# --- metadata -----------------------------------------------------------------


def test_metadata_tell_version_source_settings_dependencies_and_origin(store: Path, source: Path) -> None:
    a_directory(
        source,
        {
            "VERSION": "1.4.2\n",
            "requirements.txt": "# ours\naiohttp>=3  # web\n-r more.txt\n\nuvloop\n",
            "pyproject.toml": '[project]\nname = "x"\ndependencies = ["httpx>=0.28"]\n',
        },
    )
    origin = {"repo": "netflix/playback", "commit": "abc", "who": "ann"}
    image = bake(store, a_request(source, settings={"jdk": "17"}, origin=origin), clock=lambda: NOON)
    assert describe(store, image.digest) == ImageMetadata(
        name="playback",
        version="1.4.2",
        digest=image.digest,
        source=str(source),
        settings={"jdk": "17"},
        dependencies=("aiohttp>=3", "httpx>=0.28", "uvloop"),
        layer_bytes=layer_blob(store, image).stat().st_size,
        baked_at=NOON,
        origins=(origin,),
    )


def test_without_a_version_file_the_version_comes_from_the_digest(store: Path, source: Path) -> None:
    image = bake(store, a_request(source))
    assert image.version == f"0+{image.digest[7:19]}"


def test_images_are_listed_oldest_first(store: Path, source: Path) -> None:
    second = bake(store, a_request(source, "b"), clock=lambda: NOON + timedelta(hours=1))
    first = bake(store, a_request(source, "a"), clock=lambda: NOON)
    assert [one.image for one in images(store)] == [first, second]


@pytest.mark.parametrize(
    "digest", ["", "latest", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "sha256:" + "0" * 64]
)
def test_an_unknown_digest_is_refused_by_name(store: Path, source: Path, digest: str, tmp_path: Path) -> None:
    bake(store, a_request(source))
    for use in (lambda: describe(store, digest), lambda: unpack(store, digest, tmp_path / "out")):
        with pytest.raises(CloudError):
            use()
    assert not (tmp_path / "out").exists()


# --- unpacking ----------------------------------------------------------------


def test_the_start_command_is_the_procfiles_web_line(store: Path, source: Path, tmp_path: Path) -> None:
    config = unpack(store, bake(store, a_request(source)).digest, tmp_path / "out")
    assert config.command == ("/bin/sh", "-c", "exec python server.py")
    assert config.environment == {"GENNAKER_ARTIFACT": "playback"}
    assert (tmp_path / "out" / config.working_dir / "server.py").is_file()


def test_unpacking_again_writes_nothing(store: Path, source: Path, tmp_path: Path) -> None:
    image = bake(store, a_request(source))
    first = unpack(store, image.digest, tmp_path / "out")
    before = everything_in(tmp_path / "out")
    assert unpack(store, image.digest, tmp_path / "out") == first
    assert everything_in(tmp_path / "out") == before


def test_unpacking_over_something_else_is_refused(store: Path, source: Path, tmp_path: Path) -> None:
    a_directory(tmp_path / "out", {"precious": "x"})
    with pytest.raises(CloudError, match="is in the way"):
        unpack(store, bake(store, a_request(source)).digest, tmp_path / "out")
    assert content_of(tmp_path / "out") == {"precious": (b"x", False)}


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
def test_a_changed_byte_is_refused_and_its_blob_named(store: Path, source: Path, part: str, tmp_path: Path) -> None:
    image = bake(store, a_request(source))
    manifest_path = store / "blobs/sha256" / image.digest[7:]
    config_digest = json.loads(manifest_path.read_bytes())["config"]["digest"]
    path = {
        "manifest": manifest_path,
        "config": store / "blobs/sha256" / config_digest[7:],
        "layer": layer_blob(store, image),
    }[part]
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CloudError, match=f"blob sha256:{path.name} is not what was baked"):
        unpack(store, image.digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out.*"))


def test_a_missing_blob_is_named_and_baked_again(store: Path, source: Path, tmp_path: Path) -> None:
    image = bake(store, a_request(source))
    layer_blob(store, image).unlink()
    with pytest.raises(CloudError, match="is missing"):
        unpack(store, image.digest, tmp_path / "out")
    assert bake(store, a_request(source)) == image
    unpack(store, image.digest, tmp_path / "out")


def test_eight_bakes_and_unpacks_at_once_give_one_image(store: Path, source: Path, tmp_path: Path) -> None:
    (source / "film.bin").write_bytes(os.urandom(2_000_000))
    together = threading.Barrier(8)

    def work(number: int) -> Image:
        together.wait()
        image = bake(store, a_request(source, origin={"build": str(number)}))
        unpack(store, image.digest, tmp_path / "out")
        return image

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(work, range(8)))
    (image,) = made
    assert [one.image for one in images(store)] == [image]
    assert {origin["build"] for origin in describe(store, image.digest).origins} == set(map(str, range(8)))
    assert content_of(tmp_path / "out/app") == content_of(source)
    assert not list(tmp_path.glob(".out.*"))


# --- kills and deletion -------------------------------------------------------

KILL_AT_EACH_STEP = """
import itertools, os, signal, sys
from pathlib import Path
from operators.clouds.cloud import BakeRequest
from operators.images import bake

def bake_and_die(store, source, at_step):
    steps = itertools.count(1)
    def hook(event, told):  # opening, renaming and removing files are all the steps that a bake takes
        if event in ("open", "os.rename", "os.remove", "os.mkdir") and str(store) in str(told[0]):
            if next(steps) == at_step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    bake(store, BakeRequest("playback", source))

stores, source = map(Path, sys.argv[1:])
for step in itertools.count(1):
    child = os.fork()
    if not child:
        bake_and_die(stores / f"{step:03}", source, step)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL
"""


def test_a_bake_killed_at_any_step_leaves_a_whole_image_or_none(source: Path, tmp_path: Path) -> None:
    stores = tmp_path / "stores"
    stores.mkdir()
    subprocess.run([sys.executable, "-c", KILL_AT_EACH_STEP, str(stores), str(source)], check=True)
    *killed, finished = sorted(stores.iterdir())
    (whole,) = images(finished)
    assert len(killed) > 10
    for store in killed:
        assert {one.image for one in images(store)} <= {whole.image}
        for one in images(store):
            unpack(store, one.digest, tmp_path / "before" / store.name)
        assert bake(store, a_request(source)) == whole.image
        unpack(store, whole.digest, tmp_path / "after" / store.name)


def test_what_a_killed_bake_left_aside_is_swept_by_a_later_one(store: Path, source: Path) -> None:
    a_directory(store / "aside", {"old": "half a layer", "new": "of a bake under way"})
    hours_ago = time.time() - 7200
    os.utime(store / "aside/old", (hours_ago, hours_ago))
    bake(store, a_request(source))
    assert [path.name for path in (store / "aside").iterdir()] == ["new"]


def test_a_deleted_image_is_gone_and_others_keep_what_they_share(store: Path, source: Path, tmp_path: Path) -> None:
    one, other = bake(store, a_request(source, "one")), bake(store, a_request(source, "other"))
    assert layer_blob(store, one) == layer_blob(store, other)
    delete(store, one.digest)
    delete(store, one.digest)
    assert [kept.image for kept in images(store)] == [other]
    with pytest.raises(CloudError, match="there is no image"):
        describe(store, one.digest)
    unpack(store, other.digest, tmp_path / "out")
    delete(store, other.digest)
    assert not list((store / "blobs/sha256").iterdir())
    assert bake(store, a_request(source, "one")) == one


def test_an_empty_store_has_no_images(store: Path) -> None:
    assert images(store) == ()
    delete(store, "sha256:" + "0" * 64)
    assert not store.exists()
