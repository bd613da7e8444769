"""Short waits: for a lease, and for fresh proof of health."""

import asyncio
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from operators.records import Records
from operators.triggers import HealthTrigger, LeaseTrigger
from operators.watch_trigger import WatchTrigger
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import fire
from tests.fakes.release import CLUSTER, a_stable_group


def soon(seconds: float = 20) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def fired_after(trigger: BaseTrigger, change: Any) -> Any:
    """What the trigger fires with once `change` was made; it must not fire before."""
    events = trigger.run()
    first = asyncio.ensure_future(anext(events))
    done, _ = await asyncio.wait([first], timeout=0.2)
    assert not done
    await asyncio.to_thread(change)
    return (await asyncio.wait_for(first, timeout=20)).payload


@pytest.mark.parametrize(
    "trigger",
    [
        LeaseTrigger(str(CLUSTER), soon()),
        HealthTrigger("memory", ["v1", "v2"], soon()),
        WatchTrigger({"judgment": "1"}),
    ],
    ids=lambda trigger: type(trigger).__name__,
)
def test_a_trigger_can_be_made_again_from_what_it_serializes(trigger: BaseTrigger) -> None:
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**arguments)
    assert again.serialize() == (path, arguments)


def test_a_free_lease_is_told_at_once(records: Records) -> None:
    assert fire(LeaseTrigger(str(CLUSTER), soon())) == {"cluster": str(CLUSTER), "holder": ""}


def test_a_lease_is_waited_for_until_it_is_released(records: Records) -> None:
    records.leases.take(str(CLUSTER), "playback/1")
    release = lambda: records.leases.release(str(CLUSTER), "playback/1")  # noqa: E731
    assert asyncio.run(fired_after(LeaseTrigger(str(CLUSTER), soon()), release)) == {
        "cluster": str(CLUSTER),
        "holder": "",
    }


def test_at_the_deadline_it_is_told_who_holds_the_lease(records: Records) -> None:
    records.leases.take(str(CLUSTER), "playback/1")
    assert fire(LeaseTrigger(str(CLUSTER), soon(0.1))) == {"cluster": str(CLUSTER), "holder": "playback/1"}


def test_healthy_groups_are_told_at_once(records: Records, cloud: MemoryCloud) -> None:
    group = a_stable_group(records, cloud)
    assert fire(HealthTrigger("memory", [group], soon())) == {"why": ""}


def test_health_is_waited_for_until_every_group_has_it(records: Records, cloud: MemoryCloud) -> None:
    groups = [a_stable_group(records, cloud, image=image) for image in ("sha256:1", "sha256:2")]
    cloud.sick.add(groups[1])
    assert asyncio.run(fired_after(HealthTrigger("memory", groups, soon()), cloud.sick.clear)) == {"why": ""}


def test_at_the_deadline_it_is_told_what_is_missing(records: Records, cloud: MemoryCloud) -> None:
    groups = [a_stable_group(records, cloud, image=image) for image in ("sha256:1", "sha256:2")]
    cloud.sick.add(groups[1])
    assert fire(HealthTrigger("memory", groups, soon(-1))) == {"why": f"{groups[1]}: 0 of 2 healthy (sick)"}


@pytest.mark.parametrize("trouble", ["a group that is gone", "a cloud that does not answer", "an unknown cloud"])
def test_trouble_with_the_cloud_is_no_health_and_is_told_at_the_deadline(
    trouble: str, records: Records, cloud: MemoryCloud
) -> None:
    group = a_stable_group(records, cloud)
    if trouble == "a cloud that does not answer":
        cloud.broken.add("health")
    name = "moon" if trouble == "an unknown cloud" else "memory"
    wanted = "v404" if trouble == "a group that is gone" else group
    assert fire(HealthTrigger(name, [wanted], soon(-1)))["why"]
