"""What is known of an image beside its bytes, and the images a store has."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from operators.clouds.cloud import Image
from operators.errors import CloudError
from operators.images import layout


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """The record kept next to an image; no part of its digest.

    Args:
        name: the artifact's name.
        version: what its `VERSION` file said, or `0+` and 12 digits of the digest.
        digest: the image's identity.
        source: the directory it was first baked from.
        settings: the bake's settings.
        dependencies: requirements read from the directory.
        layer_bytes: size of its content.
        baked_at: when it was first baked (aware, UTC).
        origins: where builds of the same content came from, oldest first.
    """

    name: str
    version: str
    digest: str
    source: str
    settings: Mapping[str, str]
    dependencies: tuple[str, ...]
    layer_bytes: int
    baked_at: datetime
    origins: tuple[Mapping[str, str], ...]

    @property
    def image(self) -> Image:
        """The image this is the record of."""
        return Image(self.name, self.version, self.digest)

    def with_origin(self, origin: Mapping[str, str]) -> "ImageMetadata":
        """The record with one more origin; itself when the origin is empty or known."""
        if not origin or dict(origin) in self.origins:
            return self
        return replace(self, origins=(*self.origins, dict(origin)))

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return asdict(self) | {"baked_at": self.baked_at.isoformat()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ImageMetadata":
        """The record written by `to_json`."""
        told = dict(value)
        told["baked_at"] = datetime.fromisoformat(told["baked_at"])
        told["dependencies"], told["origins"] = tuple(told["dependencies"]), tuple(told["origins"])
        return cls(**told)


def images(store: Path) -> tuple[ImageMetadata, ...]:
    """The store's images, the oldest bake first; none when there is no store yet."""
    found = (read_metadata(store, digest) for digest in layout.read_index(store))
    return tuple(sorted((one for one in found if one), key=lambda one: (one.baked_at, one.digest)))


def describe(store: Path, digest: str) -> ImageMetadata:
    """The record of an image; raises CloudError when the store has no such image."""
    layout.check_digest(digest)
    found = read_metadata(store, digest) if digest in layout.read_index(store) else None
    if found is None:
        raise CloudError(f"there is no image {digest}", why=f"not in {store}", mend="bake it, or use a digest it lists")
    return found


def delete(store: Path, digest: str) -> None:
    """Removes an image and the blobs that no other image uses; does nothing when it is gone."""
    layout.check_digest(digest)
    if not store.exists():
        return
    layout.prepare(store)
    with layout.locked(store):
        index = layout.read_index(store)
        if index.pop(digest, None) is not None:
            layout.write_index(store, index)
        metadata_path(store, digest).unlink(missing_ok=True)
        for path in (store / "bakes").iterdir():
            if path.read_text() == digest:
                path.unlink()
        _collect_garbage(store, index)
        layout.sweep(store)


def metadata_path(store: Path, digest: str) -> Path:
    """Where an image's record lies."""
    return store / "metadata" / f"{digest.removeprefix('sha256:')}.json"


def read_metadata(store: Path, digest: str) -> ImageMetadata | None:
    """An image's record, or None when there is none."""
    found = layout.read_json(metadata_path(store, digest))
    return None if found is None else ImageMetadata.from_json(found)


def write_metadata(store: Path, metadata: ImageMetadata) -> None:
    """Writes an image's record; call it with the lock held."""
    layout.write_whole(store, metadata_path(store, metadata.digest), layout.canonical(metadata.to_json()))


def _collect_garbage(store: Path, index: Mapping[str, Mapping[str, Any]]) -> None:
    used = set(index)
    for digest in index:
        manifest = layout.read_json(layout.blob_path(store, digest)) or {"layers": []}
        used.update(part["digest"] for part in [*manifest["layers"], manifest.get("config")] if part)
    for path in (store / "blobs" / "sha256").iterdir():
        if f"sha256:{path.name}" not in used:
            path.unlink(missing_ok=True)
