"""The store on disk: an OCI image layout, written aside and renamed."""

import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from operators.errors import CloudError

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
#: A file written aside and not touched for this long was left by a killed process.
_ABANDONED_AFTER_S = 3600.0


def check_digest(digest: str) -> str:
    """The digest itself; raises CloudError when it is not `sha256:` and 64 hex digits."""
    if not _DIGEST.fullmatch(digest):
        raise CloudError(
            f"{digest!r} is not an image digest",
            why="expected sha256: and 64 hex digits",
            mend="use the digest of a bake",
        )
    return digest


def digest_of(data: bytes) -> str:
    """The OCI digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON that is the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def blob_path(store: Path, digest: str) -> Path:
    """Where a blob lies."""
    return store / "blobs" / "sha256" / check_digest(digest).removeprefix("sha256:")


def prepare(store: Path) -> None:
    """Makes the store's folders where missing."""
    for folder in ("blobs/sha256", "bakes", "metadata", "aside"):
        (store / folder).mkdir(parents=True, exist_ok=True)
    if not (store / "oci-layout").exists():
        write_whole(store, store / "oci-layout", canonical({"imageLayoutVersion": "1.0.0"}))


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Holds the store for one change; the lock falls when its process dies."""
    with open(store / ".lock", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def aside(store: Path) -> Iterator[BinaryIO]:
    """A file on the store's disk to write and rename away; removed when it was not."""
    handle, name = tempfile.mkstemp(dir=store / "aside")
    os.close(handle)
    try:
        with open(name, "wb") as file:
            yield file
    finally:
        Path(name).unlink(missing_ok=True)


def settle(file: BinaryIO, target: Path) -> None:
    """Renames a file written aside to its place, whole."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    os.replace(file.name, target)


def write_whole(store: Path, target: Path, data: bytes) -> None:
    """Writes a small file so that a reader sees all of it or the one before."""
    with aside(store) as file:
        file.write(data)
        settle(file, target)


def read_blob(store: Path, digest: str) -> bytes:
    """A small blob's bytes, verified."""
    with open_blob(store, digest) as file:
        return file.read()


@contextmanager
def open_blob(store: Path, digest: str) -> Iterator[BinaryIO]:
    """A blob, verified whole and rewound."""
    path = blob_path(store, digest)
    if not path.is_file():
        raise CloudError(f"blob {digest} is missing", why=f"not in {store}", mend="bake the image again")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if f"sha256:{found}" != digest:
            raise CloudError(
                f"blob {digest} is not what was baked",
                why=f"its bytes now have the digest sha256:{found}",
                mend="delete the image and bake it again",
            )
        file.seek(0)
        yield file


def read_index(store: Path) -> dict[str, dict[str, Any]]:
    """The descriptors of the store's images by digest; empty when there is no store yet."""
    found = read_json(store / "index.json")
    return {} if found is None else {entry["digest"]: entry for entry in found["manifests"]}


def write_index(store: Path, descriptors: Mapping[str, Mapping[str, Any]]) -> None:
    """Replaces the index; call it with the lock held."""
    entries = [descriptors[digest] for digest in sorted(descriptors)]
    index = {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": entries}
    write_whole(store, store / "index.json", canonical(index))


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object of the store, or None when there is no such file."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CloudError(f"{path} cannot be read", why=str(error), mend="delete it and bake again") from error
    return value


def sweep(store: Path, now_s: float | None = None) -> None:
    """Removes what killed processes left aside; call it with the lock held."""
    before_s = (time.time() if now_s is None else now_s) - _ABANDONED_AFTER_S
    for path in (store / "aside").iterdir():
        try:
            if path.stat().st_mtime < before_s:
                path.unlink()
        except FileNotFoundError:
            continue
