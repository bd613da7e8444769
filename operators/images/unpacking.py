"""Unpack: an image's files in a folder, every byte verified first."""

import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operators.errors import CloudError
from operators.images import layout
from operators.images.layer import extract_layer
from operators.images.metadata import describe

#: Beside the image's own folder, so that no file of an image can be taken for it.
_MARK = "image.json"


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image's process starts.

    Args:
        command: the argument vector.
        working_dir: where it starts, relative to the folder the image was unpacked in.
        environment: variables the image sets.
    """

    command: tuple[str, ...]
    working_dir: str
    environment: Mapping[str, str]


def unpack(store: Path, digest: str, target: Path) -> ImageConfig:
    """Unpacks an image so that `target` holds exactly it, and tells how to start it.

    Safe to repeat and to run twice at once: `target` appears whole or not at all, and when
    it holds this image already, nothing is written.

    Raises CloudError when there is no such image, a blob is missing or is not what was baked,
    or `target` is something else.
    """
    describe(store, digest)
    manifest = _json_blob(store, digest)
    config = _image_config(_json_blob(store, manifest["config"]["digest"]))
    if not _holds(target, digest):
        _extract(store, digest, [part["digest"] for part in manifest["layers"]], target)
    return config


def _extract(store: Path, digest: str, layers: list[str], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for layer in layers:
            with layout.open_blob(store, layer) as file:
                extract_layer(file, fresh)
        (fresh / _MARK).write_text(json.dumps({"digest": digest}))
        fresh.chmod(0o755)
        _move_in(fresh, target, digest)
    except tarfile.TarError as error:
        raise CloudError(f"a layer of {digest} cannot be read", why=str(error), mend="bake it again") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _move_in(fresh: Path, target: Path, digest: str) -> None:
    try:
        fresh.rename(target)
    except OSError:
        if not _holds(target, digest):  # else another process unpacked the same image meanwhile
            raise


def _holds(target: Path, digest: str) -> bool:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    try:
        mark = json.loads((target / _MARK).read_text())
    except (OSError, ValueError):
        mark = None
    if mark == {"digest": digest}:
        return True
    raise CloudError(
        f"{target} is in the way of image {digest}",
        why="it holds something else",
        mend="unpack to a folder that does not exist yet",
    )


def _json_blob(store: Path, digest: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(layout.read_blob(store, digest))
    return value


def _image_config(told: Mapping[str, Any]) -> ImageConfig:
    config = told["config"]
    return ImageConfig(
        command=(*config["Entrypoint"], *config["Cmd"]),
        working_dir=config["WorkingDir"].removeprefix("/"),
        environment=dict(item.split("=", 1) for item in config["Env"]),
    )
