"""New Relic: NRQL by NerdGraph, or by the former Insights query API."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import Clock, Http
from canary.sources.nrql import MOST_POINTS, NrqlOptions, fidelity_of, nrql_of, step_of
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import a_list, a_mapping, closed, malformed, number, whole_steps

_GRAPHQL: Final = (
    "query($account: Int!, $nrql: Nrql!, $timeout: Seconds) { actor { account(id: $account) {"
    " nrql(query: $nrql, timeout: $timeout) { results metadata { facets messages } } } } }"
)
#: Classes of errors that say nothing about the query; NerdGraph names them at status 200.
_PASSING: Final = frozenset({"TIMEOUT", "SERVER_ERROR", "TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE"})
_BEGIN: Final = "beginTimeSeconds"
_END: Final = "endTimeSeconds"
_NOT_VALUES: Final = frozenset({_BEGIN, _END, "facet", "comparison", "inspectedCount"})

Row = Mapping[str, Any]


class Api(StrEnum):
    """The ways in which New Relic can be asked."""

    NERDGRAPH = "nerdgraph"
    INSIGHTS = "insights"


class NewRelicSettings(HttpSettings):
    """Settings of the source `newrelic`."""

    url: str = Field(default="https://api.newrelic.com", description="The API of your region.")
    account: int = Field(description="The account's number.")
    api_key: Secret = Field(description="A user key; for `insights` a query key.")
    api: Api = Field(default=Api.NERDGRAPH, description="Which API is asked.")
    scope_key: str = Field(default="", description="The attribute that holds the scope, for queries without text ...")
    location_key: str = Field(default="", description="... and the one that holds the location.")


class NewRelic:
    """Reads New Relic.

    A query is NRQL, such as `SELECT count(*) FROM Transaction WHERE group = '${scope}'`, or the options `select` and
    `q` as in Kayenta. Values that are only counted or added up are counts; means, percentiles and rates are smoothed.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = NewRelicSettings

    def __init__(self, settings: NewRelicSettings, *, clock: Clock | None = None) -> None:
        header = "API-Key" if settings.api is Api.NERDGRAPH else "X-Query-Key"
        self._settings = settings
        self._defaults = NrqlOptions(scope_key=settings.scope_key, location_key=settings.location_key)
        self._http = Http(settings, headers={header: settings.api_key.read()}, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a NRQL query; see `canary.sources.Source`."""
        # Buckets begin where the query does, so that is made the same for every look.
        step = step_of(nrql_of(query, scope, span, self._defaults)) or span.step
        whole = whole_steps(replace(span, step=step))
        asked = nrql_of(query, scope, whole, self._defaults)
        texts = [nrql_of(query, scope, part, self._defaults) for part in whole.parts(MOST_POINTS)]
        fidelity = query.fidelity or fidelity_of(asked)
        return answered(asked, lambda: self._read(texts, fidelity, span), span, self._settings.late_after)

    def _read(self, texts: list[str], fidelity: Fidelity, span: Span) -> Reading:
        series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        notes: dict[str, None] = {}
        for text in texts:
            rows, facets, messages = self._ask(text)
            notes.update(dict.fromkeys(messages))
            for row in rows:
                begin_s, end_s = number(row.get(_BEGIN)), number(row.get(_END))
                for tags, value in _values(row, facets):
                    kept = closed([(begin_s, value)], fidelity, end_s - begin_s, span)
                    series.setdefault(tuple(tags.items()), []).extend(kept)
        return Reading([Series.of(points, fidelity, dict(tags)) for tags, points in series.items()], tuple(notes))

    def _ask(self, nrql: str) -> tuple[list[Row], list[str], list[str]]:
        """Rows, the names of their facets, and messages."""
        if self._settings.api is Api.INSIGHTS:
            path = f"v1/accounts/{self._settings.account}/query"
            return _of_insights(self._http.get(path, {"nrql": nrql}, headers={"Accept": "application/json"}))
        timeout_s = max(1, math.floor(self._settings.timeout.total_seconds()))
        variables = {"account": self._settings.account, "nrql": nrql, "timeout": timeout_s}
        return _of_nerdgraph(self._http.post("graphql", json={"query": _GRAPHQL, "variables": variables}))


def _of_nerdgraph(answer: object) -> tuple[list[Row], list[str], list[str]]:
    fields = a_mapping(answer, "the answer of NerdGraph")
    if errors := fields.get("errors"):
        raise _error_of([a_mapping(each, "an error of NerdGraph") for each in a_list(errors, "NerdGraph's errors")])
    found: Any = fields.get("data")
    for name in ("actor", "account", "nrql"):
        found = a_mapping(found, "NerdGraph's data").get(name)
    nrql = a_mapping(found, "NerdGraph's nrql")
    rows = [a_mapping(row, "a row of New Relic") for row in a_list(nrql.get("results"), "New Relic's results")]
    metadata = a_mapping(nrql.get("metadata") or {}, "New Relic's metadata")
    facets = a_list(metadata.get("facets") or [], "New Relic's facets")
    messages = a_list(metadata.get("messages") or [], "New Relic's messages")
    return rows, [str(each) for each in facets], [str(each) for each in messages]


def _error_of(errors: list[Mapping[str, Any]]) -> SourceError:
    classes = {str(a_mapping(each.get("extensions") or {}, "an error").get("errorClass", "")) for each in errors}
    outcome = Outcome.UNREACHABLE if classes & _PASSING else Outcome.REFUSED
    told = "; ".join(str(each.get("message")) for each in errors)
    return SourceError(outcome, f"New Relic: {told} {' '.join(sorted(classes))}".strip())


def _of_insights(answer: object) -> tuple[list[Row], list[str], list[str]]:
    fields = a_mapping(answer, "the answer of New Relic")
    if "error" in fields:
        raise SourceError(Outcome.REFUSED, f"New Relic: {fields['error']}")
    if "facets" not in fields:
        return list(_rows_of(fields.get("timeSeries"), {})), [], []
    facet = a_mapping(fields.get("metadata") or {}, "New Relic's metadata").get("facet") or "facet"
    names = [str(each) for each in facet] if isinstance(facet, list) else [str(facet)]
    groups = [a_mapping(each, "a facet of New Relic") for each in a_list(fields["facets"], "New Relic's facets")]
    rows = [row for group in groups for row in _rows_of(group.get("timeSeries"), {"facet": group.get("name")})]
    return rows, names, []


def _rows_of(entries: object, more: Row) -> Iterator[Row]:
    """The rows of a time series of Insights; where no event was inspected nothing is known, as Kayenta reads it."""
    for entry in a_list(entries, "New Relic's timeSeries"):
        fields = a_mapping(entry, "an entry of New Relic")
        values: dict[str, Any] = {}
        for result in a_list(fields.get("results"), "an entry's results"):
            values.update(a_mapping(result, "a result of New Relic"))
        if fields.get("inspectedCount") == 0:
            values = dict.fromkeys(values)
        yield {_BEGIN: fields.get(_BEGIN), _END: fields.get(_END), **more, **values}


def _values(row: Row, facets: list[str]) -> Iterator[tuple[dict[str, str], float]]:
    """Each value of a row with its labels; one that is not alone is told apart by the label `value`."""
    if _BEGIN not in row:
        raise malformed("a row of New Relic has no time; is the query one with TIMESERIES?", row)
    facet = row.get("facet")
    parts = facet if isinstance(facet, list) else [] if facet is None else [facet]
    tags = {name: str(part) for name, part in zip(facets, parts, strict=False)}
    values = dict(_flat({name: each for name, each in row.items() if name not in _NOT_VALUES and name not in facets}))
    for name, value in values.items():
        yield ({**tags, "value": name} if len(values) > 1 else tags), number(value)


def _flat(values: Row) -> Iterator[tuple[str, Any]]:
    """Values by name; those of a percentile come one level deeper, by its number."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
