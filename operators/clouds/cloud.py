"""What Gennaker asks of a cloud: one small Protocol and the values it speaks in.

Every changing method may be called again with the same arguments, also by two
processes at once, and then does nothing more. Strategies are written against this.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from canary import Side


@dataclass(frozen=True, slots=True)
class Cluster:
    """All server groups of one service in one environment and region."""

    service: str
    environment: str
    region: str

    def __str__(self) -> str:
        return f"{self.service}/{self.environment}/{self.region}"


@dataclass(frozen=True, slots=True)
class BakeRequest:
    """A directory to make an image of.

    Args:
        name: the artifact's name.
        source: the directory; its `Procfile` line `web:` says how an instance starts.
        settings: what else decides the image (`os`, `jdk`, ...); part of the bake key.
        origin: where the build came from (repo, commit, who); kept as metadata, not in the digest.
    """

    name: str
    source: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Image:
    """A baked image; `digest` (`sha256:...`) is its identity."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A server group that should exist.

    Args:
        cluster: where it belongs.
        detail: `""` for an ordinary group, `"baseline"` or `"canary"` for the two of a canary.
        image: digest of a baked image.
        capacity: number of instances, at least 1.
        health_path: HTTP path that answers 200 when an instance can take traffic.
    """

    cluster: Cluster
    detail: str
    image: str
    capacity: int
    health_path: str = "/healthz"


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A server group that exists, named `app-stack[-detail]-vNNN`."""

    name: str
    spec: GroupSpec
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """What the instances and the router said of a group when asked, not earlier.

    Args:
        healthy: instances whose health check passed just now, seen by the router too.
        wanted: instances the group should have.
        checked_at: when it was asked (aware, UTC).
        why: what is missing, `""` when nothing is.
    """

    healthy: int
    wanted: int
    checked_at: datetime
    why: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether every instance wanted is healthy."""
        return self.wanted > 0 and self.healthy >= self.wanted


class Cloud(Protocol):
    """A place that runs server groups and routes traffic to them."""

    def bake(self, request: BakeRequest) -> Image:
        """The image of a directory: same input, same digest; a second bake is a look-up."""

    def create(self, spec: GroupSpec, key: str) -> ServerGroup:
        """Starts a group with the next version number; the same key gives the same group.

        Returns at once; ask `health` until it is ready. A destroyed key is not made again:
        raises CloudError.
        """

    def groups(self, cluster: Cluster) -> tuple[ServerGroup, ...]:
        """The cluster's groups that exist, oldest first."""

    def health(self, group: str) -> Health:
        """Fresh proof: asks the instances and the router now."""

    def weights(self, cluster: Cluster) -> Mapping[str, int]:
        """Percent of traffic by group name; empty when nothing was ever routed."""

    def route(self, cluster: Cluster, weights: Mapping[str, int], fence: int) -> None:
        """Sets the cluster's whole traffic split; returns when the router confirmed it.

        Weights are whole percents that add to 100. Raises StaleFence when a higher fence was
        applied before; the same fence again is a no-op if nothing differs.
        """

    def observe(self, cluster: Cluster) -> Mapping[str, Side]:
        """Cumulative traffic counters by group name since the group began, as the router saw them."""

    def address(self, cluster: Cluster, group: str = "") -> str:
        """Base URL of the cluster's router, or of one group's first instance."""

    def destroy(self, group: str) -> None:
        """Drains and removes a group; refuses (CloudError) while it has any traffic weight."""
