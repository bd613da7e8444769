"""Traffic counters from Envoy's admin endpoint."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

import httpx
from pydantic import BaseModel, NonNegativeInt, ValidationError

from canary.errors import CanaryError
from canary.looks import Side

#: Envoy counts a response, its own for a timeout or a reset included, in the first two in one place
#: (`chargeBasicResponseStat`), once per request however often it was retried. A timed-out request has no time.
_COUNTERS: Final = ("upstream_rq_completed", "upstream_rq_5xx", "upstream_rq_timeout")
_HISTOGRAM: Final = "upstream_rq_time"


class Bucket(BaseModel):
    """A bucket of a histogram; its count is its own where disjoint buckets are asked for."""

    upper_bound: float
    cumulative: NonNegativeInt


class Histogram(BaseModel):
    """A histogram of the admin endpoint."""

    name: str
    buckets: tuple[Bucket, ...]


class Entry(BaseModel):
    """A counter has a name and a value; all histograms share one entry."""

    name: str = ""
    value: NonNegativeInt = 0
    histograms: tuple[Histogram, ...] = ()


class Stats(BaseModel):
    """What `/stats` answers in JSON."""

    stats: tuple[Entry, ...]


class EnvoyAdmin:
    """Reads clusters' counters from one Envoy.

    Counters are live, histograms advance at each `stats_flush_interval` (5 s unless the bootstrap sets it, for all
    clusters at once): set it to the interval of the looks or less. Latency is compared among the requests that have
    one, so the lag delays evidence and does not bias it. A request that timed out counts as slower than every edge.

    Args:
        base_url: the admin endpoint, such as `http://127.0.0.1:9901`.
        timeout_s: seconds to wait for an answer.
    """

    def __init__(self, base_url: str, *, timeout_s: float = 2.0) -> None:
        self._url = f"{base_url.rstrip('/')}/stats"
        self._timeout_s = timeout_s

    def scrape(self, clusters: Sequence[str]) -> dict[str, Side]:
        """Each cluster's counters, all read by one request.

        Raises:
            CanaryError: when Envoy does not answer, answers something else, or lacks a cluster.
        """
        names = "|".join(re.escape(_stat_name(cluster)) for cluster in clusters)
        stats = self._read(rf"^cluster\.({names})\.({'|'.join(_COUNTERS)}|{_HISTOGRAM})$")
        counters = {entry.name: entry.value for entry in stats.stats}
        histograms = {each.name: each for entry in stats.stats for each in entry.histograms}
        return {cluster: self._side(cluster, counters, histograms) for cluster in clusters}

    def _read(self, stat_filter: str) -> Stats:
        query = {"filter": stat_filter, "format": "json", "histogram_buckets": "disjoint"}
        try:
            answer = _client().get(self._url, params=query, timeout=self._timeout_s)
            answer.raise_for_status()
            return Stats.model_validate_json(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unusable("cannot be read", str(error) or type(error).__name__) from error
        except ValidationError as error:
            flaw = error.errors()[0]
            where = ".".join(map(str, flaw["loc"])) or "the answer"
            raise self._unusable("gave an answer that is not Envoy's", f"{where}: {flaw['msg']}") from error

    def _side(self, cluster: str, counters: dict[str, int], histograms: dict[str, Histogram]) -> Side:
        prefix = f"cluster.{_stat_name(cluster)}."
        requests, errors, timeouts = (counters.get(prefix + name, 0) for name in _COUNTERS)
        if prefix + _COUNTERS[0] not in counters:
            raise self._unusable("has a cluster missing", f"no cluster {cluster!r}")
        histogram = histograms.get(prefix + _HISTOGRAM)
        if histogram is None:
            return Side(requests, errors)
        buckets = tuple(bucket.cumulative for bucket in histogram.buckets)
        return Side(requests, errors, (*buckets, timeouts), tuple(bucket.upper_bound for bucket in histogram.buckets))

    def _unusable(self, what: str, why: str) -> CanaryError:
        return CanaryError(f"Envoy at {self._url} {what}", why=why, mend="check that Envoy runs and is configured")


@cache
def _client() -> httpx.Client:
    """One for the process: each new one reads all certificates of the system, which took 24 of a scrape's 26 ms.

    The endpoint is on this machine or this network, so no proxy from the environment; connections
    are not kept, as an Envoy that was started again does not know them.
    """
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _stat_name(cluster: str) -> str:
    return cluster.replace(":", "_")
