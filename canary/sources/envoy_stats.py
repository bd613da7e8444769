"""Any counter, gauge or histogram of an Envoy, as a source that can be named; see `envoy.py` for whole clusters."""

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from pydantic import ValidationError

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.envoy import Histogram, Stats
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings


class EnvoyStatsSettings(HttpSettings):
    """Settings of the source `envoy`; `url` is the admin endpoint."""


class EnvoyStats:
    """Reads statistics of one Envoy, which knows only what they are now: one point, at the end of the span.

    A query is the name of a statistic, such as `cluster.${scope}.upstream_rq_5xx`. A counter is one series, and so is a
    gauge, which the query must say it is; a histogram is one raw counter for each bucket, with the label `le`.

    Args:
        settings: address and limits.
        clock: time and chance.
    """

    Settings = EnvoyStatsSettings

    def __init__(self, settings: EnvoyStatsSettings, *, clock: Clock | None = None) -> None:
        self._late_after = settings.late_after
        self._http = Http(settings, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The statistic as it is now; see `canary.sources.Source`."""
        # Envoy writes a colon in a cluster's name as an underscore.
        name = query.filled(scope).text.strip().replace(":", "_")
        if not name or query.options:
            what = "a query of Envoy is not the name of a statistic alone"
            raise CanaryError(what, why=str(query), mend="write it like cluster.NAME.upstream_rq_5xx")
        fidelity = query.fidelity or Fidelity.COUNTER

        def read() -> Reading:
            return Reading(list(self._series(name, fidelity, span.end_s)))

        return answered(name, read, span, self._late_after)

    def _series(self, name: str, fidelity: Fidelity, at_s: float) -> Iterator[Series]:
        params = {"filter": f"^{re.escape(name)}$", "format": "json", "histogram_buckets": "disjoint"}
        for entry in _stats(self._http.get("stats", params)).stats:
            if entry.name == name:
                yield Series.of([(at_s, float(entry.value))], fidelity, {"__name__": name})
            for histogram in entry.histograms:
                if histogram.name == name:
                    yield from _buckets(histogram, at_s)


def _stats(answer: Any) -> Stats:
    try:
        return Stats.model_validate(answer)
    except ValidationError as error:
        flaw = error.errors()[0]
        where = ".".join(map(str, flaw["loc"])) or "the answer"
        raise SourceError(Outcome.MALFORMED, f"not an answer of Envoy: {where}: {flaw['msg']}") from error


def _buckets(histogram: Histogram, at_s: float) -> Iterator[Series]:
    edges = [repr(bucket.upper_bound) for bucket in histogram.buckets]
    below = list(accumulate(bucket.cumulative for bucket in histogram.buckets))
    counts: Mapping[str, int] = dict(zip(edges, below, strict=True)) | {"+Inf": below[-1] if below else 0}
    for edge, count in counts.items():
        yield Series.of([(at_s, float(count))], Fidelity.COUNTER, {"__name__": histogram.name, "le": edge})
