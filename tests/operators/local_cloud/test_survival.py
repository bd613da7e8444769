"""Whatever is killed, and whenever: the next call ends in the same place."""

import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from operators.errors import CloudError
from operators.supervisor import Supervisor
from tests.operators.local_cloud import killer
from tests.operators.local_cloud.town import Town


def supervisor(town: Town) -> Supervisor:
    return Supervisor(town.root / "supervisor")


def supervisord_pid(town: Town) -> int:
    return int((town.root / "supervisor" / "supervisord.pid").read_text())


def instances_of(town: Town, group: str) -> list[str]:
    """Names of the group's programs that have a process."""
    return sorted(
        name for name, state in supervisor(town).states().items() if name.startswith(f"{group}.") and state.pid
    )


def in_a_process_of_its_own(town: Town, method: str, *arguments: Any) -> None:
    code = "import pickle, sys; from pathlib import Path; from operators.clouds.local import LocalCloud\n"
    code += "root, store, method, arguments = pickle.load(sys.stdin.buffer)\n"
    code += "getattr(LocalCloud(Path(root), Path(store)), method)(*arguments)"
    order = pickle.dumps((town.root, town.store, method, arguments))
    subprocess.run([sys.executable, "-c", code], input=order, check=True)


def killed_at_every_effect(town: Town, method: str, *arguments: Any) -> int:
    """How often the call was killed until it got through."""
    order = pickle.dumps((town.root, town.store, method, arguments))
    done = subprocess.run([sys.executable, killer.__file__], input=order, check=True, stdout=subprocess.PIPE)
    return int(done.stdout)


def test_create_killed_at_every_effect_makes_one_group(town: Town) -> None:
    """Invariant 3."""
    assert killed_at_every_effect(town, "create", town.spec(capacity=2), "release") > 5
    (group,) = town.cloud.groups(town.cluster)
    town.becomes_ready(group.name)
    assert town.cloud.create(town.spec(capacity=2), "release") == group
    assert instances_of(town, group.name) == [f"{group.name}.0", f"{group.name}.1"]


def test_route_killed_at_every_effect_sets_the_weights(town: Town) -> None:
    """Invariant 3."""
    old, new = town.group("old"), town.group("new")
    town.route({old: 100})
    assert killed_at_every_effect(town, "route", town.cluster, {new: 100}, 2) > 2
    assert town.cloud.weights(town.cluster) == {new: 100}
    assert urlopen(town.cloud.address(town.cluster)).read().decode() == new


def test_destroy_killed_at_every_effect_leaves_nothing(town: Town) -> None:
    """Invariant 3."""
    kept, gone = town.group("kept"), town.group("gone")
    town.route({kept: 100})
    assert killed_at_every_effect(town, "destroy", gone) > 5
    assert [group.name for group in town.cloud.groups(town.cluster)] == [kept]
    assert instances_of(town, gone) == []
    assert urlopen(town.cloud.address(town.cluster)).read().decode() == kept


def test_two_processes_that_create_with_one_key_at_once_get_one_group(town: Town) -> None:
    """Invariant 3."""
    with ThreadPoolExecutor() as pool:
        create = ("create", town.spec(), "release")
        assert len(list(pool.map(lambda _: in_a_process_of_its_own(town, *create), range(3)))) == 3
    (group,) = town.cloud.groups(town.cluster)
    town.becomes_ready(group.name)
    assert instances_of(town, group.name) == [f"{group.name}.0"]


def test_two_processes_may_route_and_destroy_at_once(town: Town) -> None:
    old, new = town.group("old"), town.group("new")
    town.route({old: 100})
    with ThreadPoolExecutor() as pool:
        route = ("route", town.cluster, {new: 100}, 2)
        list(pool.map(lambda _: in_a_process_of_its_own(town, *route), range(2)))
        list(pool.map(lambda _: in_a_process_of_its_own(town, "destroy", old), range(2)))
    assert town.cloud.weights(town.cluster) == {new: 100}
    assert [group.name for group in town.cloud.groups(town.cluster)] == [new]


def test_after_stop_everything_comes_back_at_the_same_places(town: Town) -> None:
    old, new = town.group("old"), town.group("new")
    town.route({old: 30, new: 70})
    address, instance = town.cloud.address(town.cluster), town.cloud.address(town.cluster, new)
    town.cloud.stop()
    assert supervisor(town).states() == {}
    town.cloud.ensure_running()
    town.becomes_ready(old)
    town.becomes_ready(new)
    assert town.cloud.weights(town.cluster) == {old: 30, new: 70}
    assert (town.cloud.address(town.cluster), town.cloud.address(town.cluster, new)) == (address, instance)
    assert {urlopen(address).read().decode() for _ in range(40)} == {old, new}


def test_a_killed_supervisor_is_replaced_by_the_next_call_with_everything_it_ran(town: Town) -> None:
    group = town.group("release")
    town.route({group: 100})
    address = town.cloud.address(town.cluster)
    os.kill(supervisord_pid(town), signal.SIGKILL)
    town.becomes_ready(group)
    assert urlopen(address).read().decode() == group


def test_a_killed_router_comes_back_by_itself_with_the_same_weights(town: Town) -> None:
    group = town.group("release")
    town.route({group: 100})
    router = supervisor(town).states()["envoy-us-east-1"].pid
    os.kill(router, signal.SIGKILL)
    town.eventually(lambda: supervisor(town).states()["envoy-us-east-1"].pid not in (None, router))
    town.becomes_ready(group)
    assert urlopen(town.cloud.address(town.cluster)).read().decode() == group


def test_a_killed_instance_shows_in_health_and_heals(town: Town) -> None:
    group = town.group("release", capacity=2)
    assert town.cloud.health(group).why == ""
    killed = supervisor(town).states()[f"{group}.1"].pid
    os.kill(killed, signal.SIGKILL)

    def is_noticed() -> bool:
        # On a busy machine it may be back before anyone looked.
        return town.cloud.health(group).healthy == 1 or supervisor(town).states()[f"{group}.1"].pid not in (0, killed)

    town.eventually(is_noticed)
    town.becomes_ready(group)


def test_stop_leaves_no_process(town: Town) -> None:
    town.group("release")
    before = psutil.Process(supervisord_pid(town)).children(recursive=True)
    town.cloud.stop()
    assert [p for p in before if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_a_destroyed_group_stays_destroyed_when_the_supervisor_starts_again(town: Town) -> None:
    group = town.group("release")
    town.cloud.destroy(group)
    town.cloud.stop()
    town.cloud.ensure_running()
    assert instances_of(town, group) == []
    assert town.cloud.groups(town.cluster) == ()
    with pytest.raises(CloudError, match="destroyed"):
        town.cloud.create(town.spec(), "release")
