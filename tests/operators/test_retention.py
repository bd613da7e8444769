"""Retention: the old goes, and never what is in use."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.clouds.cloud import BakeRequest, GroupSpec
from operators.errors import CloudError
from operators.images import bake, images
from operators.records import Kind, Records
from operators.retention import prune_groups, prune_images
from operators.runs import Conclusion, RunVerdict
from tests.fakes.cloud import MemoryCloud
from tests.fakes.release import (
    CLUSTER,
    PIPELINE,
    REGIONS,
    a_run,
    a_stable_group,
    an_open_run,
    groups_of,
)

DONE = Conclusion(RunVerdict.PROMOTED, "promoted")


@pytest.fixture
def store(home: Path) -> Path:
    return home / "images"


def a_baked_image(records: Records, store: Path, run_id: str) -> str:
    """An image that the run baked; the run is closed."""
    source = store.parent / f"source-{run_id}"
    source.mkdir(parents=True)
    (source / "Procfile").write_text(f"web: echo {run_id}\n")
    digest = bake(store, BakeRequest(PIPELINE, source)).digest
    run = an_open_run(records, run_id)
    records.append(Kind.IMAGE, run.subject, {"name": PIPELINE, "version": run_id, "digest": digest})
    run.close(DONE)
    return digest


def left(store: Path) -> list[str]:
    return [image.digest for image in images(store)]


@given(groups=st.integers(1, 6), keep=st.integers(0, 6), with_traffic=st.integers(0, 5))
def test_groups_with_traffic_and_the_newest_idle_ones_stay(groups: int, keep: int, with_traffic: int) -> None:
    cloud = MemoryCloud()
    names = [cloud.create(GroupSpec(CLUSTER, "", "sha256:old", 1), str(number)).name for number in range(groups)]
    used = names[with_traffic % groups]
    cloud.route(CLUSTER, {used: 100}, 1)
    idle = [name for name in names if name != used]
    gone = idle[: max(len(idle) - keep, 0)]
    assert prune_groups(cloud, CLUSTER, keep) == tuple(gone)
    assert groups_of(cloud) == [name for name in names if name not in gone]
    assert prune_groups(cloud, CLUSTER, keep) == ()


@pytest.mark.parametrize("keep", [0, 1, 2, 9])
def test_the_newest_images_of_a_service_stay(keep: int, records: Records, cloud: MemoryCloud, store: Path) -> None:
    baked = [a_baked_image(records, store, str(number)) for number in range(4)]
    gone = baked[: max(4 - keep, 0)]
    assert set(prune_images(records, PIPELINE, keep)) == set(gone)
    assert set(left(store)) == set(baked) - set(gone)
    assert prune_images(records, PIPELINE, keep) == ()


def test_an_image_that_is_baked_again_counts_as_new(records: Records, cloud: MemoryCloud, store: Path) -> None:
    first, second = (a_baked_image(records, store, number) for number in ("1", "2"))
    records.append(Kind.IMAGE, a_run(records, "3").subject, {"digest": first})
    assert prune_images(records, PIPELINE, 1) == (second,)


@pytest.mark.parametrize("has_traffic", [True, False])
def test_an_image_of_a_group_in_any_environment_or_region_is_never_deleted(
    has_traffic: bool, records: Records, cloud: MemoryCloud, store: Path
) -> None:
    used, unused = a_baked_image(records, store, "1"), a_baked_image(records, store, "2")
    an_open_run(records, f"before-{REGIONS[2]}-{used}").close(DONE)
    group = a_stable_group(records, cloud, REGIONS[2], used)
    if not has_traffic:
        newer = a_stable_group(records, cloud, REGIONS[2], "sha256:newer")
        an_open_run(records, f"before-{REGIONS[2]}-sha256:newer").close(DONE)
        assert newer != group
    assert prune_images(records, PIPELINE, 0) == (unused,)
    assert left(store) == [used]


def test_an_image_that_a_run_under_way_baked_is_never_deleted(
    records: Records, cloud: MemoryCloud, store: Path
) -> None:
    baked = a_baked_image(records, store, "1")
    run = an_open_run(records, "2")
    records.append(Kind.IMAGE, run.subject, {"digest": baked})
    assert prune_images(records, PIPELINE, 0) == ()
    run.close(DONE)
    assert prune_images(records, PIPELINE, 0) == (baked,)


def test_images_of_another_service_are_not_touched(records: Records, cloud: MemoryCloud, store: Path) -> None:
    baked = a_baked_image(records, store, "1")
    assert prune_images(records, "ratings", 0) == ()
    assert left(store) == [baked]


def test_no_image_is_deleted_while_a_cloud_does_not_say_what_it_uses(
    records: Records, cloud: MemoryCloud, store: Path
) -> None:
    baked = a_baked_image(records, store, "1")
    an_open_run(records, f"before-{REGIONS[0]}-{baked}").close(DONE)
    a_stable_group(records, cloud, image=baked)
    cloud.broken.add("groups")
    with pytest.raises(CloudError):
        prune_images(records, PIPELINE, 0)
    assert left(store) == [baked]
