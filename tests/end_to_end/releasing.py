"""What end-to-end tests do with a pipeline: give it a release, load it, and read how it ended."""

import runpy
from collections import Counter
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

from gennaker.demo.load import Load, load
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.records import Kind, Record, Records, Subject
from operators.runs import Conclusion, Run

DEMO = Path(__file__).parents[2] / "docker" / "demo"
#: Longest a run may take to be finished by itself or by the converge DAG, on a busy machine.
CONVERGED = timedelta(minutes=4)


def a_release(folder: Path, version: str, **knobs: object) -> Path:
    """The source of a release of Playback."""
    make = runpy.run_path(str(DEMO / "releases.py"))["make_release"]
    return Path(make(folder / version, version, knobs))


def under_load(cluster: Cluster, folder: Path) -> AbstractContextManager[Load]:
    """Load on a cluster's router until the block ends."""
    url = open_cloud("local").address(cluster)
    return load(DEMO / "load.py", {cluster.region: url}, folder / f"load-{cluster.region}.json")


def conclusion_of(dag_id: str, run_id: str) -> Conclusion | None:
    """What the records say of a run's end."""
    return Run(Records.open(), Subject(run=f"{dag_id}/{run_id}")).conclusion()


def records_of(dag_id: str, run_id: str, kind: Kind) -> list[Record]:
    """A run's records of one kind, oldest first."""
    return Records.open().search(kind=kind, run=f"{dag_id}/{run_id}")


def is_done(dag_id: str, run_id: str, step: str) -> bool:
    """Whether an operation of a run whose key ends with `step` is confirmed."""
    return any(key.endswith(f"/{step}") for key in confirmed(dag_id, run_id))


def confirmed(dag_id: str, run_id: str) -> Counter[str]:
    """How often each operation of a run was confirmed, by key."""
    operations = records_of(dag_id, run_id, Kind.OPERATION)
    return Counter(str(r.body["operation"]) for r in operations if r.body["event"] == "confirmed")
