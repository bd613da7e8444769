"""Google Cloud Monitoring (formerly Stackdriver): time series by its API v3."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, Final

from pydantic import Field

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.google_filters import filter_of
from canary.sources.google_tokens import google_tokens
from canary.sources.http import Clock, Http, pages
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret
from canary.sources.shapes import (
    Options,
    a_list,
    a_mapping,
    a_time,
    in_seconds,
    malformed,
    number,
    tags_of,
    whole_steps,
)

#: "The value must be at least 60 seconds" (aggregation.alignmentPeriod).
_SHORTEST: Final = timedelta(seconds=60)
#: How far back is looked for a series that has no point in the span.
_BEFORE: Final = timedelta(days=1)
_UNALIGNED: Final = "ALIGN_NONE"
_OF_KIND: Final[Mapping[str, Fidelity]] = {
    "CUMULATIVE": Fidelity.COUNTER,
    "DELTA": Fidelity.COUNT,
    "GAUGE": Fidelity.GAUGE,
}


class GoogleCloudMonitoringSettings(HttpSettings):
    """Settings of the source `google-cloud-monitoring`."""

    url: str = Field(default="https://monitoring.googleapis.com", description="The API.")
    project: str = Field(description="The project that is asked.")
    token: Secret | None = Field(
        default=None, description="An access token; else the application default credentials, which need google-auth."
    )


class GoogleOptions(Options):
    """Options of a query; what is empty here may be a scope parameter of the name that Kayenta gives it."""

    metric_type: str = ""
    resource_type: str = ""
    cross_series_reducer: str = ""
    per_series_aligner: str = ""
    group_by_fields: tuple[str, ...] = ()


class GoogleCloudMonitoring:
    """Reads Google Cloud Monitoring.

    The text of a query is a monitoring filter that is added to the metric's and the resource's type; without one it is
    made of the resource type and the scope, as in Kayenta. With the aligner `ALIGN_NONE` values are what the metric is:
    counter, count or gauge. Sums of deltas are counts; anything else, such as Kayenta's default, is smoothed.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = GoogleCloudMonitoringSettings

    def __init__(self, settings: GoogleCloudMonitoringSettings, *, clock: Clock | None = None) -> None:
        self._settings, self._clock = settings, clock
        self._token = settings.token.read if settings.token else google_tokens()
        self._connection: tuple[str, Http] | None = None

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a metric; see `canary.sources.Source`."""
        filled = query.filled(scope)
        options = _completed(filled.options_as(GoogleOptions), scope)
        if not options.metric_type:
            raise CanaryError("a query of Google Cloud Monitoring names no metric", mend="give `metric_type`")
        project = scope.parameters.get("project") or self._settings.project
        text = filter_of(options.metric_type, options.resource_type, scope, project, filled.text.strip())
        return answered(text, lambda: self._read(text, options, query.fidelity, span), span, self._settings.late_after)

    def _read(self, text: str, options: GoogleOptions, fidelity: Fidelity | None, span: Span) -> Reading:
        steps = replace(span, step=max(span.step, _SHORTEST))
        asked = span if options.per_series_aligner == _UNALIGNED else whole_steps(steps)
        fields = {"filter": text, **_interval(asked.start, asked.end), **_aggregation(options, steps.step)}
        points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        kinds: dict[tuple[tuple[str, str], ...], Fidelity] = {}
        errors: list[str] = []
        for page in pages(lambda token: self._ask(fields, token)):
            errors += [
                str(a_mapping(e, "an error").get("message")) for e in a_list(page.get("executionErrors", []), "errors")
            ]
            for result in a_list(page.get("timeSeries", []), "Google's timeSeries"):
                one = a_mapping(result, "a time series of Google")
                key = tuple(sorted(_labels(one).items()))
                kinds[key] = fidelity or _fidelity_of(options, str(one.get("metricKind")))
                points.setdefault(key, []).extend(_points(one, kinds[key]))
        # Points come newest first, page after page.
        made = [
            Series.of(sorted(reversed(each), key=itemgetter(0)), kinds[key], dict(key)) for key, each in points.items()
        ]
        if not made and self._is_known(text, span):
            made = [Series.of([], fidelity or Fidelity.SMOOTHED)]
        coarse = steps.step > span.step and options.per_series_aligner != _UNALIGNED
        notes = ("Google Cloud Monitoring aligns to 60 s at least",) if coarse else ()
        return Reading(made, notes, "; ".join(errors))

    def _is_known(self, text: str, span: Span) -> bool:
        """Whether the filter selects any series in the day before."""
        fields = {"filter": text, **_interval(span.start - _BEFORE, span.end), "view": "HEADERS", "pageSize": 1}
        return bool(self._ask(fields, "")[0].get("timeSeries"))

    def _ask(self, fields: Mapping[str, Any], token: str) -> tuple[Mapping[str, Any], str]:
        place = f"v3/projects/{self._settings.project}/timeSeries"
        answer = self._http().get(place, {**fields, **({"pageToken": token} if token else {})})
        page = a_mapping(answer, "the answer of Google")
        return page, str(page.get("nextPageToken") or "")

    def _http(self) -> Http:
        """The connection with the token that is valid now."""
        token = self._token()
        if self._connection is None or self._connection[0] != token:
            headers = {"Authorization": f"Bearer {token}"}
            self._connection = (token, Http(self._settings, headers=headers, clock=self._clock))
        return self._connection[1]


def _completed(options: GoogleOptions, scope: Scope) -> GoogleOptions:
    """The options with what only the scope gives, and Kayenta's defaults."""
    given = scope.parameters
    return options.model_copy(
        update={
            "resource_type": options.resource_type or given.get("resourceType", ""),
            "cross_series_reducer": options.cross_series_reducer or given.get("crossSeriesReducer", "REDUCE_MEAN"),
            "per_series_aligner": options.per_series_aligner or given.get("perSeriesAligner", "ALIGN_MEAN"),
        }
    )


def _interval(start: datetime, end: datetime) -> dict[str, str]:
    return {"interval.startTime": _stamp(start), "interval.endTime": _stamp(end)}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _aggregation(options: GoogleOptions, period: timedelta) -> dict[str, Any]:
    if options.per_series_aligner == _UNALIGNED:
        return {}
    return {
        "aggregation.alignmentPeriod": in_seconds(period),
        "aggregation.perSeriesAligner": options.per_series_aligner,
        "aggregation.crossSeriesReducer": options.cross_series_reducer,
        **({"aggregation.groupByFields": list(options.group_by_fields)} if options.group_by_fields else {}),
    }


def _fidelity_of(options: GoogleOptions, kind: str) -> Fidelity:
    if options.per_series_aligner == _UNALIGNED:
        return _OF_KIND.get(kind, Fidelity.SMOOTHED)
    adds = options.per_series_aligner in ("ALIGN_DELTA", "ALIGN_SUM")
    whole = options.cross_series_reducer in ("REDUCE_NONE", "REDUCE_SUM")
    return Fidelity.COUNT if adds and whole and kind == "DELTA" else Fidelity.SMOOTHED


def _labels(result: Mapping[str, Any]) -> dict[str, str]:
    parts = [a_mapping(result.get(part) or {}, "a time series of Google") for part in ("resource", "metric")]
    users = a_mapping(result.get("metadata") or {}, "a time series of Google").get("userLabels")
    return {
        name: each
        for labels in (users, *(part.get("labels") for part in parts))
        for name, each in tags_of(labels).items()
    }


def _points(result: Mapping[str, Any], fidelity: Fidelity) -> list[tuple[float, float]]:
    """Points, the newest first: `{"interval": {"startTime", "endTime"}, "value": {"int64Value": "3"}}`."""
    return [
        _point(a_mapping(each, "a point of Google"), fidelity) for each in a_list(result.get("points", []), "points")
    ]


def _point(point: Mapping[str, Any], fidelity: Fidelity) -> tuple[float, float]:
    interval = a_mapping(point.get("interval"), "an interval of Google")
    value = a_mapping(point.get("value") or {}, "a value of Google")
    if "distributionValue" in value:
        raise SourceError(Outcome.MALFORMED, "values are distributions; use an aligner such as ALIGN_PERCENTILE_99")
    if "stringValue" in value:
        raise malformed("a value of Google is a text", value)
    of_start = fidelity is Fidelity.COUNT and interval.get("startTime")
    at_s = a_time(interval["startTime"] if of_start else interval.get("endTime"))
    if "boolValue" in value:
        return at_s, float(bool(value["boolValue"]))
    return at_s, number(value.get("int64Value", value.get("doubleValue")))
