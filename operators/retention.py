"""What is removed when it is no longer needed: old server groups and old images."""

from dataclasses import replace

from operators.clouds import open_cloud
from operators.clouds.cloud import Cloud, Cluster
from operators.home import home
from operators.images import delete, images
from operators.records import Kind, Records
from operators.runs import Run, open_runs


def prune_groups(cloud: Cloud, cluster: Cluster, keep: int) -> tuple[str, ...]:
    """Destroys groups without traffic but the newest `keep`; returns the names, safe to repeat."""
    weights = cloud.weights(cluster)
    idle = [g.name for g in cloud.groups(cluster) if not weights.get(g.name)]
    old = idle[: max(len(idle) - keep, 0)]
    for group in old:
        cloud.destroy(group)
    return tuple(old)


def prune_images(records: Records, service: str, keep: int) -> tuple[str, ...]:
    """Deletes the service's images but the newest `keep`; returns the digests, safe to repeat.

    An image that a server group is made of, in any environment, or that a run under way baked is kept too.
    """
    under_way = {run.subject.run for run in open_runs(records)}
    baked, kept = dict[str, None](), images_in_use(records, service)
    for record in records.search(kind=Kind.IMAGE, service=service):
        digest = str(record.body["digest"])
        baked.pop(digest, None)
        baked[digest] = None  # the last bake counts
        if record.subject.run in under_way:
            kept.add(digest)
    store = home() / "images"
    old = set(list(baked)[: max(len(baked) - keep, 0)]) - kept
    found = tuple(image.digest for image in images(store) if image.digest in old)
    for digest in found:
        delete(store, digest)
    return found


def images_in_use(records: Records, service: str) -> set[str]:
    """Images of all groups in the clusters that the service was ever really deployed to."""
    newest = {}
    for record in records.search(kind=Kind.DEPLOYMENT, service=service):
        if not record.body.get("simulated"):
            newest[record.subject.environment, record.subject.region] = record.subject
    in_use = set()
    for subject in newest.values():
        run = Run(records, replace(subject, environment="", region="", stage=""))
        cloud = open_cloud(run.cloud_of(subject.environment))
        groups = cloud.groups(Cluster(service, subject.environment, subject.region))
        in_use |= {group.spec.image for group in groups}
    return in_use
