"""Plain data that remembers where in a file it was written."""

from collections.abc import Sequence
from typing import Any

from gennaker.errors import Place

#: A line and a column, from 0, as libyaml counts.
Spot = tuple[int, int]


class Table(dict[str, Any]):
    """A mapping with the place of itself and of each key and value."""

    __slots__ = ("file", "keys_at", "spot", "values_at")

    def __init__(self, file: str, spot: Spot) -> None:
        super().__init__()
        self.file, self.spot = file, spot
        self.keys_at: dict[str, Place | Spot] = {}
        self.values_at: dict[str, Place | Spot] = {}

    def put(self, key: str, value: Any, key_at: Place | Spot, value_at: Place | Spot) -> None:
        """Sets a key, with where it and its value are written."""
        self[key] = value
        self.keys_at[key], self.values_at[key] = key_at, value_at

    def take(self, other: "Table") -> None:
        """Sets every key of `other`, with its places."""
        for key, value in other.items():
            self.put(key, value, other.key_place(key), other.value_place(key))

    def twin(self) -> "Table":
        """A mapping of the same keys, values and places, to be changed on its own."""
        twin = Table(self.file, self.spot)
        twin.update(self)
        twin.keys_at, twin.values_at = dict(self.keys_at), dict(self.values_at)
        return twin

    @property
    def place(self) -> Place:
        """Where the mapping begins."""
        return _place(self.file, self.spot)

    def key_place(self, key: str) -> Place:
        """Where a key is written; where the mapping begins when it is not."""
        return _place(self.file, self.keys_at.get(key, self.spot))

    def value_place(self, key: str) -> Place:
        """Where a key's value is written; where the mapping begins when it is not."""
        return _place(self.file, self.values_at.get(key, self.spot))


class Items(list[Any]):
    """A list with the place of itself and of each item."""

    __slots__ = ("file", "items_at", "spot")

    def __init__(self, file: str, spot: Spot) -> None:
        super().__init__()
        self.file, self.spot = file, spot
        self.items_at: list[Place | Spot] = []

    def add(self, value: Any, at: Place | Spot) -> None:
        """Appends an item, with where it is written."""
        self.append(value)
        self.items_at.append(at)

    @property
    def place(self) -> Place:
        """Where the list begins."""
        return _place(self.file, self.spot)

    def item_place(self, index: int) -> Place:
        """Where an item is written."""
        return _place(self.file, self.items_at[index])


def place_of(tree: Table, path: Sequence[str | int], *, key: bool = False) -> Place:
    """Where the value at `path` is written; the key itself with `key`.

    Goes as far along the path as the file does, and passes over steps that the file does
    not have, so that the place is always the nearest one that a reader can see.
    """
    place, node = tree.place, tree
    for step in path:
        if isinstance(node, Table) and step in node:
            name = str(step)
            place = node.key_place(name) if key else node.value_place(name)
            node = node[name]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node):
            place = node.item_place(step)
            node = node[step]
    return place


def _place(file: str, at: Place | Spot) -> Place:
    return at if isinstance(at, Place) else Place(file, at[0] + 1, at[1] + 1)
