"""The state file: names and ports are given once, and a change is whole or not there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from operators.clouds.cloud import Cluster, GroupSpec
from operators.clouds.local.loopback import free_ports
from operators.clouds.local.state import CloudState, StartCommand, StateFile
from operators.errors import CloudError

HERE = Cluster("playback", "production", "us-east-1")
START = StartCommand(command=("true",), directory=Path("/"), environment={})


def add(state: CloudState, key: str, cluster: Cluster = HERE, detail: str = "", capacity: int = 1) -> str:
    spec = GroupSpec(cluster, detail, "sha256:0", capacity)
    return state.add(spec, key, START, datetime.now(UTC)).name


def test_versions_go_on_after_a_group_was_destroyed_and_begin_again_after_v999() -> None:
    state = CloudState()
    kept = add(state, "0")
    for number in range(1, 1000):
        state.forget(add(state, str(number)))
    assert kept == "playback-production-us-east-1-v000"
    assert add(state, "1000") == "playback-production-us-east-1-v001"


def test_ports_are_given_once() -> None:
    state = CloudState()
    for number in range(5):
        add(state, str(number), Cluster("playback", "production", f"region-{number}"), capacity=3)
    given = [*state.regions.values(), *(cluster.port for cluster in state.clusters.values())]
    given += [port for group in state.groups.values() for port in group.ports]
    assert len(given) == len(set(given)) == 5 * 5


def test_too_few_ports_are_an_error_not_a_short_answer() -> None:
    with pytest.raises(CloudError, match="were not found"):
        free_ports(100_000, ())


@pytest.mark.parametrize("name", ["a.b", "a/b", "", "../a", "a b"])
def test_a_name_that_files_or_statistics_would_misread_is_refused(name: str) -> None:
    with pytest.raises(CloudError, match="cannot be part of"):
        CloudState().know(Cluster(name, "production", "us-east-1"))


def test_the_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    with file.change() as state:
        add(state, "one", detail="canary", capacity=2)
        state.forget(add(state, "two"))
    assert file.read() == state


def test_a_change_that_fails_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")

    def fail() -> None:
        with file.change() as state:
            add(state, "one")
            raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        fail()
    assert file.read() == CloudState()
