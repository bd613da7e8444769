"""A local cloud with shorthands for what tests say often, and an open-loop load."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp

from operators.clouds.cloud import Cluster, GroupSpec
from operators.clouds.local import LocalCloud
from operators.clouds.local.plant import Plant
from operators.supervisor import Supervisor

PRODUCTION = Cluster("playback", "production", "us-east-1")


@dataclass
class Load:
    """What an open-loop load met: answers by server group, and what went wrong."""

    answers: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)


@dataclass
class Town:
    """A cloud with shorthands for what tests say often."""

    cloud: LocalCloud
    root: Path
    store: Path
    image: str
    cluster: Cluster = PRODUCTION

    def spec(self, capacity: int = 1, detail: str = "", cluster: Cluster | None = None) -> GroupSpec:
        return GroupSpec(cluster or self.cluster, detail, self.image, capacity)

    def group(self, key: str, capacity: int = 1, detail: str = "", cluster: Cluster | None = None) -> str:
        """Name of a new group that is ready."""
        name = self.cloud.create(self.spec(capacity, detail, cluster), key).name
        self.becomes_ready(name)
        return name

    def becomes_ready(self, group: str) -> None:
        self.eventually(lambda: self.cloud.health(group).is_ready)

    def route(self, weights: Mapping[str, int], fence: int = 1) -> None:
        self.cloud.route(self.cluster, weights, fence)

    def instance_pid(self, instance: str) -> int:
        """The process of an instance, `GROUP.N`."""
        pid = Supervisor(self.root / "supervisor").states()[instance].pid
        assert pid
        return pid

    def is_idle(self, group: str) -> bool:
        """Whether the router has no request of the group in flight."""
        return Plant(self.root).router(self.cluster.region).wait_until_drained(group, timedelta(milliseconds=10))

    def eventually(self, is_so: Callable[[], object], patience_s: float = 60) -> None:
        deadline = time.monotonic() + patience_s
        while not is_so():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    @contextmanager
    def load(self, requests_per_s: int = 250, path: str = "/") -> Iterator[Load]:
        """Sends requests through the router at a fixed rate, whatever the answers, until the block ends."""
        load, over = Load(), threading.Event()
        url = self.cloud.address(self.cluster) + path
        thread = threading.Thread(target=lambda: asyncio.run(_send(url, requests_per_s, load, over)))
        thread.start()
        try:
            yield load
        finally:
            over.set()
            thread.join()


async def _send(url: str, requests_per_s: int, load: Load, over: threading.Event) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as requests:
        due = time.monotonic()
        while not over.is_set():
            requests.create_task(_send_one(session, url, load))
            due += 1 / requests_per_s
            await asyncio.sleep(max(0, due - time.monotonic()))


async def _send_one(session: aiohttp.ClientSession, url: str, load: Load) -> None:
    try:
        async with session.get(url) as answer:
            text = await answer.text()
            if answer.status == 200:
                load.answers[text] += 1
            else:
                load.lost.append(f"{answer.status} {text}")
    except (aiohttp.ClientError, TimeoutError) as error:
        load.lost.append(repr(error))
