"""Whether the metrics that a canary reads from metric sources can be read in its environment."""

from collections.abc import Iterator, Mapping
from typing import Any

from canary.config import CanaryConfig, MetricConfig
from canary.errors import CanaryError
from gennaker.errors import unknown
from gennaker.model import Environment


def flaws_of_sources(canary: CanaryConfig, environment: Environment) -> Iterator[str]:
    """What is wrong with the sources and queries of the metrics, one sentence each; no source is asked."""
    for metric in canary.metrics:
        if metric.source and metric.source not in environment.sources:
            what = unknown("metric source", metric.source, environment.sources)
            yield f"metric {metric.name}: {what} (environment {environment.environment})"
        elif metric.source:
            try:
                _check(metric, environment.sources[metric.source])
            except CanaryError as error:
                yield f"metric {metric.name}: {error}"


def _check(metric: MetricConfig, settings: Mapping[str, Any]) -> None:
    # They bring NumPy with them, which a pipeline without such metrics need not load.
    from canary.sources import open_source
    from canary.sources.feeds import Queries
    from canary.sources.queries import validated

    queries = validated(Queries, metric.query, "query is")
    queries.parts()
    if queries.kind is not metric.kind_in_use:
        what = f"its query gives {queries.kind}, and its kind is {metric.kind_in_use}"
        raise CanaryError(what, mend="change one of the two")
    open_source(settings)
