"""Filters of Google Cloud Monitoring for one side, by type of resource, as Kayenta makes them."""

from collections.abc import Mapping
from typing import Final

from canary.errors import CanaryError
from canary.sources.queries import Scope

_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "k8s_container": (*("location", "node_name", "cluster_name", "pod_name", "container_name", "namespace_name"),),
    "gke_container": ("cluster_name", "namespace_id", "instance_id", "pod_id", "container_name", "zone"),
}
_USER_LABEL: Final = "user_labels."


def filter_of(metric: str, resource: str, scope: Scope, project: str, text: str) -> str:
    """The filter for one metric of one side.

    Args:
        metric: the type of the metric.
        resource: the type of the resource; may be empty with a text.
        scope: the side.
        project: the project whose resources are meant.
        text: a filter of the query's own, used instead of what the type of resource asks for.

    Raises:
        CanaryError: when the type of resource is needed and not known, or scope or location are needed and empty.
    """
    parts = [f"metric.type={_quoted(metric)}", *([f"resource.type={_quoted(resource)}"] if resource else [])]
    return " AND ".join([*parts, *([text] if text else _own(resource, scope, project))])


def _own(resource: str, scope: Scope, project: str) -> list[str]:
    of_project = f"project={_quoted(project)}"
    match resource:
        case "gce_instance":
            location, group = _needed(resource, scope, "location"), _needed(resource, scope, "scope")
            return [
                of_project,
                f'metadata.user_labels."spinnaker-region"={_quoted(location)}',
                f'metadata.user_labels."spinnaker-server-group"={_quoted(group)}',
            ]
        case "aws_ec2_instance":
            location, group = _needed(resource, scope, "location"), _needed(resource, scope, "scope")
            return [
                f"resource.labels.region={_quoted('aws:' + location)}",
                f'metadata.user_labels."aws:autoscaling:groupname"={_quoted(group)}',
            ]
        case "gae_app":
            version = f"resource.labels.version_id={_quoted(_needed(resource, scope, 'scope'))}"
            service = scope.parameters.get("service")
            return [of_project, version, *([f"resource.labels.module_id={_quoted(service)}"] if service else [])]
        case "k8s_container" | "k8s_pod" | "k8s_node":
            return [of_project, *_labels(_LABELS["k8s_container"], scope)]
        case "gke_container":
            return [of_project, *_labels(_LABELS["gke_container"], scope)]
        case "global":
            return []
    mend = "give a filter as the query's text, or one of the resource types that are known"
    raise CanaryError(f"no filter is known for the resource type {resource!r} of Google Cloud Monitoring", mend=mend)


def _labels(names: tuple[str, ...], scope: Scope) -> list[str]:
    given = scope.parameters
    own = [f"resource.labels.{name}={_quoted(given[name])}" for name in names if name in given]
    users = [name for name in given if name.startswith(_USER_LABEL)]
    return own + [f"metadata.user_labels.{_quoted(n.removeprefix(_USER_LABEL))}={_quoted(given[n])}" for n in users]


def _needed(resource: str, scope: Scope, name: str) -> str:
    value = scope.variables[name]
    if not value:
        raise CanaryError(f"the {name} is empty", why=f"resource type {resource!r} needs it", mend="give it")
    return value


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
