"""What a local cloud should be, in one file: read whole, changed under a lock, replaced in one step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from operators.atomic_file import write_atomically
from operators.clouds.cloud import Cluster, GroupSpec, ServerGroup
from operators.clouds.local.loopback import free_ports
from operators.errors import CloudError
from operators.file_lock import locked

#: Envoy splits statistics' names at dots.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

#: v000 to v999, then again from v000, as Frigga names have it.
_VERSIONS: Final = 1000


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartCommand(_Record):
    """How an instance starts; kept here so that it starts again after its image left the store."""

    command: tuple[str, ...]
    directory: Path
    environment: dict[str, str]


class GroupRecord(_Record):
    """A server group; `is_leaving` from when its traffic is drained until its processes are gone."""

    name: str
    key: str
    spec: GroupSpec
    created_at: datetime
    ports: tuple[int, ...]
    start: StartCommand
    is_leaving: bool = False

    @property
    def server_group(self) -> ServerGroup:
        """The group as the Protocol speaks of it."""
        return ServerGroup(self.name, self.spec, self.created_at)


class ClusterRecord(_Record):
    """Where a cluster is reached, and the highest fence applied to it."""

    cluster: Cluster
    port: int
    fence: int | None = None


class CloudState(BaseModel):
    """The whole state; `destroyed` is group name by operation key, `versions` the last one given by stack."""

    model_config = ConfigDict(extra="forbid")

    regions: dict[str, int] = {}
    clusters: dict[str, ClusterRecord] = {}
    groups: dict[str, GroupRecord] = {}
    destroyed: dict[str, str] = {}
    versions: dict[str, int] = {}

    def know(self, cluster: Cluster) -> ClusterRecord:
        """The cluster's record, made with ports of its own when it is new."""
        if str(cluster) not in self.clusters:
            _check_names(cluster.service, cluster.environment, cluster.region)
            if cluster.region not in self.regions:
                (self.regions[cluster.region],) = free_ports(1, self._ports())
            (port,) = free_ports(1, self._ports())
            self.clusters[str(cluster)] = ClusterRecord(cluster=cluster, port=port)
        return self.clusters[str(cluster)]

    def add(self, spec: GroupSpec, key: str, start: StartCommand, at: datetime) -> GroupRecord:
        """A new group with the next version number and ports of its own."""
        self.know(spec.cluster)
        name = self._next_name(spec)
        ports = free_ports(spec.capacity, self._ports())
        self.groups[name] = GroupRecord(name=name, key=key, spec=spec, created_at=at, ports=ports, start=start)
        return self.groups[name]

    def by_key(self, key: str) -> GroupRecord | None:
        """The group that was made for an operation, None when there is none.

        Raises CloudError when it is destroyed, or being destroyed.
        """
        group = next((group for group in self.groups.values() if group.key == key), None)
        if key in self.destroyed or (group and group.is_leaving):
            name = group.name if group else self.destroyed[key]
            raise CloudError(
                f"operation {key} does not make its server group again", why=f"it made {name}, which was destroyed"
            )
        return group

    def of_cluster(self, cluster: Cluster) -> list[GroupRecord]:
        """The cluster's groups, oldest first."""
        found = [group for group in self.groups.values() if group.spec.cluster == cluster]
        return sorted(found, key=lambda group: group.created_at)

    def forget(self, name: str) -> None:
        """Removes a group; its key stays known."""
        group = self.groups.pop(name, None)
        if group:
            self.destroyed[group.key] = name

    def _next_name(self, spec: GroupSpec) -> str:
        _check_names(*([spec.detail] if spec.detail else []))
        cluster = spec.cluster
        stack = "-".join(filter(None, (cluster.service, cluster.environment, cluster.region, spec.detail)))
        for step in range(1, _VERSIONS + 1):
            version = (self.versions.get(stack, -1) + step) % _VERSIONS
            name = f"{stack}-v{version:03d}"
            if name not in self.groups:
                self.versions[stack] = version
                return name
        raise CloudError(f"{stack} has {_VERSIONS} server groups", mend="destroy old ones")

    def _ports(self) -> set[int]:
        of_groups = (port for group in self.groups.values() for port in group.ports)
        return {*self.regions.values(), *(cluster.port for cluster in self.clusters.values()), *of_groups}


class StateFile:
    """The state's file; any number of processes read and change it.

    Args:
        path: the file; a lock file is kept beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> CloudState:
        """The state as last written."""
        if not self._path.exists():
            return CloudState()
        return CloudState.model_validate_json(self._path.read_text(encoding="utf-8"))

    @contextmanager
    def change(self) -> Iterator[CloudState]:
        """The state, to be changed; written when the block ends well, untouched when it raises."""
        with locked(self._path.with_suffix(".lock")):
            state = self.read()
            yield state
            write_atomically(self._path, state.model_dump_json(indent=1))


def _check_names(*names: str) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise CloudError(
                f"{name!r} cannot be part of a server group's name", why="expected letters, digits, _ or -"
            )
