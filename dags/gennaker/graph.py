"""The order of a pipeline's stages."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush


def order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Names so that each comes after all it needs, else as given; those in a cycle are left out.

    >>> order({"b": ["a"], "a": [], "c": []})
    ['a', 'b', 'c']
    """
    names = list(needs)
    rank = {name: index for index, name in enumerate(names)}
    waiting = {name: len(set(needs[name])) for name in names}
    followers: dict[str, list[str]] = {name: [] for name in names}
    for name in names:
        for needed in set(needs[name]):
            followers[needed].append(name)
    ready = [rank[name] for name in names if not waiting[name]]
    heapify(ready)
    ordered = []
    while ready:
        name = names[heappop(ready)]
        ordered.append(name)
        for follower in followers[name]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heappush(ready, rank[follower])
    return ordered


def cycle(needs: Mapping[str, Sequence[str]], ordered: Sequence[str]) -> list[str]:
    """The names of one cycle, its first name again at the end; empty when there is none.

    `ordered` is what `order` gives.
    """
    left = needs.keys() - set(ordered)
    if not left:
        return []
    path: list[str] = []
    name = min(left)
    while name not in path:
        path.append(name)
        name = next(needed for needed in needs[name] if needed in left)
    start = path.index(name)
    return [*path[start:], name]


def ancestors(needs: Mapping[str, Sequence[str]], ordered: Sequence[str]) -> dict[str, frozenset[str]]:
    """All stages before each stage of a graph without cycles; `ordered` is its order."""
    found: dict[str, frozenset[str]] = {}
    for name in ordered:
        direct = needs[name]
        found[name] = frozenset(direct).union(*(found[needed] for needed in direct))
    return found
