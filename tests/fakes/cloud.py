"""A cloud in memory that keeps the Protocol's promises: fences, fresh proof, idempotent keys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from canary import Side
from operators.clouds.cloud import BakeRequest, Cluster, GroupSpec, Health, Image, ServerGroup
from operators.errors import CloudError, GroupNotReady, StaleFence


@dataclass
class MemoryCloud:
    """A cloud of one process.

    Args:
        sick: groups that are not healthy.
        broken: methods that raise CloudError.
        traffic: what `observe` sees, look by look; at its end the last of it.
        history: every split that was applied.
        sides: what `observe` saw last.
    """

    sick: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    traffic: Iterator[Mapping[str, Side]] = field(default_factory=lambda: iter(()))
    history: list[dict[str, int]] = field(default_factory=list)
    _groups: dict[str, ServerGroup] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _weights: dict[Cluster, dict[str, int]] = field(default_factory=dict)
    _fences: dict[Cluster, int] = field(default_factory=dict)
    created: int = 0
    addresses: dict[str, str] = field(default_factory=dict)
    sides: Mapping[str, Side] = field(default_factory=dict)

    def bake(self, request: BakeRequest) -> Image:
        self._answer("bake")
        return Image(request.name, "1.0.0", f"sha256:{request.name}")

    def create(self, spec: GroupSpec, key: str) -> ServerGroup:
        self._answer("create")
        if key in self._keys:
            if self._keys[key] not in self._groups:
                raise CloudError(f"{key} was destroyed")
            return self._groups[self._keys[key]]
        parts = [spec.cluster.service, spec.cluster.environment, *([spec.detail] if spec.detail else [])]
        name = f"{'-'.join(parts)}-{spec.cluster.region}-v{self.created:03d}"
        self.created += 1
        self._groups[name] = ServerGroup(name, spec, datetime.now(UTC))
        self._keys[key] = name
        return self._groups[name]

    def groups(self, cluster: Cluster) -> tuple[ServerGroup, ...]:
        self._answer("groups")
        return tuple(g for g in self._groups.values() if g.spec.cluster == cluster)

    def health(self, group: str) -> Health:
        self._answer("health")
        if group not in self._groups:
            raise CloudError(f"there is no server group {group}")
        wanted = self._groups[group].spec.capacity
        is_sick = group in self.sick
        return Health(0 if is_sick else wanted, wanted, datetime.now(UTC), "sick" if is_sick else "")

    def weights(self, cluster: Cluster) -> Mapping[str, int]:
        return dict(self._weights.get(cluster, {}))

    def route(self, cluster: Cluster, weights: Mapping[str, int], fence: int) -> None:
        self._answer("route")
        if fence < self._fences.get(cluster, 0):
            raise StaleFence(f"fence {fence} of {cluster} is old")
        before = self._weights.get(cluster, {})
        assert sum(weights.values()) == 100, weights
        for group, percent in weights.items():
            if percent > before.get(group, 0) and not self.health(group).is_ready:
                raise GroupNotReady(f"{group} is not healthy")
        self._fences[cluster] = fence
        new = {g: w for g, w in weights.items() if w}
        if new != before:
            self._weights[cluster] = new
            self.history.append(new)

    def observe(self, cluster: Cluster) -> Mapping[str, Side]:
        self._answer("observe")
        self.sides = next(self.traffic, self.sides)
        return dict(self.sides)

    def address(self, cluster: Cluster, group: str = "") -> str:
        return self.addresses.get(group, "http://127.0.0.1:1")

    def destroy(self, group: str) -> None:
        self._answer("destroy")
        if any(group in w for w in self._weights.values()):
            raise CloudError(f"{group} has traffic")
        self._groups.pop(group, None)

    def _answer(self, method: str) -> None:
        if method in self.broken:
            raise CloudError(f"the cloud does not {method}", why="it is broken")
