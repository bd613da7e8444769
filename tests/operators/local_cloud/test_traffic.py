"""No request is lost, and each group gets what was set."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from operators.clouds.local.envoy import LATENCY_EDGES_MS
from tests.operators.local_cloud.town import Town


def test_no_request_is_lost_while_weights_change_and_groups_are_swapped(town: Town) -> None:
    """Invariant 1, seen by clients."""
    stable = town.group("stable", capacity=2)
    town.route({stable: 100})
    took_ms = []
    with town.load(300) as load:
        for release in range(3):
            fresh = town.group(f"release {release}", capacity=2)
            for percent in (1, 5, 20, 50, 20, 50, 80, 100):
                began = time.monotonic()
                town.route({stable: 100 - percent, fresh: percent})
                took_ms.append((time.monotonic() - began) * 1000)
                time.sleep(0.15)
            town.cloud.destroy(stable)
            stable = fresh
    took_ms.sort()
    print(f"requests={load.answers.total()} lost={len(load.lost)} weight changes={len(took_ms)}")
    print(f"route ms: median={took_ms[len(took_ms) // 2]:.1f} max={took_ms[-1]:.1f}")
    assert load.lost == []
    assert load.answers.total() > 500


def test_each_group_gets_the_share_that_was_set(town: Town) -> None:
    stable, canary = town.group("stable"), town.group("canary", detail="canary")
    town.route({stable: 80, canary: 20})
    with town.load(300) as load:
        town.eventually(lambda: load.answers.total() >= 1000)
    assert load.lost == []
    town.eventually(lambda: sum(town.cloud.observe(town.cluster)[canary].latency) == load.answers[canary])
    seen = town.cloud.observe(town.cluster)
    assert {group: side.requests for group, side in seen.items()} == dict(load.answers)
    # Binomial, n = 1000, p = 0.2: 0.06 is more than four standard deviations.
    assert seen[canary].requests / load.answers.total() == pytest.approx(0.2, abs=0.06)
    assert seen[canary].edges_ms == LATENCY_EDGES_MS
    assert seen[canary].errors == 0


def test_a_request_in_flight_is_answered_before_its_group_goes(town: Town) -> None:
    old, new = town.group("old"), town.group("new")
    town.route({old: 100})
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(lambda: urlopen(town.cloud.address(town.cluster) + "?for_s=2").read().decode())
        town.eventually(lambda: not town.is_idle(old))
        town.route({new: 100})
        town.cloud.destroy(old)
        assert answer.result() == old


def test_killing_an_instance_loses_only_what_it_was_doing(town: Town) -> None:
    group = town.group("release", capacity=2)
    town.route({group: 100})
    with town.load(100) as load:
        town.eventually(lambda: load.answers.total() > 50)
        os.kill(town.instance_pid(f"{group}.0"), signal.SIGKILL)
        town.eventually(lambda: town.cloud.health(group).healthy == 1)
        town.becomes_ready(group)
    assert len(load.lost) <= 2  # those in flight


def test_a_cluster_without_a_group_answers_503(town: Town) -> None:
    with pytest.raises(HTTPError, match="503"):
        urlopen(town.cloud.address(town.cluster))
    assert town.cloud.observe(town.cluster) == {}
