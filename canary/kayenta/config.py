"""What the judge reads of a Kayenta canary config; whatever else it holds is let through unread.

This border ignores unknown fields on purpose, unlike every other one here: it takes a config that was written for
Kayenta, unchanged, and Kayenta ignores them, also inside `analysisConfigurations`.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from canary.kayenta.compat import Compat
from canary.kayenta.numbers import number_of
from canary.kayenta.options import Options, read_options

#: The metric stores that Kayenta knows; a query of another type does not parse.
QUERY_TYPES: Final = frozenset(
    ("atlas", "datadog", "graphite", "influxdb", "newrelic", "prometheus", "signalfx", "stackdriver", "wavefront")
)


def _as_text(value: object) -> object:
    """Numbers and booleans where text is asked for, as Kayenta's JSON reader takes them."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _of_known_type(query: object) -> object:
    # A list, as a type may be any JSON value and a set takes only some.
    if query is not None and (not isinstance(query, Mapping) or query.get("type") not in sorted(QUERY_TYPES)):
        raise ValueError(f"a query needs a type, one of {', '.join(sorted(QUERY_TYPES))}")
    return query


def _weights(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {group: number_of(weight) for group, weight in value.items()}


Text = Annotated[str, BeforeValidator(_as_text)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class KayentaMetric(_Read):
    """One entry of `metrics`."""

    name: Text | None = Field(default=None, description="What pairs are matched by.")
    query: Annotated[Any, BeforeValidator(_of_known_type)] = Field(default=None, description="Only its type is read.")
    groups: list[Text] = Field(description="The groups in which the metric counts; twice if listed twice.")
    analysis_configurations: dict[str, dict[str, Any] | None] | None = Field(
        default=None, alias="analysisConfigurations", description="Options, under `canary`."
    )

    @cached_property
    def options(self) -> Mapping[Compat, Options]:
        """The metric's options, as each way of reading them takes them."""
        canary = (self.analysis_configurations or {}).get("canary")
        return {compat: read_options(canary, compat) for compat in Compat}


class KayentaClassifier(_Read):
    """`classifier`; its own `scoreThresholds` are a user interface's default, the judge does not read them."""

    group_weights: Annotated[dict[str, float] | None, BeforeValidator(_weights)] = Field(
        default=None, alias="groupWeights", description="Percent of the score by group; null counts as 0."
    )


class KayentaConfig(_Read):
    """A canary config."""

    name: Text | None = Field(default=None, description="The config's name, for messages.")
    metrics: list[KayentaMetric] = Field(description="The metrics that may be judged.")
    classifier: KayentaClassifier = Field(description="Weights of the groups.")


class KayentaThresholds(_Read):
    """The thresholds of the execution request, in score points; None where one is missing or null."""

    passing: Annotated[float | None, BeforeValidator(lambda value: None if value is None else number_of(value))] = (
        Field(default=None, alias="pass")
    )
    marginal: Annotated[float | None, BeforeValidator(lambda value: None if value is None else number_of(value))] = (
        Field(default=None)
    )
