"""Datadog: metric queries by its API v1."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import Options, a_list, a_mapping, a_pair, closed, malformed, number

#: Datadog gives at most this many points a series (docs.datadoghq.com/dashboards/functions/rollup).
MOST_POINTS: Final = 1_500
#: One sum of one metric as counts, perhaps rolled up as a sum and with gaps filled by zero or left: nothing else is
#: added up over non-overlapping intervals.
_COUNTS: Final = re.compile(
    r"sum:[\w.\-]+\{[^{}]*\}(\s*by\s*\{[^{}]*\})?\.as_count\(\)"
    r"(\.rollup\(\s*sum\s*(,\s*\d+\s*)?\))?(\.fill\(\s*(zero|null)\s*(,\s*\d+\s*)?\))?"
)


class DatadogSettings(HttpSettings):
    """Settings of the source `datadog`."""

    url: str = Field(default="https://api.datadoghq.com", description="The API of your Datadog site.")
    api_key: Secret = Field(description="An API key ...")
    application_key: Secret = Field(description="... and an application key that may read time series.")


class Datadog:
    """Reads Datadog.

    The text of a query is a metric query, such as `sum:web.errors{group:${scope}}.as_count().rollup(sum,${step})`, with
    `${step}` for the step in seconds. Datadog chooses the interval of the points where the query does not.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = DatadogSettings

    def __init__(self, settings: DatadogSettings, *, clock: Clock | None = None) -> None:
        keys = {"DD-API-KEY": settings.api_key.read(), "DD-APPLICATION-KEY": settings.application_key.read()}
        self._late_after = settings.late_after
        self._http = Http(settings, headers=keys, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a metric query; see `canary.sources.Source`."""
        filled = query.filled(scope, {"step": f"{span.step_s:.0f}"})
        filled.options_as(Options)
        text = filled.text.strip()
        if not text:
            raise CanaryError("a Datadog query is empty", mend="give a metric query")
        fidelity = query.fidelity or (Fidelity.COUNT if _COUNTS.fullmatch(text) else Fidelity.SMOOTHED)
        return answered(text, lambda: self._read(text, fidelity, span), span, self._late_after)

    def _read(self, text: str, fidelity: Fidelity, span: Span) -> Reading:
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        notes: dict[str, None] = {}
        for part in span.parts(MOST_POINTS - 1):
            for result in self._ask(text, part):
                tags = tuple(sorted(_tags(result).items()))
                interval_s = number(result.get("interval", span.step_s))
                # What an earlier part has from here on is only the begin of an interval.
                before = [each for each in points.get(tags, []) if each[0] < part.start_s]
                points[tags] = before + closed(_points(result), fidelity, interval_s, span)
                if interval_s > span.step_s:
                    notes[f"Datadog gave a point each {interval_s:g} s; add .rollup(sum,${{step}}) for more"] = None
        return Reading([Series.of(each, fidelity, dict(tags)) for tags, each in points.items()], tuple(notes))

    def _ask(self, text: str, part: Span) -> list[Any]:
        fields = {"from": math.floor(part.start_s), "to": math.ceil(part.end_s), "query": text}
        answer = a_mapping(self._http.get("api/v1/query", fields), "the answer of Datadog")
        if answer.get("status") != "ok" or answer.get("error"):
            raise SourceError(Outcome.REFUSED, f"Datadog: {answer.get('error') or answer.get('message') or answer}")
        return a_list(answer.get("series"), "Datadog's series")


def _points(result: Mapping[str, Any]) -> list[tuple[float, float]]:
    """`[[1700000000000.0, 0.5], ...]`: the start of the interval in milliseconds, and null for a gap."""
    pairs = [a_pair(each) for each in a_list(result.get("pointlist"), "a series' pointlist")]
    return [(at_ms / 1000, value) for at_ms, value in pairs]


def _tags(result: object) -> dict[str, str]:
    """`["host:a", ...]`, the tags it is grouped by; the scope is the same for all."""
    tags = a_list(a_mapping(result, "a series of Datadog").get("tag_set") or [], "a series' tag_set")
    if not all(isinstance(each, str) for each in tags):
        raise malformed("a tag of Datadog is no text", tags)
    return {name: value for name, _, value in (each.partition(":") for each in tags)}
