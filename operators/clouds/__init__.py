"""Clouds: places that run server groups and route traffic to them, by name."""

from collections.abc import Callable, Mapping
from typing import Final

from operators.clouds.cloud import Cloud
from operators.errors import UnknownCloud

__all__ = ["Cloud", "open_cloud"]


def _local() -> Cloud:
    from operators.clouds.local import LocalCloud

    return LocalCloud()


_CLOUDS: Final[Mapping[str, Callable[[], Cloud]]] = {"local": _local}


def open_cloud(name: str) -> Cloud:
    """The cloud that an environment names.

    Raises UnknownCloud for any other name.
    """
    if name not in _CLOUDS:
        raise UnknownCloud(f"there is no cloud {name!r}", why=f"known are {', '.join(sorted(_CLOUDS))}")
    return _CLOUDS[name]()
