"""Graphite: targets by its render API."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Reading, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import Options, a_list, a_mapping, a_pair, closed, spacing


class GraphiteSettings(HttpSettings):
    """Settings of the source `graphite`."""

    user: str | None = Field(default=None, description="The user of basic authentication ...")
    password: Secret | None = Field(default=None, description="... and the password.")
    token: Secret | None = Field(default=None, description="A bearer token instead.")


class Graphite:
    """Reads Graphite.

    The text of a query is a target, such as `sumSeries(stats.${scope}.*.errors)`. What its values are depends on the
    target and on how Graphite stores it, so only the query's `fidelity` can say; without it they are smoothed.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = GraphiteSettings

    def __init__(self, settings: GraphiteSettings, *, clock: Clock | None = None) -> None:
        headers = {"Authorization": f"Bearer {settings.token.read()}"} if settings.token else {}
        auth = (settings.user, settings.password.read()) if settings.user and settings.password else None
        self._late_after = settings.late_after
        self._http = Http(settings, headers=headers, auth=auth, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a target; see `canary.sources.Source`."""
        filled = query.filled(scope, {"step": f"{span.step_s:.0f}"})
        filled.options_as(Options)
        target = filled.text.strip()
        if not target:
            raise CanaryError("a Graphite query is empty", mend="give a target")
        fidelity = query.fidelity or Fidelity.SMOOTHED
        return answered(target, lambda: self._read(target, fidelity, span), span, self._late_after)

    def _read(self, target: str, fidelity: Fidelity, span: Span) -> Reading:
        # Graphite leaves out the point at the begin itself.
        times = {"from": math.ceil(span.start_s) - 1, "until": math.ceil(span.end_s)}
        answer = self._http.get("render", {"target": target, **times, "format": "json"})
        results = [a_mapping(each, "a series of Graphite") for each in a_list(answer, "the answer of Graphite")]
        series, notes = [], []
        for result in results:
            points = _points(result)
            step_s = spacing(points, span.step_s)
            if step_s > span.step_s:
                notes.append(f"Graphite gave a point each {step_s:g} s of {result.get('target')}")
            series.append(Series.of(closed(points, fidelity, step_s, span), fidelity, _tags(result, len(results))))
        return Reading(series, tuple(notes))


def _points(result: Mapping[str, Any]) -> list[tuple[float, float]]:
    """`[[0.5, 1700000000], ...]`: value before time, null for a gap; 1e9999 is how Graphite spells infinity."""
    pairs = [a_pair(each) for each in a_list(result.get("datapoints"), "a series' datapoints")]
    return [(at_s, value) for value, at_s in pairs]


def _tags(result: Mapping[str, Any], series: int) -> dict[str, str]:
    """A series of Graphite has a name and no labels; one that is alone needs none."""
    return {"target": str(result.get("target"))} if series > 1 else {}
