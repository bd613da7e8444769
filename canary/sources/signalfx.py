"""SignalFx (Splunk Observability Cloud): SignalFlow programs."""

import math

from pydantic import Field

from canary.sources.answers import Answer, Reading, answered
from canary.sources.http import Clock, Http
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import closed, whole_steps
from canary.sources.signalflow import SignalFlowOptions, program_of, read_stream


class SignalFxSettings(HttpSettings):
    """Settings of the source `signalfx`."""

    url: str = Field(default="https://stream.us0.signalfx.com", description="The stream API of your realm.")
    token: Secret = Field(description="An access token with the permission to use the API.")
    scope_key: str = Field(default="", description="The dimension that holds the scope, for queries without text ...")
    location_key: str = Field(default="", description="... and the one that holds the location.")


class SignalFx:
    """Reads SignalFx.

    The text of a query is a SignalFlow program that publishes one stream or several; without one the program is made of
    the options `metric_name`, `query_pairs` and `aggregation_method`, as in Kayenta. Values are smoothed unless the
    query says otherwise: `fidelity: count` fits a sum of counters with `rollup='sum'`.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = SignalFxSettings

    def __init__(self, settings: SignalFxSettings, *, clock: Clock | None = None) -> None:
        self._late_after = settings.late_after
        self._defaults = SignalFlowOptions(scope_key=settings.scope_key, location_key=settings.location_key)
        self._http = Http(settings, headers={"X-SF-Token": settings.token.read()}, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series that a program publishes; see `canary.sources.Source`."""
        filled = query.filled(scope, {"step": f"{span.step_s:.0f}"})
        options = filled.options_as(SignalFlowOptions)
        program = filled.text.strip() or program_of(options, scope, self._defaults)
        fidelity = query.fidelity or Fidelity.SMOOTHED
        return answered(program, lambda: self._read(program, fidelity, span), span, self._late_after)

    def _read(self, program: str, fidelity: Fidelity, span: Span) -> Reading:
        whole = whole_steps(span)
        fields = {"start": f"{1000 * whole.start_s:.0f}", "stop": f"{1000 * whole.end_s:.0f}"}
        fields |= {"resolution": f"{1000 * span.step_s:.0f}", "maxDelay": "0", "immediate": "true"}
        headers = {"Content-Type": "text/plain", "Accept": "text/event-stream"}
        content = self._http.ask_bytes(
            "POST", "v2/signalflow/execute", params=fields, content=program.encode(), headers=headers
        )
        stream = read_stream(content)
        step_s = stream.resolution_s or span.step_s
        series = [
            Series.of(closed(points, fidelity, step_s, span), fidelity, stream.labels.get(name, {"tsId": name}))
            for name, points in stream.points.items()
        ]
        if math.isfinite(step_s) and step_s > span.step_s:
            stream.notes.append(f"SignalFx gave a point each {step_s:g} s")
        return Reading(series, tuple(dict.fromkeys(stream.notes)), stream.missing)
