"""The metrics of a canary that the region's router does not show, read from the environment's metric sources."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Final

from canary import CanaryConfig, Look, MetricConfig
from canary.errors import CanaryError
from canary.samples import Lacking, Sample
from canary.sources import open_source
from canary.sources.feeds import Feed, Queries, Target
from canary.sources.queries import Scope, validated
from operators.environment import Environment

#: Sources that are asked at the same time.
_AT_ONCE: Final = 8


class Feeds:
    """Both sides' metrics from metric sources, look by look.

    Args:
        config: names the metrics, their sources and queries.
        environment: has the sources' settings.
        control: what queries about the baseline know by name, and `canary` those about the canary.
        canary: see `control`.
        begin: from when is counted: the first look's time, so that a watch that is started again counts the same.

    Raises:
        CanaryError: when a source is not known, or its settings or a query do not fit.
    """

    def __init__(
        self, config: CanaryConfig, environment: Environment, control: Scope, canary: Scope, begin: datetime
    ) -> None:
        asked = [metric for metric in config.metrics if metric.source]
        self._feeds = {
            metric.name: tuple(_feed(metric, config, environment, scope, begin) for scope in (control, canary))
            for metric in asked
        }

    def shown(self, look: Look) -> Look:
        """The look with what the sources show at its moment; one that cannot be asked is a lack of its metric only."""
        if not self._feeds:
            return look
        sides: Sequence[Feed] = [feed for pair in self._feeds.values() for feed in pair]
        with ThreadPoolExecutor(min(len(sides), _AT_ONCE)) as pool:
            samples = list(pool.map(lambda feed: _sample(feed, look.at), sides))
        names = list(self._feeds)
        baseline = {**look.baseline.samples, **dict(zip(names, samples[0::2], strict=True))}
        canary = {**look.canary.samples, **dict(zip(names, samples[1::2], strict=True))}
        return replace(
            look,
            baseline=replace(look.baseline, samples=baseline),
            canary=replace(look.canary, samples=canary),
        )


def scope_of(group: str, region: str, environment: str, service: str) -> Scope:
    """What a query may name: `${scope}` the server group, `${location}` its region, `${environment}`, `${service}`."""
    return Scope(group, region, {"environment": environment, "service": service})


def _feed(metric: MetricConfig, config: CanaryConfig, environment: Environment, scope: Scope, begin: datetime) -> Feed:
    settings = environment.sources.get(metric.source)
    if settings is None:
        known = ", ".join(sorted(environment.sources)) or "none"
        raise CanaryError(
            f"metric {metric.name!r} asks the source {metric.source!r}",
            why=f"environment {environment.name} has {known}",
            mend="name one of these, or add it to the environment",
        )
    queries = validated(Queries, metric.query, f"query of metric {metric.name!r} is")
    # A source may take no longer than a look: harm that other metrics show must not wait for it.
    source = open_source(settings, patience=config.interval)
    target = Target(source, scope, begin, config.interval)
    return Feed(queries, target)


def _sample(feed: Feed, at: datetime) -> Sample:
    try:
        return feed.sample(at)
    except CanaryError as error:
        return Lacking("malformed", str(error))
