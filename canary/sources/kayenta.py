"""Kayenta's queries, as queries of our sources: field by field, for all nine of its metric stores."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from canary.errors import CanaryError
from canary.sources.queries import Query, validated

#: Our type of source for each of Kayenta's types of query.
SOURCE_TYPES: Final[Mapping[str, str]] = {
    "atlas": "atlas",
    "datadog": "datadog",
    "graphite": "graphite",
    "influxdb": "influxdb",
    "newrelic": "newrelic",
    "prometheus": "prometheus",
    "signalfx": "signalfx",
    "stackdriver": "google-cloud-monitoring",
    "wavefront": "wavefront",
}
#: The variable of the scope, with its brace escaped or not.
_SCOPE: Final = re.compile(r"\$\\?\{\s*scope\s*\}")


class _Fields(BaseModel):
    """Fields of a query as Kayenta stores it; it ignores those that it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel)


class _QueryPair(_Fields):
    key: str
    value: str


class _KayentaQuery(_Fields):
    metric_name: str | None = None
    metric_type: str | None = None
    resource_type: str | None = None
    label_bindings: tuple[str, ...] | None = None
    group_by_fields: tuple[str, ...] | None = None
    cross_series_reducer: str | None = None
    per_series_aligner: str | None = None
    query_pairs: tuple[_QueryPair, ...] | None = None
    aggregation_method: str | None = None
    fields_: tuple[str, ...] | None = Field(default=None, alias="fields")
    summarization: str | None = None
    aggregate: str | None = None
    select: str | None = None
    q: str | None = None


def query_from_kayenta(kind: str, fields: Mapping[str, Any], templates: Mapping[str, str] | None = None) -> Query:
    """The query that a Kayenta configuration writes, for the source that `SOURCE_TYPES` names.

    Args:
        kind: the query's `type`, such as `stackdriver`.
        fields: the query as it is written, with or without `type` and `serviceType`.
        templates: the configuration's `templates`.

    Raises:
        CanaryError: when the type is not known, a template is missing, `customFilter` is used, or a field that the type
            needs is missing.
    """
    if kind not in SOURCE_TYPES:
        known = ", ".join(sorted(SOURCE_TYPES))
        raise CanaryError(f"Kayenta has no query of type {kind!r}", why=f"known are {known}", mend="use one of these")
    mapped = validated(_KayentaQuery, fields, f"fields of a Kayenta query of type {kind} are")
    template_fields = {
        name: fields.get(name) for name in ("customInlineTemplate", "customFilterTemplate", "customFilter")
    }
    template = Query.of(template_fields, templates).text
    return _MADE[kind](mapped, template)


def _atlas(query: _KayentaQuery, _: str) -> Query:
    return Query(_needed(query.q, "q"))


def _datadog(query: _KayentaQuery, template: str) -> Query:
    return Query(template or _needed(query.metric_name, "metricName") + "{${scope}}")


def _graphite(query: _KayentaQuery, _: str) -> Query:
    name = _needed(query.metric_name, "metricName")
    return Query(name.replace("$scope", "${scope}").replace("$location", "${location}"))


def _influxdb(query: _KayentaQuery, template: str) -> Query:
    """What Kayenta writes for `${scope}` is the whole condition, made of a scope `tag:value`."""
    if template:
        return Query(_SCOPE.sub("${scopeFilter}", template))
    fields = ", ".join(query.fields_ or ("*::field",))
    name = _needed(query.metric_name, "metricName")
    return Query(f"SELECT {fields} FROM {name} WHERE ${{timeFilter}} AND ${{scopeFilter}}")


def _newrelic(query: _KayentaQuery, template: str) -> Query:
    if template:
        return Query(template)
    return Query(options=_given(select=_needed(query.select, "select"), q=query.q))


def _prometheus(query: _KayentaQuery, template: str) -> Query:
    options = _given(
        metric_name=query.metric_name,
        resource_type=query.resource_type,
        label_bindings=query.label_bindings,
        group_by_fields=query.group_by_fields,
    )
    return Query(template, options)


def _signalfx(query: _KayentaQuery, template: str) -> Query:
    if template:
        return Query(template)
    pairs = tuple(f"{pair.key}={pair.value}" for pair in query.query_pairs or ())
    name = _needed(query.metric_name, "metricName")
    return Query(options=_given(metric_name=name, query_pairs=pairs, aggregation_method=query.aggregation_method))


def _stackdriver(query: _KayentaQuery, template: str) -> Query:
    options = _given(
        metric_type=_needed(query.metric_type, "metricType"),
        resource_type=query.resource_type,
        cross_series_reducer=query.cross_series_reducer,
        per_series_aligner=query.per_series_aligner,
        group_by_fields=query.group_by_fields,
    )
    return Query(template, options)


def _wavefront(query: _KayentaQuery, _: str) -> Query:
    text = f"ts({_needed(query.metric_name, 'metricName')}, ${{scope}})"
    return Query(f"{query.aggregate}({text})" if query.aggregate else text, _given(summarization=query.summarization))


_MADE: Final[Mapping[str, Callable[[_KayentaQuery, str], Query]]] = {
    "atlas": _atlas,
    "datadog": _datadog,
    "graphite": _graphite,
    "influxdb": _influxdb,
    "newrelic": _newrelic,
    "prometheus": _prometheus,
    "signalfx": _signalfx,
    "stackdriver": _stackdriver,
    "wavefront": _wavefront,
}


def _needed(value: str | None, name: str) -> str:
    if not value:
        raise CanaryError(f"a query of Kayenta has no {name}", mend=f"give {name}")
    return value


def _given(**options: str | tuple[str, ...] | None) -> dict[str, str | tuple[str, ...]]:
    return {name: value for name, value in options.items() if value}
