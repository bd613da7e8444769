"""Wavefront (VMware Aria Operations for Applications): `ts()` queries by its chart API."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import Options, a_list, a_mapping, a_pair, closed, tags_of

#: The grains of a chart, coarse ones first.
_GRAINS: Final = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


class WavefrontSettings(HttpSettings):
    """Settings of the source `wavefront`."""

    token: Secret = Field(description="An API token.")


class WavefrontOptions(Options):
    """Options of a Wavefront query."""

    summarization: Literal["MEAN", "MEDIAN", "MIN", "MAX", "SUM", "COUNT", "LAST", "FIRST"] = "MEAN"


class Wavefront:
    """Reads Wavefront.

    The text of a query is one of its language, such as `sum(ts(web.errors, group="${scope}"))`; the option
    `summarization` says how points are brought to seconds, minutes, hours or days, the coarsest that divides the step.
    Its values are smoothed unless the query says otherwise.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = WavefrontSettings

    def __init__(self, settings: WavefrontSettings, *, clock: Clock | None = None) -> None:
        self._late_after = settings.late_after
        self._http = Http(settings, headers={"Authorization": f"Bearer {settings.token.read()}"}, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a query; see `canary.sources.Source`."""
        filled = query.filled(scope, {"step": f"{span.step_s:.0f}"})
        options = filled.options_as(WavefrontOptions)
        text = filled.text.strip()
        if not text:
            raise CanaryError("a Wavefront query is empty", mend="give one, such as ts(...)")
        fidelity = query.fidelity or Fidelity.SMOOTHED
        return answered(text, lambda: self._read(text, options, fidelity, span), span, self._late_after)

    def _read(self, text: str, options: WavefrontOptions, fidelity: Fidelity, span: Span) -> Reading:
        grain, length_s = _grain(span.step)
        fields = {
            **{"n": "gennaker", "q": text, "g": grain, "summarization": options.summarization},
            **{"s": math.floor(1000 * span.start_s), "e": math.ceil(1000 * span.end_s)},
            **dict.fromkeys(("listMode", "strict", "sorted"), "true"),
        }
        answer = a_mapping(self._http.get("api/v2/chart/api", fields), "the answer of Wavefront")
        if answer.get("errorType") or answer.get("errorMessage"):
            raise _error_of(answer)
        results = a_list(answer.get("timeseries") or [], "Wavefront's timeseries")
        series = [_series(a_mapping(each, "a series of Wavefront"), fidelity, length_s, span) for each in results]
        notes = (str(answer["warnings"]),) if answer.get("warnings") else ()
        return Reading(series, notes)


def _grain(step: timedelta) -> tuple[str, float]:
    """The coarsest grain that divides the step, and its length in seconds."""
    fitting = [(name, length.total_seconds()) for name, length in _GRAINS if not step % length]
    return fitting[0] if fitting else ("s", 1.0)


def _error_of(answer: Mapping[str, Any]) -> SourceError:
    kind = str(answer.get("errorType"))
    # The store gave up, whatever the query; anything else is the query's fault.
    outcome = Outcome.UNREACHABLE if kind == "QueryExecutionFailed" else Outcome.REFUSED
    return SourceError(outcome, f"Wavefront: {kind} {answer.get('errorMessage')}")


def _series(result: Mapping[str, Any], fidelity: Fidelity, step_s: float, span: Span) -> Series:
    """`{"label": ..., "host": ..., "tags": {...}, "data": [[1700000000, 0.5], ...]}`, times in seconds."""
    points = [a_pair(each) for each in a_list(result.get("data"), "a series' data")]
    source = {"source": str(result["host"])} if result.get("host") else {}
    return Series.of(closed(points, fidelity, step_s, span), fidelity, {**source, **tags_of(result.get("tags"))})
