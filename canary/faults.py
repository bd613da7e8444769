"""What is wrong with a look, so that a judge can refuse it by name."""

import math
from datetime import datetime, timedelta
from itertools import pairwise
from numbers import Integral
from typing import Final

from canary.looks import Look, Side

#: Beyond this, sums of counters are no longer exact in a double.
_LARGEST: Final = 2**53


def fault_of(look: Look) -> str:
    """Why `look` cannot be judged, or `""` when it can."""
    if not isinstance(look.at, datetime) or look.at.utcoffset() != timedelta(0):
        return f"its time {look.at!s} is not in UTC"
    if not _is_share(look.canary_share):
        return f"the canary's share of traffic is {look.canary_share!r}, not between 0 and 1"
    for name, side in (("baseline", look.baseline), ("canary", look.canary)):
        if flaw := _fault_of_side(side):
            return f"the {name}'s {flaw}"
    if look.baseline.edges_ms and look.canary.edges_ms and look.baseline.edges_ms != look.canary.edges_ms:
        return "the latency buckets of the two sides have different edges"
    return ""


def _is_share(value: object) -> bool:
    return isinstance(value, float | int) and 0 < value < 1


def _fault_of_side(side: Side) -> str:
    for name, count in (("request counter", side.requests), ("error counter", side.errors)):
        if not _is_count(count):
            return f"{name} is {count!r}, not a count"
    if side.errors > side.requests:
        return f"errors ({side.errors}) are more than its requests ({side.requests})"
    if not side.latency and not side.edges_ms:
        return ""
    if len(side.latency) != len(side.edges_ms) + 1:
        return f"histogram has {len(side.latency)} buckets for {len(side.edges_ms)} edges (one more is needed)"
    if not all(_is_count(count) for count in side.latency):
        return "histogram has a bucket that is not a count"
    return "" if _is_rising(side.edges_ms) else "histogram has edges that do not rise"


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) <= _LARGEST


def _is_rising(edges: tuple[float, ...]) -> bool:
    if not all(isinstance(edge, float | int) and math.isfinite(edge) for edge in edges):
        return False
    return all(low < high for low, high in pairwise(edges))
