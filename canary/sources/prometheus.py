"""Prometheus, and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from canary.errors import CanaryError
from canary.sources.answers import Answer, Outcome, Reading, SourceError, answered
from canary.sources.http import Clock, Http
from canary.sources.native import LADDER, classic_series
from canary.sources.queries import Query, Scope, Span
from canary.sources.series import Fidelity, Series
from canary.sources.settings import HttpSettings, Secret

#: Prometheus refuses a range query with more points a series than this (web/api/v1/api.go, queryRange).
MOST_POINTS: Final = 11_000
#: What begins a whole expression among Kayenta's templates, which else are matchers (PrometheusMetricsService).
_WHOLE: Final = "PromQL:"
#: A metric name and matchers in braces, and nothing else.
_SELECTOR: Final = re.compile(
    r"""(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{(?:[^"'{}]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?""", re.DOTALL
)
_COUNTER_NAME: Final = re.compile(r".*(_total|_bucket|_count|_sum)")
_RATE: Final = re.compile(r"\b(rate|irate|increase|delta|idelta|deriv|\w+_over_time)\s*\(")
#: What a metric's exporter may say it is, where its samples are counters.
_COUNTERS: Final = frozenset({"counter", "histogram", "summary"})


class PrometheusSettings(HttpSettings):
    """Settings of the source `prometheus`."""

    token: Secret | None = Field(default=None, description="A bearer token.")
    user: str | None = Field(default=None, description="The user of basic authentication ...")
    password: Secret | None = Field(default=None, description="... and the password.")
    scope_label: str = Field(default="instance", description="The label of the scope for `resourceType: gce_instance`.")
    native_edges: tuple[float, ...] = Field(
        default=LADDER, min_length=1, description="Upper edges that native histograms are brought to, rising."
    )


class PrometheusQuery(BaseModel):
    """Options of a query that is written as in Kayenta, `avg(METRIC{MATCHERS}) by (LABELS)`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    metric_name: str = ""
    resource_type: str = ""
    label_bindings: tuple[str, ...] = ()
    group_by_fields: tuple[str, ...] = ()


class Prometheus:
    """Reads a Prometheus.

    A query that only selects series, such as `errors_total{group="${scope}"}`, is read as raw samples, exactly as they
    were scraped; a native histogram comes as classic buckets. Any other expression is evaluated at each step of the
    span, and its values are smoothed unless the query says otherwise.

    Args:
        settings: address, limits and secrets.
        clock: time and chance.
    """

    Settings = PrometheusSettings

    def __init__(self, settings: PrometheusSettings, *, clock: Clock | None = None) -> None:
        if (settings.user is None) != (settings.password is None):
            raise CanaryError("a Prometheus has a user or a password alone", mend="give both, or neither")
        headers = {"Authorization": f"Bearer {settings.token.read()}"} if settings.token else {}
        auth = (settings.user, settings.password.read()) if settings.user and settings.password else None
        self._settings = settings
        self._http = Http(settings, headers=headers, auth=auth, clock=clock)

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        """The series of a selector or an expression; see `canary.sources.Source`."""
        text = self._text_of(query, scope)
        selector = _SELECTOR.fullmatch(text)
        if selector is None and query.fidelity in (Fidelity.COUNTER, Fidelity.COUNT) and _RATE.search(text):
            why = f"{text!r} is extrapolated and overlaps with its neighbours"
            raise CanaryError("a Prometheus query is not what it says", why=why, mend="select the raw counter")

        def read() -> Reading:
            if selector is not None:
                return self._raw(text, selector["name"] or "", query.fidelity, span)
            return self._evaluated(text, query.fidelity or Fidelity.SMOOTHED, span)

        return answered(text, read, span, self._settings.late_after)

    def _text_of(self, query: Query, scope: Scope) -> str:
        filled = query.filled(scope)
        options, text = filled.options_as(PrometheusQuery), filled.text.strip()
        if options.metric_name and not text.startswith(_WHOLE):
            return _as_kayenta(options, text, scope, self._settings.scope_label)
        text = text.removeprefix(_WHOLE).strip()
        if not text:
            raise CanaryError("a Prometheus query is empty", mend="give a selector or an expression")
        return text

    def _raw(self, selector: str, name: str, stated: Fidelity | None, span: Span) -> Reading:
        # From version 3 on, a range leaves out its own start; one millisecond more keeps it in.
        length_ms = math.ceil(1000 * (span.end_s - span.start_s)) + 1
        fields = {"query": f"{selector}[{length_ms}ms]", "time": f"{span.end_s:.3f}"}
        data, notes = self._ask("query", fields)
        results = list(_results(data))
        if not results:
            return Reading([Series.of([], Fidelity.GAUGE)] if self._has_series(selector) else [], notes)
        fidelity = stated or self._fidelity_of(name or str(_tags(results[0]).get("__name__", "")))
        series: list[Series] = []
        for result in results:
            if result.get("histograms"):
                series.extend(classic_series(result, self._settings.native_edges))
            if result.get("values") or not result.get("histograms"):
                series.append(Series.of(_points(result), fidelity, _tags(result)))
        return Reading(series, notes)

    def _evaluated(self, expression: str, fidelity: Fidelity, span: Span) -> Reading:
        points: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
        notes: tuple[str, ...] = ()
        for part in span.parts(MOST_POINTS - 1):
            fields = {"query": expression, "start": f"{part.start_s:.3f}", "end": f"{part.end_s:.3f}"}
            data, told = self._ask("query_range", {**fields, "step": f"{part.step_s:g}"})
            notes += tuple(each for each in told if each not in notes)
            for result in _results(data):
                if result.get("histograms"):
                    why = "the expression gives native histograms; select them raw instead"
                    raise SourceError(Outcome.REFUSED, why)
                points.setdefault(tuple(sorted(_tags(result).items())), {}).update(_points(result))
        return Reading([Series.of(each.items(), fidelity, dict(tags)) for tags, each in points.items()], notes)

    def _fidelity_of(self, name: str) -> Fidelity:
        """What a metric is by its name, else by what its exporter says of it; a gauge where nobody says anything."""
        if _COUNTER_NAME.fullmatch(name):
            return Fidelity.COUNTER
        try:
            kinds = {entry["type"] for entry in self._http.get("api/v1/metadata", {"metric": name})["data"][name]}
        except (SourceError, KeyError, TypeError):
            return Fidelity.GAUGE
        return Fidelity.COUNTER if kinds & _COUNTERS else Fidelity.GAUGE

    def _has_series(self, selector: str) -> bool:
        answer = self._http.post("api/v1/series", data={"match[]": selector, "limit": "1"})
        return bool(isinstance(answer, Mapping) and answer.get("data"))

    def _ask(self, path: str, fields: Mapping[str, str]) -> tuple[Any, tuple[str, ...]]:
        # By POST, as a query may be longer than an address may be.
        answer = self._http.post(f"api/v1/{path}", data=dict(fields))
        if not isinstance(answer, Mapping) or answer.get("status") != "success":
            raise SourceError(Outcome.MALFORMED, f"not an answer of Prometheus: {str(answer)[:200]}")
        notes = (*(answer.get("warnings") or ()), *(answer.get("infos") or ()))
        return answer.get("data"), tuple(map(str, notes))


def _as_kayenta(options: PrometheusQuery, matchers: str, scope: Scope, scope_label: str) -> str:
    """The expression that Kayenta builds (PrometheusMetricsService.buildQuery)."""
    resource_type = options.resource_type or scope.parameters.get("resourceType", "")
    if matchers:
        wanted = [matchers, *options.label_bindings]
    elif resource_type in ("gce_instance", "aws_ec2_instance"):
        if not scope.location:
            what = f"a Prometheus query of resourceType {resource_type!r} has no location"
            raise CanaryError(what, why="its zones begin with it", mend="give the scope a location")
        wanted = [*options.label_bindings, *_of_instances(resource_type, scope, scope_label)]
    else:
        why = f"resourceType is {resource_type!r}, and gce_instance and aws_ec2_instance are known"
        raise CanaryError(
            "a Prometheus query selects no side", why=why, mend="give matchers, or `PromQL:` and all of it"
        )
    by = f" by ({','.join(options.group_by_fields)})" if options.group_by_fields else ""
    return f"avg({options.metric_name}{{{','.join(wanted)}}}){by}"


def _of_instances(resource_type: str, scope: Scope, scope_label: str) -> Iterator[str]:
    if resource_type == "aws_ec2_instance":
        if scope.scope:
            yield f'asg_groupName="{scope.scope}"'
        yield f'zone=~"{scope.location}.{{1}}"'
        return
    if scope.scope:
        yield f'{scope_label}=~"{scope.scope}-.{{4}}"'
    project = scope.parameters.get("project", "")
    within = f"projects/{project}/" if project else ""
    yield f'zone=~".+/{within}zones/{scope.location}-.{{1}}"'


def _results(data: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(data, Mapping) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        raise SourceError(Outcome.MALFORMED, f"expected a matrix from Prometheus, found {str(data)[:200]}")
    for result in data["result"]:
        if not isinstance(result, Mapping):
            raise SourceError(Outcome.MALFORMED, f"expected a series from Prometheus, found {str(result)[:200]}")
        yield result


def _tags(result: Mapping[str, Any]) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in result["metric"].items()}
    except (KeyError, AttributeError) as error:
        raise SourceError(Outcome.MALFORMED, f"a series of Prometheus has no labels: {str(result)[:200]}") from error


def _points(result: Mapping[str, Any]) -> list[tuple[float, float]]:
    """`[[1700000000.123, "0.5"], ...]`; `NaN`, `+Inf` and `-Inf` are numbers to Python too."""
    try:
        return [(float(at), float(value)) for at, value in result.get("values") or ()]
    except (TypeError, ValueError) as error:
        raise SourceError(Outcome.MALFORMED, f"a point of Prometheus is not a number: {error}") from error
