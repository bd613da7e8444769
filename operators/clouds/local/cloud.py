"""The local cloud: regions are Envoys, instances are processes, all on this machine's loopback."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from canary.errors import CanaryError
from canary.looks import Side
from canary.sources.envoy import EnvoyAdmin
from operators import images
from operators.clouds.cloud import BakeRequest, Cluster, GroupSpec, Health, Image, ServerGroup
from operators.clouds.local import instances
from operators.clouds.local.loopback import LOOPBACK
from operators.clouds.local.plant import Plant
from operators.clouds.local.rootfs import RootFolders
from operators.clouds.local.router import NO_ANSWER
from operators.clouds.local.state import GroupRecord
from operators.errors import CloudError, GroupNotReady, StaleFence
from operators.file_lock import locked
from operators.home import home

#: A request still running after this is cut off when its group is destroyed; routes time out after 30 s.
_DRAIN: Final = timedelta(seconds=35)

log = logging.getLogger(__name__)


class LocalCloud:
    """A `Cloud` on this machine; several may use the same root at once, from any process.

    Server groups are named `service-environment-region[-detail]-vNNN`: what Netflix calls the
    stack is here environment and region, so that a name says where its group is.

    Args:
        root: its state folder, `home()/cloud` when None.
        store: the image store, `home()/images` when None.
    """

    def __init__(self, root: Path | None = None, store: Path | None = None) -> None:
        self._root = (root or home() / "cloud").resolve()
        self._store = (store or home() / "images").resolve()
        self._plant = Plant(self._root)
        self._state = self._plant.state
        self._images = RootFolders(self._root / "images", self._store)

    def ensure_running(self) -> None:
        """Has all routers and instances run, on the same ports and weights; done already, it costs 2 ms."""
        self._plant.ensure_running()

    def stop(self) -> None:
        """Ends every router and instance; `ensure_running` brings them back."""
        self._plant.stop()

    def bake(self, request: BakeRequest) -> Image:
        """The image of a directory: same input, same digest; a second bake is a look-up."""
        return images.bake(self._store, request)

    def create(self, spec: GroupSpec, key: str) -> ServerGroup:
        """Starts a group with the next version number; the same key gives the same group.

        Returns at once; ask `health` until it is ready. A destroyed key is not made again:
        raises CloudError.
        """
        group = self._state.read().by_key(key) or self._add(spec, key)
        if group.spec != spec:
            raise CloudError(f"operation {key} made {group.name} as something else", why=f"it is {group.spec}")
        self._plant.ensure_running()
        return group.server_group

    def _add(self, spec: GroupSpec, key: str) -> GroupRecord:
        if spec.capacity < 1:
            raise CloudError(f"a server group of {spec.cluster} needs an instance", why=f"capacity is {spec.capacity}")
        with self._images.unpacked(spec.image) as (rootfs, image), self._state.change() as state:
            start = instances.start_command(spec, rootfs, image)
            return state.by_key(key) or state.add(spec, key, start, datetime.now(UTC))

    def groups(self, cluster: Cluster) -> tuple[ServerGroup, ...]:
        """The cluster's groups that exist, oldest first."""
        return tuple(group.server_group for group in self._state.read().of_cluster(cluster))

    def health(self, group: str) -> Health:
        """Fresh proof: asks the instances and the router now.

        Raises CloudError for an unknown group.
        """
        self._plant.ensure_running()
        return self._health(self._group(group))

    def _health(self, group: GroupRecord) -> Health:
        wrong = instances.failed_checks(group)
        try:
            seen = self._plant.router(group.spec.cluster.region).healthy_ports(group.name)
        except NO_ANSWER as error:
            seen = frozenset()
            wrong |= {port: f"is unknown to the router, which does not answer ({error})" for port in group.ports}
        wrong = {port: "is not healthy to the router yet" for port in group.ports if port not in seen} | wrong
        wrong |= self._plant.without_process(group)
        if group.is_leaving:
            wrong = dict.fromkeys(group.ports, "is being destroyed")
        why = "; ".join(f"{group.name}.{n} {wrong[port]}" for n, port in enumerate(group.ports) if port in wrong)
        return Health(len(group.ports) - len(wrong), len(group.ports), datetime.now(UTC), why)

    def weights(self, cluster: Cluster) -> Mapping[str, int]:
        """Percent of traffic by group name; empty when nothing was ever routed."""
        return self._plant.weights(cluster)

    def route(self, cluster: Cluster, weights: Mapping[str, int], fence: int) -> None:
        """Sets the cluster's whole traffic split; returns when the router confirmed it.

        Weights are whole percents that add to 100; a group left out gets none. A group whose
        weight would rise is asked for its health first. Raises StaleFence when a higher fence was
        applied before, GroupNotReady when a rising group is not healthy, CloudError for an
        unknown group or other weights. The same again is a no-op.
        """
        wanted = _checked(cluster, weights)
        self._plant.ensure_running()
        with locked(self._lock_file(cluster)):
            self._take_fence(cluster, fence)
            before = self._plant.weights(cluster)
            for name, percent in wanted.items():
                if percent > before.get(name, 0):
                    self._prove(cluster, name)
            self._plant.split(cluster, wanted)

    def _take_fence(self, cluster: Cluster, fence: int) -> None:
        with self._state.change() as state:
            known = state.know(cluster)
            if known.fence is not None and fence < known.fence:
                raise StaleFence(
                    f"the traffic of {cluster} was not changed",
                    why=f"a change with fence {known.fence} came first, this one has {fence}",
                )
            state.clusters[str(cluster)] = known.model_copy(update={"fence": fence})

    def _prove(self, cluster: Cluster, name: str) -> None:
        group = self._group(name)
        if group.spec.cluster != cluster:
            raise CloudError(f"{name} cannot get traffic of {cluster}", why=f"it belongs to {group.spec.cluster}")
        health = self._health(group)
        if not health.is_ready:
            raise GroupNotReady(
                f"{name} gets no more traffic of {cluster}", why=f"{health.healthy} of {health.wanted}: {health.why}"
            )

    def observe(self, cluster: Cluster) -> Mapping[str, Side]:
        """Cumulative traffic counters by group name since the group began, as the router saw them.

        Raises CloudError when the router does not answer.
        """
        self._plant.ensure_running()
        names = {group.name for group in self._state.read().of_cluster(cluster)}
        if not names:
            return {}
        router = self._plant.router(cluster.region)
        try:
            known = sorted(names & router.groups())
            return dict.fromkeys(names, Side(0, 0)) | (EnvoyAdmin(router.admin_url).scrape(known) if known else {})
        except (CanaryError, *NO_ANSWER) as error:
            raise CloudError(f"the traffic of {cluster} was not seen", why=str(error)) from error

    def address(self, cluster: Cluster, group: str = "") -> str:
        """Base URL of the cluster's router, or of one group's first instance."""
        if group:
            return f"http://{LOOPBACK}:{self._group(group).ports[0]}"
        with self._state.change() as state:
            port = state.know(cluster).port
        self._plant.ensure_running()
        return f"http://{LOOPBACK}:{port}"

    def destroy(self, group: str) -> None:
        """Drains and removes a group; refuses (CloudError) while it has any traffic weight."""
        known = self._state.read().groups.get(group)
        if known is None:
            return
        self._plant.ensure_running()
        cluster = known.spec.cluster
        with locked(self._lock_file(cluster)):
            self._refuse_if_weighted(known)
            self._plant.confirm_split(cluster)
        if not known.is_leaving and not self._plant.router(cluster.region).wait_until_drained(group, _DRAIN):
            log.warning("server_group_cut_off", extra={"server_group": group, "after_s": _DRAIN.total_seconds()})
        with locked(self._lock_file(cluster)):
            self._refuse_if_weighted(known)
            self._retire(group)
        self._plant.remove(known)
        self._images.tidy(lambda: {group.spec.image for group in self._state.read().groups.values()})

    def _retire(self, name: str) -> None:
        """From now on `route` gives the group nothing."""
        with self._state.change() as state:
            if name in state.groups:
                state.groups[name] = state.groups[name].model_copy(update={"is_leaving": True})

    def _refuse_if_weighted(self, group: GroupRecord) -> None:
        percent = self._plant.weights(group.spec.cluster).get(group.name, 0)
        if percent:
            raise CloudError(
                f"{group.name} was not destroyed", why=f"it has {percent} % of the traffic", mend="route it away first"
            )

    def _group(self, name: str) -> GroupRecord:
        try:
            return self._state.read().groups[name]
        except KeyError:
            raise CloudError(f"there is no server group {name}", mend="see `groups` of its cluster") from None

    def _lock_file(self, cluster: Cluster) -> Path:
        return self._root / "locks" / f"{cluster.region}.{cluster.service}.{cluster.environment}"


def _checked(cluster: Cluster, weights: Mapping[str, int]) -> dict[str, int]:
    """The weights above 0; raises CloudError unless they are whole percents that add to 100."""
    if any(type(percent) is not int or percent < 0 for percent in weights.values()) or sum(weights.values()) != 100:
        raise CloudError(
            f"the traffic of {cluster} cannot be split so",
            why=f"expected whole percents adding to 100, found {weights}",
        )
    return {name: percent for name, percent in weights.items() if percent}
