"""Prometheus, and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret

#: Prometheus refuses a range query with more points a series than this (web/api/v1/api.go, queryRange).
MOST_POINTS: Final = 11_000
#: A metric name and matchers in braces, and nothing else.
_SELECTOR: Final = re.compile(
    r"""(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{(?:[^"'{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?""", re.DOTALL
)
_COUNTER_NAME: Final = re.compile(r".*(_total|_bucket|_count|_sum)")


class PrometheusSettings(HttpSettings):
    """Settings of the source `prometheus`."""

    token: Secret | None = Field(default=None, description="A bearer token.")
    user: str | None = Field(default=None, description="The user of basic authentication ...")
    password: Secret | None = Field(default=None, description="... and the password.")


class Prometheus:
    """Reads a Prometheus.

    A query that only selects series, such as `errors_total{group="${scope}"}`, is read as raw samples, exactly as they
    were scraped. Any other expression is evaluated at each step of the span, and its values are smoothed unless the
    query says otherwise.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = PrometheusSettings

    def __init__(self, settings: PrometheusSettings, *, clock: Clock | None = None) -> None:
        headers = {"Authorization": f"Bearer {settings.token.read()}"} if settings.token else {}
        auth = (settings.user, settings.password.read()) if settings.user and settings.password else None
        self._late_after = settings.late_after
        self._http = Http(settings, headers=headers, auth=auth, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a selector or an expression; see `canary.sources.Source`."""
        text = query.filled(scope).text.strip()
        if not text:
            raise CanaryError("a Prometheus query is empty", mend="give a selector or an expression")
        selector = _SELECTOR.fullmatch(text)
        if selector:
            return answered(text, lambda: self._raw(text, selector["name"] or "", query, span), span, self._late_after)
        return answered(text, lambda: self._evaluated(text, query, span), span, self._late_after)

    def _raw(self, selector: str, name: str, query: Query, span: Span) -> Reading:
        fidelity = query.fidelity or self._fidelity_of(name)
        # From version 3 on, a range leaves out its own start; one millisecond more keeps it in.
        length_ms = math.ceil(1000 * (span.end_s - span.start_s)) + 1
        data, notes = self._ask("query", {"query": f"{selector}[{length_ms}ms]", "time": f"{span.end_s:.3f}"})
        series = [each for result in _results(data) for each in _series_of(result, fidelity)]
        if not series and self._has_series(selector):
            series = [Series.of([], fidelity)]
        return Reading(series, notes)

    def _evaluated(self, expression: str, query: Query, span: Span) -> Reading:
        fidelity = query.fidelity or Fidelity.SMOOTHED
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        notes: tuple[str, ...] = ()
        for part in span.parts(MOST_POINTS - 1):
            fields = {"query": expression, "start": f"{part.start_s:.3f}", "end": f"{part.end_s:.3f}"}
            data, warnings = self._ask("query_range", {**fields, "step": f"{part.step_s:g}"})
            notes += tuple(each for each in warnings if each not in notes)
            for result in _results(data):
                points.setdefault(tuple(sorted(_tags(result).items())), []).extend(_points(result))
        series = [Series.of(sorted(set(each)), fidelity, dict(tags)) for tags, each in points.items()]
        return Reading(series, notes)

    def _fidelity_of(self, name: str) -> Fidelity:
        """What a metric is by its name, else by what its exporter says of it."""
        if _COUNTER_NAME.fullmatch(name):
            return Fidelity.COUNTER
        answer = self._http.get("api/v1/metadata", {"metric": name})
        try:
            kinds = {entry["type"] for entry in answer["data"].get(name, ())}
        except (KeyError, TypeError, AttributeError):
            kinds = set()
        return Fidelity.COUNTER if kinds & {"counter", "histogram", "summary"} else Fidelity.GAUGE

    def _has_series(self, selector: str) -> bool:
        answer = self._http.get("api/v1/series", {"match[]": selector, "limit": 1})
        return bool(isinstance(answer, Mapping) and answer.get("data"))

    def _ask(self, path: str, fields: Mapping[str, str]) -> tuple[Any, tuple[str, ...]]:
        # By POST, as a query may be longer than an address may be.
        answer = self._http.post(f"api/v1/{path}", data=dict(fields))
        if not isinstance(answer, Mapping) or answer.get("status") != "success":
            raise SourceError(Outcome.MALFORMED, f"not an answer of Prometheus: {str(answer)[:200]}")
        notes = (*answer.get("warnings", ()), *answer.get("infos", ()))
        return answer.get("data"), tuple(map(str, notes))


def _results(data: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(data, Mapping) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise SourceError(Outcome.MALFORMED, f"expected a matrix from Prometheus, found {str(data)[:200]}")
    yield from data["result"]


def _series_of(result: Mapping[str, Any], fidelity: Fidelity) -> Iterator[Series]:
    yield Series.of(_points(result), fidelity, _tags(result))


def _tags(result: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in result["metric"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(Outcome.MALFORMED, f"a series of Prometheus has no labels: {str(result)[:200]}") from error


def _points(result: Mapping[str, Any]) -> list[tuple[float, float]]:
    """`[[1700000000.123, "0.5"], ...]`; `NaN`, `+Inf` and `-Inf` are numbers to Python too."""
    try:
        return [(float(at), float(value)) for at, value in result.get("values", ())]
    except (TypeError, ValueError) as error:
        raise SourceError(Outcome.MALFORMED, f"a point of Prometheus is not a number: {error}") from error
