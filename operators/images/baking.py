"""Bake: a directory in, an image named by its digest out, the same on every machine."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from operators.clouds.cloud import BakeRequest, Image
from operators.errors import CloudError
from operators.images import layout
from operators.images.facts import dependencies, start_command, stated_version
from operators.images.layer import APP, write_layer
from operators.images.metadata import ImageMetadata, read_metadata, write_metadata
from operators.images.tree import Tree, list_tree

#: Far above any service's own files; stops a home folder or a data set from being baked by mistake.
LIMIT_BYTES: Final = 2 << 30
#: Part of every bake key: raise it when the same directory would give other bytes.
_RECIPE: Final = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _now() -> datetime:
    return datetime.now(UTC)


def bake(
    store: Path, request: BakeRequest, *, limit_bytes: int = LIMIT_BYTES, clock: Callable[[], datetime] = _now
) -> Image:
    """The image of a directory: same content, name and settings, same digest.

    A second bake of the same input only looks it up. Safe to repeat, to run twice at once,
    and to kill. `request.origin` and the time are kept as metadata, outside the digest.

    Raises CloudError when the directory cannot be an image, or changes meanwhile.
    """
    _check(request)
    tree = list_tree(request.source, limit_bytes)
    _check_apart(store, tree)
    key = _bake_key(request, tree)
    known = _look_up(store, key)
    if known is None:
        known = _build(store, key, request, tree, clock)
    _add_origin(store, known, request.origin)
    return known.image


def _check(request: BakeRequest) -> None:
    if not _NAME.fullmatch(request.name):
        raise CloudError(
            f"{request.name!r} cannot name an image",
            why="expected letters, digits and . _ -, at most 128",
            mend="rename the artifact",
        )


def _check_apart(store: Path, tree: Tree) -> None:
    place = store.resolve()
    inside = place.relative_to(tree.root).as_posix() if place.is_relative_to(tree.root) else None
    if inside is not None and (inside == "." or any(entry.path == inside.split("/")[0] for entry in tree.entries)):
        raise CloudError(
            f"{tree.root} holds the image store itself",
            why=f"the images lie in {inside}",
            mend=f"name {inside.split('/')[0]} in .dockerignore, or bake a narrower directory",
        )


def _bake_key(request: BakeRequest, tree: Tree) -> str:
    listing = {
        "recipe": _RECIPE,
        "name": request.name,
        "settings": dict(request.settings),
        "entries": [asdict(entry) for entry in tree.entries],
    }
    return layout.digest_of(layout.canonical(listing)).removeprefix("sha256:")


def _look_up(store: Path, key: str) -> ImageMetadata | None:
    """The image of an earlier bake, when it is still whole."""
    try:
        digest = layout.check_digest((store / "bakes" / key).read_text())
        manifest = json.loads(layout.read_blob(store, digest))
    except (FileNotFoundError, CloudError):
        return None
    whole = all(_is_there(store, part["digest"], part["size"]) for part in [manifest["config"], *manifest["layers"]])
    return read_metadata(store, digest) if whole and digest in layout.read_index(store) else None


def _is_there(store: Path, digest: str, size: int) -> bool:
    path = layout.blob_path(store, digest)
    return path.is_file() and path.stat().st_size == size


def _build(store: Path, key: str, request: BakeRequest, tree: Tree, clock: Callable[[], datetime]) -> ImageMetadata:
    command, version, needs = start_command(tree), stated_version(tree), dependencies(tree)
    layout.prepare(store)
    with layout.aside(store) as layer:
        layer_hex, layer_bytes = write_layer(tree, layer)
        config = layout.canonical(_config(request, command, f"sha256:{layer_hex}"))
        manifest = layout.canonical(_manifest(config, f"sha256:{layer_hex}", layer_bytes))
        digest = layout.digest_of(manifest)
        metadata = ImageMetadata(
            name=request.name,
            version=version or f"0+{digest.removeprefix('sha256:')[:12]}",
            digest=digest,
            source=str(request.source),
            settings=dict(request.settings),
            dependencies=needs,
            layer_bytes=layer_bytes,
            baked_at=clock(),
            origins=(),
        )
        with layout.locked(store):
            layout.settle(layer, layout.blob_path(store, f"sha256:{layer_hex}"))
            for blob in (config, manifest):
                layout.write_whole(store, layout.blob_path(store, layout.digest_of(blob)), blob)
            return _publish(store, key, metadata, len(manifest))


def _publish(store: Path, key: str, metadata: ImageMetadata, manifest_bytes: int) -> ImageMetadata:
    """Names the image in the index, which makes it exist; keeps the record of an equal, earlier bake."""
    index = layout.read_index(store)
    earlier = read_metadata(store, metadata.digest) if metadata.digest in index else None
    if earlier is None:
        write_metadata(store, metadata)
        index[metadata.digest] = {
            "mediaType": layout.MANIFEST_TYPE,
            "digest": metadata.digest,
            "size": manifest_bytes,
            "annotations": {
                "org.opencontainers.image.ref.name": f"{metadata.name}-{metadata.digest.removeprefix('sha256:')[:12]}",
                "org.opencontainers.image.version": metadata.version,
            },
        }
        layout.write_index(store, index)
    layout.write_whole(store, store / "bakes" / key, metadata.digest.encode())
    layout.sweep(store)
    return earlier or metadata


def _add_origin(store: Path, metadata: ImageMetadata, origin: Mapping[str, str]) -> None:
    if metadata.with_origin(origin) is metadata:
        return
    with layout.locked(store):
        current = read_metadata(store, metadata.digest)
        if current is not None and (more := current.with_origin(origin)) is not current:
            write_metadata(store, more)


def _config(request: BakeRequest, command: str, layer: str) -> dict[str, Any]:
    labels = {f"gennaker.setting.{name}": value for name, value in request.settings.items()}
    return {
        "architecture": request.settings.get("architecture", "amd64"),
        "os": "linux",
        "config": {
            "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": [command],
            "WorkingDir": f"/{APP}",
            "Env": [f"GENNAKER_ARTIFACT={request.name}"],
            "Labels": labels | {"org.opencontainers.image.title": request.name},
        },
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }


def _manifest(config: bytes, layer: str, layer_bytes: int) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": layout.MANIFEST_TYPE,
        "config": {"mediaType": layout.CONFIG_TYPE, "digest": layout.digest_of(config), "size": len(config)},
        "layers": [{"mediaType": layout.LAYER_TYPE, "digest": layer, "size": layer_bytes}],
    }
