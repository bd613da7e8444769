"""The content listing of a directory: what an image is made of, and nothing else.

Only names, kinds, the executable bit and bytes count; owners, times and the rest of the
mode do not.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from operators.errors import CloudError
from operators.images.ignore import Ignore
from operators.images.ignore import parse as parse_ignore

#: Procfile, VERSION and the like are a few lines; this stops a slip, not a use.
_SMALL_FILE_BYTES = 1 << 20


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link.

    Args:
        path: relative to the directory, with `/`.
        kind: what it is.
        executable: whether a file may be run by its owner.
        size: bytes of a file, else 0.
        content: sha256 (hex) of a file's bytes, a link's target, else `""`.
    """

    path: str
    kind: Kind
    executable: bool = False
    size: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory and its entries, sorted by path."""

    root: Path
    entries: tuple[Entry, ...]

    def small_file(self, name: str) -> str | None:
        """The text of a small top-level file as it was listed, or None when there is none."""
        entry = next((e for e in self.entries if e.path == name and e.kind is Kind.FILE), None)
        if entry is None:
            return None
        if entry.size > _SMALL_FILE_BYTES:
            raise CloudError(f"{name} cannot be used", why=f"it has {entry.size} bytes", mend="keep it under 1 MiB")
        with open_file(self.root, name) as file:
            data = file.read(entry.size + 1)
        if hashlib.sha256(data).hexdigest() != entry.content:
            raise changed(name)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise CloudError(f"{name} cannot be read", why=f"not UTF-8: {error}", mend="save it as UTF-8") from error


def list_tree(source: Path, limit_bytes: int) -> Tree:
    """Lists and hashes the directory `source`.

    Raises CloudError when there is no such directory, it has nothing to bake, holds more than
    `limit_bytes`, something in it cannot be part of an image, or it changes meanwhile.
    """
    root = _directory(source)
    entries: list[Entry] = []
    total = 0
    for entry in _walk(root, "", _ignore_rules(root)):
        total += entry.size
        if total > limit_bytes:
            raise CloudError(
                f"{source} is too large to bake",
                why=f"more than {limit_bytes} bytes, reached at {entry.path}",
                mend="name what does not belong in the image in .dockerignore",
            )
        entries.append(_hashed(root, entry))
    if not any(entry.kind is not Kind.FOLDER for entry in entries):
        raise CloudError(f"there is nothing to bake in {source}", why="no file in it", mend="check the artifact's path")
    return Tree(root, tuple(sorted(entries, key=lambda entry: entry.path)))


@contextmanager
def open_file(root: Path, path: str) -> Iterator[BinaryIO]:
    """An ordinary file of the directory, opened for reading; never follows a link nor blocks."""
    try:
        handle = os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise changed(path) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise changed(path)
        yield file


def changed(path: str) -> CloudError:
    """The error for a file that is no longer what was listed."""
    return CloudError(
        f"{path} changed while it was baked",
        why="an image is made of one state of the directory",
        mend="bake again when nothing writes there",
    )


def _directory(source: Path) -> Path:
    try:
        root = source.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise CloudError(
            f"{source} cannot be baked", why="there is no such directory", mend="check the artifact's path"
        ) from error
    if not root.is_dir():
        raise CloudError(f"{source} cannot be baked", why="it is not a directory", mend="give the directory around it")
    return root


def _ignore_rules(root: Path) -> Ignore:
    if not (root / ".dockerignore").is_file():
        return Ignore()
    with open_file(root, ".dockerignore") as file:
        return parse_ignore(file.read(_SMALL_FILE_BYTES).decode(errors="replace"))


def _walk(root: Path, folder: str, ignore: Ignore) -> Iterator[Entry]:
    try:
        with os.scandir(root / folder) as found:
            children = list(found)
    except OSError as error:
        raise _unreadable(folder or ".", error) from error
    for child in children:
        path = f"{folder}/{child.name}" if folder else child.name
        if ignore.is_builtin(child.name):
            continue
        ignored = ignore.covers(path)
        if child.is_dir(follow_symlinks=False):
            if not ignored:
                yield Entry(_portable(path), Kind.FOLDER)
            if not (ignored and ignore.may_prune):
                yield from _walk(root, path, ignore)
        elif not ignored:
            yield _entry(root, path)


def _entry(root: Path, path: str) -> Entry:
    try:
        found = os.lstat(root / path)
    except OSError as error:
        raise changed(path) from error
    if stat.S_ISLNK(found.st_mode):
        return Entry(_portable(path), Kind.LINK, content=_link_target(root, path))
    if not stat.S_ISREG(found.st_mode):
        raise CloudError(
            f"{path} cannot be part of an image",
            why="it is neither a file, a folder nor a link",
            mend="remove it or name it in .dockerignore",
        )
    return Entry(_portable(path), Kind.FILE, bool(found.st_mode & stat.S_IXUSR), found.st_size)


def _link_target(root: Path, path: str) -> str:
    try:
        target = os.readlink(root / path)
    except OSError as error:
        raise changed(path) from error
    if os.path.isabs(target) or not is_inside(root, root / path):
        raise CloudError(
            f"link {path} leads out of the directory",
            why=f"it points to {target}",
            mend="make it a relative link to something inside, or name it in .dockerignore",
        )
    return _portable(target)


def is_inside(root: Path, path: Path) -> bool:
    """Whether `path`, all links followed, lies in `root` (resolved)."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def _hashed(root: Path, entry: Entry) -> Entry:
    if entry.kind is not Kind.FILE:
        return entry
    digest, size = hashlib.sha256(), 0
    with open_file(root, entry.path) as file:
        while chunk := _read(file, entry.path):
            digest.update(chunk)
            size += len(chunk)
            if size > entry.size:
                break
    if size != entry.size:
        raise changed(entry.path)
    return Entry(entry.path, entry.kind, entry.executable, size, digest.hexdigest())


def _read(file: BinaryIO, path: str) -> bytes:
    try:
        return file.read(1 << 20)
    except OSError as error:
        raise _unreadable(path, error) from error


def _portable(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise CloudError(
            f"{os.fsencode(path)!r} cannot be part of an image", why="its name is not UTF-8", mend="rename it"
        ) from error
    return path


def _unreadable(path: str, error: OSError) -> CloudError:
    return CloudError(
        f"{path} cannot be read", why=error.strerror or str(error), mend="make it readable or name it in .dockerignore"
    )
