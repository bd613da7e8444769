"""Prometheus' native histograms, as the classic buckets they can stand in for."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from canary.sources.answers import Outcome, SourceError
from canary.sources.buckets import EDGE_LABEL
from canary.sources.series import Fidelity, Series

#: Powers of the square root of two from about 1 ms to 64 s. Every resolution from schema 1 on has its bounds there
#: (they are powers of 2 to the 2^-schema), so a histogram that is made coarser loses nothing (Prometheus' native
#: histogram specification, standard exponential schemas).
LADDER: Final = tuple(2 ** (power / 2) for power in range(-20, 13))
#: Bounds are computed by store and client, perhaps in another way.
_SLACK: Final = 1 + 1e-9


def classic_series(result: Mapping[str, Any], edges: Sequence[float] = LADDER) -> Iterator[Series]:
    """A native histogram of the JSON API as one raw counter for each edge, with the label `le`.

    A bucket counts as below an edge when its upper bound is; one that an edge divides counts as slower, on both sides
    alike.

    Args:
        result: a series of a matrix: labels in `metric`, points in `histograms`.
        edges: upper edges, rising, without infinity.

    Raises:
        SourceError: when it is not of that form.
    """
    points: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        for at, histogram in result["histograms"]:
            buckets = [(float(high), float(count)) for _, _, high, count in histogram.get("buckets", ())]
            for edge in edges:
                below = sum(count for high, count in buckets if high <= edge * _SLACK)
                points[repr(edge)].append((float(at), below))
            points["+Inf"].append((float(at), float(histogram["count"])))
        tags = {str(name): str(value) for name, value in result["metric"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(Outcome.MALFORMED, f"a native histogram of Prometheus has another form: {error!r}") from error
    for edge_text, values in points.items():
        yield Series.of(values, Fidelity.COUNTER, {**tags, EDGE_LABEL: edge_text})
