"""Brings the machine to what the state says: routers' files, routers, instances."""

from collections.abc import Mapping
from pathlib import Path

from operators.clouds.cloud import Cluster
from operators.clouds.local.envoy import Backend, Frontend
from operators.clouds.local.instances import programs
from operators.clouds.local.router import Router
from operators.clouds.local.state import CloudState, ClusterRecord, GroupRecord, StateFile
from operators.file_lock import locked
from operators.supervisor import Program, ProgramState, Supervisor


class Plant:
    """The routers and instances under one root.

    Everything but weights is made from the state, under one lock, so whoever comes next
    finishes what a killed process left half-done. Weights live in the routers' own files,
    which only `split` changes.

    Args:
        root: the local cloud's folder.
    """

    def __init__(self, root: Path) -> None:
        self.state = StateFile(root / "state.json")
        self._supervisor = Supervisor(root / "supervisor")
        self._root = root

    def ensure_running(self) -> None:
        """Has every router and instance of the state run."""
        state = self.state.read()
        if not self._is_whole(state):
            with locked(self._root / "locks" / "plant"):
                self._make_whole(self.state.read())

    def stop(self) -> None:
        """Ends every router and instance."""
        self._supervisor.stop()

    def router(self, region: str) -> Router:
        """A region's router; it must be known to the state."""
        return self._router(self.state.read(), region)

    def weights(self, cluster: Cluster) -> Mapping[str, int]:
        """Percent of traffic by group name."""
        state = self.state.read()
        if str(cluster) not in state.clusters:
            return {}
        router = self._router(state, cluster.region)
        return router.weights(_frontend(router, state.clusters[str(cluster)]))

    def split(self, cluster: Cluster, weights: Mapping[str, int]) -> None:
        """Sets a cluster's traffic split and returns when its router confirmed it."""
        state = self.state.read()
        router = self._router(state, cluster.region)
        router.split(_frontend(router, state.clusters[str(cluster)]), weights)

    def confirm_split(self, cluster: Cluster) -> None:
        """Returns when the router confirmed the split as last written."""
        self.split(cluster, self.weights(cluster))

    def without_process(self, group: GroupRecord) -> dict[int, str]:
        """Port and state, for each of the group's instances that has no process."""
        states = self._supervisor.states()
        named = zip(group.ports, programs(group), strict=True)
        return {port: _what(states.get(program.name)) for port, program in named if not _has_process(states, program)}

    def remove(self, group: GroupRecord) -> None:
        """Removes a leaving group from its router, then its instances, then from the state."""
        with locked(self._root / "locks" / "plant"):
            self._make_whole(self.state.read())
        self.router(group.spec.cluster.region).wait_until_forgotten(group.name)
        self._supervisor.remove(*(program.name for program in programs(group)))
        with self.state.change() as state:
            state.forget(group.name)

    def _is_whole(self, state: CloudState) -> bool:
        states = self._supervisor.states()
        return all(_has_process(states, program) for program in self._programs(state)) and all(
            self._router(state, region).is_written(_backends(state, region), self._frontends(state, region))
            for region in state.regions
        )

    def _make_whole(self, state: CloudState) -> None:
        for region in state.regions:
            self._router(state, region).write(_backends(state, region), self._frontends(state, region))
        states = self._supervisor.states()
        missing = [program for program in self._programs(state) if not _has_process(states, program)]
        if missing:
            self._supervisor.put(*missing)
        for region in state.regions:
            self._router(state, region).wait_until_up()

    def _programs(self, state: CloudState) -> list[Program]:
        routers = [self._router(state, region).program for region in state.regions]
        staying = [group for group in state.groups.values() if not group.is_leaving]
        return routers + [program for group in staying for program in programs(group)]

    def _frontends(self, state: CloudState, region: str) -> list[Frontend]:
        router = self._router(state, region)
        return [_frontend(router, known) for known in state.clusters.values() if known.cluster.region == region]

    def _router(self, state: CloudState, region: str) -> Router:
        return Router(region, state.regions[region], self._root / "regions" / region)


def _frontend(router: Router, known: ClusterRecord) -> Frontend:
    return router.frontend(f"{known.cluster.service}.{known.cluster.environment}", known.port)


def _backends(state: CloudState, region: str) -> list[Backend]:
    return [
        Backend(group.name, group.ports, group.spec.health_path)
        for group in state.groups.values()
        if group.spec.cluster.region == region and not group.is_leaving
    ]


def _has_process(states: Mapping[str, ProgramState], program: Program) -> bool:
    return program.name in states and not states[program.name].state.is_over


def _what(state: ProgramState | None) -> str:
    return f"is {state.state}, see {state.log}" if state else "is not supervised"
