"""An image's one layer: an uncompressed tar that is the same bytes on every machine.

Uncompressed, because the output of deflate differs between builds of zlib.
"""

import hashlib
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from operators.errors import CloudError
from operators.images.tree import Entry, Kind, Tree, changed, is_inside, open_file

#: Folder of the layer that holds the directory's content.
APP = "app"


def write_layer(tree: Tree, out: BinaryIO) -> tuple[str, int]:
    """Writes the tree's layer to `out`; gives its sha256 (hex) and size in bytes.

    Raises CloudError when a file is no longer what was listed.
    """
    hashing = _HashingWriter(out)
    with tarfile.open(
        fileobj=cast(BinaryIO, hashing), mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="strict"
    ) as tar:
        tar.addfile(_header(Entry("", Kind.FOLDER)))
        for entry in tree.entries:
            if entry.kind is Kind.FILE:
                with open_file(tree.root, entry.path) as file:
                    _add_file(tar, entry, file)
            else:
                tar.addfile(_header(entry))
    return hashing.digest.hexdigest(), hashing.size


def extract_layer(layer: BinaryIO, target: Path) -> None:
    """Extracts a layer into the empty folder `target`; nothing is written outside of it.

    Links are made last, so no file is ever written through one.
    """
    with tarfile.open(fileobj=layer, mode="r:", encoding="utf-8", errors="strict") as tar:
        links = []
        for member in tar:
            path = target / _safe(member)
            if member.issym():
                links.append((path, member.linkname))
            elif member.isdir():
                path.mkdir(mode=0o755, exist_ok=True)
            else:
                with open(path, "xb") as out:
                    shutil.copyfileobj(cast(BinaryIO, tar.extractfile(member)), out, 1 << 20)
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
    root = target.resolve()
    for path, linkname in links:
        path.symlink_to(linkname)
    for path, linkname in links:
        if os.path.isabs(linkname) or not is_inside(root, path):
            raise _unsafe(str(path.relative_to(target)), f"it links to {linkname}")


def _add_file(tar: tarfile.TarFile, entry: Entry, file: BinaryIO) -> None:
    reading = _HashingReader(file)
    try:
        tar.addfile(_header(entry), cast(BinaryIO, reading))
    except OSError as error:  # tarfile's own "unexpected end of data", or a failing disk
        raise changed(entry.path) from error
    if reading.digest.hexdigest() != entry.content or file.read(1):
        raise changed(entry.path)


def _header(entry: Entry) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{APP}/{entry.path}" if entry.path else APP)
    info.uid = info.gid = 0
    info.mtime = 0
    match entry.kind:
        case Kind.FOLDER:
            info.type, info.mode = tarfile.DIRTYPE, 0o755
        case Kind.LINK:
            info.type, info.mode, info.linkname = tarfile.SYMTYPE, 0o777, entry.content
        case Kind.FILE:
            info.size, info.mode = entry.size, 0o755 if entry.executable else 0o644
    return info


def _safe(member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (APP,):
        raise _unsafe(member.name, "it lies outside the image's folder")
    if not (member.isreg() or member.isdir() or member.issym()):
        raise _unsafe(member.name, "it is neither a file, a folder nor a link")
    return path


def _unsafe(name: str, why: str) -> CloudError:
    return CloudError(f"{name} of the image will not be unpacked", why=why, mend="bake the image again")


class _HashingWriter:
    """What tarfile needs of a file to write to, hashing as it goes."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.digest, self.size = out, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self.out.write(data)


class _HashingReader:
    """What tarfile needs of a file to read from, hashing as it goes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data
