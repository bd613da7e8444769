"""What the records and the clouds say of all services, put together for a person."""

from dataclasses import dataclass

from canary.errors import GennakerError
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.records import Kind, Record, Records, Subject
from operators.runs import Run


@dataclass(frozen=True, slots=True)
class ClusterLine:
    """A cluster, its traffic split, and the deployment that set it."""

    name: str
    traffic: str
    since: str
    by: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, when it began, and what it came to."""

    run: str
    began: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that `gennaker status` shows."""

    clusters: tuple[ClusterLine, ...]
    leases: tuple[tuple[str, str], ...]
    runs: tuple[RunLine, ...]


def overview(pipeline: str, newest: int) -> Overview:
    """The state of one pipeline's service, or of all with `""`; `newest` runs of it."""
    records = Records.open()
    opened = [r for r in records.search(kind=Kind.RUN, newest_first=True) if r.body["state"] == "opened"]
    mine = [r for r in opened if pipeline in ("", r.subject.pipeline)]
    services = {r.subject.service for r in mine}
    leases = [
        (lease.cluster, lease.run)
        for lease in records.leases.all()
        if not pipeline or lease.cluster.partition("/")[0] in services
    ]
    return Overview(
        clusters=_clusters(records, services),
        leases=tuple(leases),
        runs=tuple(_run_line(records, r) for r in mine[:newest]),
    )


def _clusters(records: Records, services: set[str]) -> tuple[ClusterLine, ...]:
    newest: dict[str, Record] = {}
    for service in sorted(services):
        for record in records.search(kind=Kind.DEPLOYMENT, service=service):
            s = record.subject
            newest[str(Cluster(s.service, s.environment, s.region))] = record
    return tuple(_cluster_line(records, name, record) for name, record in sorted(newest.items()))


def _cluster_line(records: Records, name: str, record: Record) -> ClusterLine:
    s = record.subject
    run = Run(records, Subject(run=s.run, pipeline=s.pipeline, service=s.service))
    try:
        weights = open_cloud(run.cloud_of(s.environment)).weights(Cluster(s.service, s.environment, s.region))
        traffic = ", ".join(f"{group} {percent}%" for group, percent in weights.items()) or "none"
    except GennakerError as error:
        traffic = f"unknown: {error.what}"
    return ClusterLine(name, traffic, record.at.strftime("%Y-%m-%d %H:%M"), s.run)


def _run_line(records: Records, record: Record) -> RunLine:
    conclusion = Run(records, record.subject).conclusion()
    verdict, reason = (conclusion.verdict.value, conclusion.reason) if conclusion else ("under way", "")
    return RunLine(record.subject.run, record.at.strftime("%Y-%m-%d %H:%M"), verdict, reason)
