"""What is removed when it is no longer needed: old server groups and old images."""

from operators.clouds.cloud import Cloud, Cluster


def prune_groups(cloud: Cloud, cluster: Cluster, keep: int) -> tuple[str, ...]:
    """Destroys groups without traffic but the newest `keep`; returns the names, safe to repeat."""
    weights = cloud.weights(cluster)
    idle = [g.name for g in cloud.groups(cluster) if not weights.get(g.name)]
    old = idle[: len(idle) - keep] if keep else idle
    for group in old:
        cloud.destroy(group)
    return tuple(old)
