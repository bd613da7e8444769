"""Where a stage acts: an environment with its cloud, regions and sizes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from operators.clouds.cloud import Cluster


@dataclass(frozen=True, slots=True)
class Environment:
    """A named set of regions of one cloud.

    Args:
        name: as the pipeline names it (`test`, `production`).
        cloud: a registered cloud (`local`).
        regions: region names, at least one.
        capacity: instances of an ordinary server group in each region.
        health_path: HTTP path that answers 200 when an instance can take traffic.
        sources: settings of its metric sources by name; secrets are named in them, never written.
    """

    name: str
    cloud: str
    regions: tuple[str, ...]
    capacity: int = 1
    health_path: str = "/healthz"
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def cluster(self, service: str, region: str) -> Cluster:
        """The service's cluster in one of the regions."""
        return Cluster(service=service, environment=self.name, region=region)

    def to_json(self) -> dict[str, Any]:
        """Plain values for operator arguments and triggers; `from_json` is the way back."""
        return {**asdict(self), "regions": list(self.regions)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The environment that `to_json` wrote."""
        return cls(**{**value, "regions": tuple(value["regions"])})
