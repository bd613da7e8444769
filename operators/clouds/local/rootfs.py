"""Images unpacked to run from: one folder a digest, shared by all instances, gone when the last group is."""

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from operators import images
from operators.file_lock import locked
from operators.images import ImageConfig


class RootFolders:
    """The folders that images run from.

    Args:
        folder: where they are kept.
        store: the image store they come from.
    """

    def __init__(self, folder: Path, store: Path) -> None:
        self._folder, self._store = folder, store

    @contextmanager
    def unpacked(self, digest: str) -> Iterator[tuple[Path, ImageConfig]]:
        """The image's folder and how it starts; `tidy` leaves it alone while the block runs."""
        with locked(self._folder / "lock"):
            rootfs = self._folder / _name(digest) / "rootfs"
            yield rootfs, images.unpack(self._store, digest, rootfs)

    def tidy(self, used: Callable[[], Collection[str]]) -> None:
        """Removes the folders of all images but the `used` digests; renamed first, so that none is ever half there."""
        with locked(self._folder / "lock"):
            kept = {_name(digest) for digest in used()}
            trash = Path(tempfile.mkdtemp(prefix="trash-", dir=self._folder))
            for folder in self._folder.iterdir():
                if folder.is_dir() and folder != trash and folder.name not in kept:
                    folder.rename(trash / folder.name)
            shutil.rmtree(trash)


def _name(digest: str) -> str:
    return digest.removeprefix("sha256:")
