"""What one side shows of one metric at one moment, as its source gives it."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from numbers import Integral
from typing import Any, Final

#: Beyond this, sums of counters are no longer exact in a double.
_LARGEST: Final = 2**53


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events, and the requests among which they happened; both cumulative.

    Args:
        events: what is counted, such as failed requests or crashes.
        requests: how many there could have been; None where nobody counts them.
    """

    events: int
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Requests by bucket: cumulative in time, not across buckets.

    Args:
        buckets: counts, one more than `edges`: the last counts all above the last edge.
        edges: upper edges in the metric's unit, rising.
    """

    buckets: tuple[int, ...]
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over single observations, all cumulative.

    Args:
        count: observations.
        total: sum of the observed values, in the metric's unit.
        squares: sum of their squares.
    """

    count: int
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """What each pod (or instance) shows now, in the metric's unit; not cumulative."""

    pods: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lacking:
    """Nothing usable, and why.

    Args:
        outcome: the kind of lack in one word or two, such as `no data` or `malformed`.
        why: the same for a reader, as a part of a sentence.
    """

    outcome: str
    why: str


Sample = EventCount | Histogram | Moments | Gauge | Lacking

_KINDS: Final[Mapping[str, type[Any]]] = {
    "counts": EventCount,
    "histogram": Histogram,
    "moments": Moments,
    "gauge": Gauge,
    "lacking": Lacking,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}

NO_DATA: Final = "no data"
MALFORMED: Final = "malformed"


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """The sample as plain values that `sample_from_json` reads back as an equal one."""
    values = {name: getattr(sample, name) for name in type(sample).__dataclass_fields__}
    return {"kind": _NAMES[type(sample)], **{k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}}


def sample_from_json(value: Mapping[str, Any]) -> Sample:
    """The sample that `sample_to_json` wrote. Raises what a wrong shape raises: KeyError, TypeError, ValueError."""
    fields = dict(value)
    kind = _KINDS[fields.pop("kind")]
    sample: Sample = kind(**{name: tuple(each) if isinstance(each, list) else each for name, each in fields.items()})
    return sample


def checked(sample: Sample) -> Sample:
    """The sample, or what is wrong with it as a `Lacking`."""
    flaw = _FLAWS[type(sample)](sample) if type(sample) in _FLAWS else f"a {type(sample).__name__} is no sample"
    return Lacking(MALFORMED, flaw) if flaw else sample


def _flaw_of_events(sample: EventCount) -> str:
    if not is_count(sample.events):
        return f"error counter is {sample.events!r}, not a count"
    if sample.requests is None:
        return ""
    if not is_count(sample.requests):
        return f"request counter is {sample.requests!r}, not a count"
    if sample.events > sample.requests:
        return f"errors ({sample.events}) are more than its requests ({sample.requests})"
    return ""


def _flaw_of_histogram(sample: Histogram) -> str:
    if len(sample.buckets) != len(sample.edges) + 1:
        return f"histogram has {len(sample.buckets)} buckets for {len(sample.edges)} edges (one more is needed)"
    if not all(is_count(count) for count in sample.buckets):
        return "histogram has a bucket that is not a count"
    if not sample.edges:
        return "histogram has one bucket and no edge, so it tells nothing of how long requests take"
    return "" if _is_rising(sample.edges) else "histogram has edges that do not rise"


def _flaw_of_moments(sample: Moments) -> str:
    if not is_count(sample.count):
        return f"number of observations is {sample.count!r}, not a count"
    if not is_number(sample.total) or not is_number(sample.squares) or sample.squares < 0:
        return f"sums are {sample.total!r} and {sample.squares!r} (of squares), which cannot be"
    # Cauchy and Schwarz; the slack is for sums that were added up in another order.
    if abs(sample.total) > math.sqrt(sample.count) * math.sqrt(sample.squares) * (1 + 5e-7):
        return f"sum {sample.total:g} does not fit its sum of squares {sample.squares:g}"
    return ""


def _flaw_of_gauge(sample: Gauge) -> str:
    if not sample.pods:
        return "gauge shows no pod"
    wrong = next((pod for pod, value in sample.pods.items() if not is_number(value)), None)
    return "" if wrong is None else f"gauge of {wrong} is {sample.pods[wrong]!r}, not a number"


def _flaw_of_lacking(_: Lacking) -> str:
    return ""


_FLAWS: Final[Mapping[type[Any], Any]] = {
    EventCount: _flaw_of_events,
    Histogram: _flaw_of_histogram,
    Moments: _flaw_of_moments,
    Gauge: _flaw_of_gauge,
    Lacking: _flaw_of_lacking,
}


def is_count(value: object) -> bool:
    """Whether the value is a whole number that a double holds exactly, not negative."""
    if type(value) is int:
        return 0 <= value <= _LARGEST
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) <= _LARGEST


def is_number(value: object) -> bool:
    """Whether the value is a number that a finite double holds."""
    if not isinstance(value, float | int) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max


def _is_rising(edges: tuple[float, ...]) -> bool:
    return all(is_number(edge) for edge in edges) and all(low < high for low, high in pairwise(edges))
