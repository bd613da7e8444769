"""Atlas: stack queries by its graph API."""

import math
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Reading, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import Options, a_list, a_mapping, closed, malformed, number, tags_of

#: The extended scope parameter that says what the scope is, as in Kayenta.
_SCOPE_TYPE: Final = "type"
#: The legend of the line that Atlas makes up where nothing matches (TimeSeries.noData).
_NO_DATA: Final = "NO DATA"


class AtlasSettings(HttpSettings):
    """Settings of the source `atlas`."""

    token: Secret | None = Field(default=None, description="A bearer token, where something before Atlas asks for one.")


class AtlasOptions(Options):
    """Options of an Atlas query."""

    scope_type: Literal["", "asg", "cluster", "query"] = ""


class Atlas:
    """Reads Atlas.

    The text of a query is a stack query. It names `${scope}` itself, or the scope is laid over it as Kayenta does: as
    auto-scaling group, as cluster, or as a query, by the option `scope_type` or the scope parameter `type`.

    Atlas keeps rates per second, so values are smoothed unless the query says otherwise. For `fidelity: count` the
    query must multiply by the step itself, such as with `:per-step`.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = AtlasSettings

    def __init__(self, settings: AtlasSettings, *, clock: Clock | None = None) -> None:
        headers = {"Authorization": f"Bearer {settings.token.read()}"} if settings.token else {}
        self._late_after = settings.late_after
        self._http = Http(settings, headers=headers, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The lines of a stack query; see `canary.sources.Source`."""
        filled = query.filled(scope)
        kind = filled.options_as(AtlasOptions).scope_type or scope.parameters.get(_SCOPE_TYPE, "")
        text = filled.text.strip()
        if not text:
            raise CanaryError("an Atlas query is empty", mend="give a stack query")
        if kind:
            text = f"{text},{_laid_over(kind, scope.scope)}"
        elif filled.text == query.text:
            why = "it has no ${scope}, and neither `scope_type` nor the scope parameter `type` is given"
            raise CanaryError("an Atlas query asks for all sides alike", why=why, mend="give one")
        fidelity = query.fidelity or Fidelity.SMOOTHED
        return answered(text, lambda: self._read(text, fidelity, span), span, self._late_after)

    def _read(self, text: str, fidelity: Fidelity, span: Span) -> Reading:
        # Times are the ends of intervals; the one at the begin itself is left out.
        start_ms = math.floor(1000 * (span.start_s - span.step_s))
        times = {"s": start_ms, "e": math.ceil(1000 * span.end_s), "step": f"PT{span.step_s:g}S"}
        answer = self._http.get("api/v1/graph", {"q": text, **times, "format": "std.json"})
        graph = a_mapping(answer, "the answer of Atlas")
        step_s = number(graph.get("step")) / 1000
        begin_s = number(graph.get("start")) / 1000 - (step_s if fidelity is Fidelity.COUNT else 0.0)
        lines = a_list(graph.get("legend"), "Atlas's legend")
        rows = [a_list(row, "a row of Atlas") for row in a_list(graph.get("values"), "Atlas's values")]
        metrics = a_list(graph.get("metrics"), "Atlas's metrics")
        if any(len(each) != len(lines) for each in (metrics, *rows)):
            raise malformed(f"a row of Atlas has not one value for each of {len(lines)} lines", lines)
        notices = a_list(graph.get("notices") or [], "Atlas's notices")
        series = []
        for line, (legend, tags) in enumerate(zip(lines, metrics, strict=True)):
            if legend != _NO_DATA:
                points = [(begin_s + row * step_s, number(values[line])) for row, values in enumerate(rows)]
                series.append(Series.of(closed(points, fidelity, step_s, span), fidelity, _labels(tags)))
        return Reading(series, (*map(str, notices), *_coarse(step_s, span)))


def _laid_over(kind: str, scope: str) -> str:
    """What restricts every expression of a stack query to the scope, as Kayenta writes it."""
    match kind:
        case "asg" | "cluster" if "," in scope:
            raise CanaryError("a scope for Atlas has a comma", why=scope, mend="use `scope_type: query`")
        case "asg" | "cluster":
            restriction = f"nf.{kind},{scope},:eq"
        case "query":
            restriction = scope
        case _:
            why = f"found {kind!r}, known are asg, cluster, query"
            raise CanaryError("the scope type of an Atlas query is not known", why=why, mend="use one of these")
    return f":list,(,{restriction},:cq,),:each"


def _labels(tags: Mapping[str, Any]) -> dict[str, str]:
    """The tags that Atlas gave, without those that it made."""
    return {name: value for name, value in tags_of(tags).items() if not name.startswith("atlas.")}


def _coarse(step_s: float, span: Span) -> tuple[str, ...]:
    return (f"Atlas gave a point each {step_s:g} s",) if step_s > span.step_s else ()
