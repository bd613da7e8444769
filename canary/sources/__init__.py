"""Where metrics come from: one file for each kind of store, asked by name.

source = open_source({"type": "prometheus", "url": "http://127.0.0.1:9090"})
answer = source.fetch(Query('errors_total{group="${scope}"}'), Scope("playback-v012"), Span(start, end))
"""

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any, Final, Protocol, cast

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.queries import Query, Scope, Span, fill, validated
from canary.sources.series import Fidelity, Series
from canary.sources.settings import Settings

__all__ = [
    "SOURCES",
    "Answer",
    "Fidelity",
    "Outcome",
    "Query",
    "Reading",
    "Scope",
    "Series",
    "Source",
    "SourceError",
    "Span",
    "answered",
    "fill",
    "open_source",
]


class Source(Protocol):
    """One metric store."""

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """What the store has for one side.

        Args:
            query: what to ask, with variables.
            scope: the side it is asked for.
            span: the time it is asked for.

        Raises:
            CanaryError: when the query itself is wrong, such as an unknown variable or option. Whatever the store does
                is an outcome of the answer.
        """


class _Kind(Protocol):
    """A class of sources: its settings' model, and how it is made from them."""

    Settings: type[Settings]

    def __call__(self, settings: Any) -> Source: ...


#: Each type's class, imported when it is used.
SOURCES: Final[Mapping[str, str]] = {
    "atlas": "canary.sources.atlas:Atlas",
    "cloudwatch": "canary.sources.cloudwatch:CloudWatch",
    "datadog": "canary.sources.datadog:Datadog",
    "envoy": "canary.sources.envoy_stats:EnvoyStats",
    "files": "canary.sources.files:Files",
    "google-cloud-monitoring": "canary.sources.google_cloud_monitoring:GoogleCloudMonitoring",
    "graphite": "canary.sources.graphite:Graphite",
    "influxdb": "canary.sources.influxdb:InfluxDb",
    "newrelic": "canary.sources.newrelic:NewRelic",
    "prometheus": "canary.sources.prometheus:Prometheus",
    "signalfx": "canary.sources.signalfx:SignalFx",
    "wavefront": "canary.sources.wavefront:Wavefront",
}


def open_source(settings: Mapping[str, Any], *, patience: timedelta | None = None) -> Source:
    """The source that `settings` describe.

    Args:
        settings: its `type`, which is one of `SOURCES`, and what that needs.
        patience: the longest that one answer may take where the settings do not say, such as the time between two
            looks; None leaves it to the source.

    Raises:
        CanaryError: when the type is not known or a setting does not fit.
    """
    kind = settings.get("type")
    if kind not in SOURCES:
        known = ", ".join(sorted(SOURCES))
        raise CanaryError(f"no metric source of type {kind!r}", why=f"known are {known}", mend="use one of these")
    module, _, name = SOURCES[str(kind)].partition(":")
    made = cast(_Kind, getattr(import_module(module), name))
    hurry: dict[str, object] = {
        name: patience for name in ("patience", "timeout") if patience and name in made.Settings.model_fields
    }
    return made(validated(made.Settings, {**hurry, **settings}, f"settings of the metric source {kind!r} are"))
