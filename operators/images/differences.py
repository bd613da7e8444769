"""How two images differ: which files, and how many bytes of them."""

import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from operators.errors import CloudError
from operators.images import layout
from operators.images.layer import APP

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Difference:
    """What an image has that another one has not, and the other way round.

    Args:
        paths: files and links added, removed or changed, relative to the baked directory, sorted.
        bytes: size of those added or changed.
    """

    paths: tuple[str, ...]
    bytes: int


def difference(store: Path, before: str | None, after: str) -> Difference:
    """How image `after` differs from image `before`; from nothing where that is None.

    Raises CloudError when one of them is not in the store, or damaged.
    """
    with _files(store, after) as (new, now):
        if before is None:
            return Difference(tuple(sorted(now)), sum(member.size for member in now.values()))
        with _files(store, before) as (old, then):
            same = {path for path in now.keys() & then.keys() if _is_same(old, then[path], new, now[path])}
    paths = sorted((now.keys() | then.keys()) - same)
    return Difference(tuple(paths), sum(now[path].size for path in paths if path in now))


@contextmanager
def _files(store: Path, digest: str) -> Iterator[tuple[tarfile.TarFile, Mapping[str, tarfile.TarInfo]]]:
    """The image's layer, opened, with its files and links by path."""
    try:
        manifest = json.loads(layout.read_blob(store, digest))
        with (
            layout.open_blob(store, manifest["layers"][0]["digest"]) as layer,
            tarfile.open(fileobj=layer, mode="r:", encoding="utf-8") as tar,
        ):
            yield tar, {member.name.removeprefix(f"{APP}/"): member for member in tar if not member.isdir()}
    except (tarfile.TarError, KeyError, IndexError, ValueError) as error:
        raise CloudError(f"image {digest} cannot be read", why=str(error), mend="bake it again") from error


def _is_same(old: tarfile.TarFile, then: tarfile.TarInfo, new: tarfile.TarFile, now: tarfile.TarInfo) -> bool:
    told = [(member.type, member.size, member.mode, member.linkname) for member in (then, now)]
    if told[0] != told[1]:
        return False
    before, after = old.extractfile(then), new.extractfile(now)
    if not now.isreg() or before is None or after is None:
        return True
    while chunk := before.read(_CHUNK):
        if chunk != after.read(_CHUNK):
            return False
    return True
