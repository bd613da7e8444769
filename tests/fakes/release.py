"""The service that the tests release, where it runs, and what was there before."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from operators.change import Change
from operators.clouds.cloud import Cloud, Cluster
from operators.environment import Environment
from operators.records import Records, Subject
from operators.runs import Run
from operators.stage import Scope
from operators.windows import Calendar, Freeze

PIPELINE = "playback"
REGIONS = ("us-east-1", "us-west-2", "eu-central-1")
REGION = REGIONS[0]
ENVIRONMENT = Environment("production", "memory", REGIONS, capacity=2)
CLUSTER = ENVIRONMENT.cluster(PIPELINE, REGION)
ALWAYS: Mapping[str, Any] = Calendar().model_dump(mode="json")


def a_scope(stage: str, when: str = "") -> Scope:
    return Scope(PIPELINE, PIPELINE, stage, "sha256:definition", when)


def told(stage: str, region: str = REGION, **more: Any) -> dict[str, Any]:
    """What every operator that changes a cluster is told."""
    given = {"task_id": stage, "scope": a_scope(stage), "environment": ENVIRONMENT.to_json(), "region": region}
    return {**given, "calendar": ALWAYS, **more}


def a_run(records: Records, run_id: str = "1") -> Run:
    return a_scope("").run(run_id, records)


def an_open_run(records: Records, run_id: str = "1") -> Run:
    """A run with all that its first task writes."""
    run = a_run(records, run_id)
    run.open({"definition": "sha256:definition", "run_type": "manual"})
    run.use_cloud(ENVIRONMENT.name, ENVIRONMENT.cloud)
    return run


def a_change(records: Records, cloud: Cloud, stage: str, run_id: str = "1", region: str = REGION) -> Change:
    subject = Subject(run=f"{PIPELINE}/{run_id}", pipeline=PIPELINE, stage=stage)
    return Change.of(records, cloud, ENVIRONMENT.cluster(PIPELINE, region), subject)


def a_stable_group(records: Records, cloud: Cloud, region: str = REGION, image: str = "sha256:old") -> str:
    """The group that an earlier, finished run left with all traffic of the region."""
    run_id = f"before-{region}-{image}"
    change = a_change(records, cloud, "deploy", run_id, region)
    change.begin()
    group = change.create(image=image, capacity=2, health_path="/healthz")
    change.promote(group, "first")
    records.leases.release(str(change.cluster), change.subject.run)
    return group


def groups_of(cloud: Cloud, cluster: Cluster = CLUSTER) -> list[str]:
    return [group.name for group in cloud.groups(cluster)]


def closed_for(length: timedelta) -> dict[str, Any]:
    """A calendar under a freeze that ends after `length`."""
    now = datetime.now(UTC)
    freeze = Freeze.model_validate({"name": "holiday", "from": now - timedelta(hours=1), "to": now + length})
    return Calendar(freezes=(freeze,)).model_dump(mode="json")
