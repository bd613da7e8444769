"""What a region's Envoy is told, as plain JSON values: pure functions, the same in, the same out.

Field names and meanings are Envoy's own (envoyproxy.io, v3 API). Resources carry a hash of
their content as version, so asking Envoy for the version proves that it took just this content.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from operators.clouds.local.loopback import LOOPBACK

Json = dict[str, Any]

_FILTERS: Final = "type.googleapis.com/envoy.extensions.filters"

#: Upper edges of latency buckets in ms: enough of them that a judge sees a shift of a third.
LATENCY_EDGES_MS: Final = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 70),
    *(100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10000),
)

#: Envoy closes an idle connection to an instance before the instance does (uvicorn: after 5 s),
#: else a request could be sent into a connection that is just being closed.
_IDLE: Final = "3s"

#: A request that never reached an instance may go to another one; one that did may not: it could act twice.
_RETRY: Final = {
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 4,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 5,
}

#: Envoy's default of 1024 connections, requests and 3 retries would turn a burst into lost requests.
_NO_LIMIT: Final = {
    name: 100_000 for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries")
}


@dataclass(frozen=True, slots=True)
class Backend:
    """A server group as Envoy sees it: a cluster of its own, so its statistics are its own."""

    name: str
    ports: tuple[int, ...]
    health_path: str


@dataclass(frozen=True, slots=True)
class Frontend:
    """Where a service's clients connect, and the file that says how they are split."""

    name: str
    port: int
    routes_file: Path


def bootstrap(region: str, admin_port: int, clusters_file: Path, listeners_file: Path) -> Json:
    """What Envoy is started with; all else it reads from the two files, and again when they are replaced."""
    return {
        "node": {"id": region, "cluster": "gennaker"},
        "admin": {"address": _address(admin_port)},
        "dynamic_resources": {"cds_config": _from_file(clusters_file), "lds_config": _from_file(listeners_file)},
        "stats_flush_interval": "1s",  # histograms move only then; the default of 5 s delays every verdict
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"prefix": "cluster."}, "buckets": list(LATENCY_EDGES_MS)}]
        },
    }


def clusters(backends: Sequence[Backend]) -> Json:
    """The CDS file."""
    return _versioned([_cluster(backend) for backend in backends])


def listeners(frontends: Sequence[Frontend]) -> Json:
    """The LDS file."""
    return _versioned([_listener(frontend) for frontend in frontends])


def routes(frontend: str, weights: Mapping[str, int]) -> Json:
    """The RDS file of one listener; without weights every request is answered with 503."""
    return _versioned(
        [
            {
                "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                "name": frontend,
                "virtual_hosts": [{"name": frontend, "domains": ["*"], "routes": [_route(weights)]}],
            }
        ]
    )


def weights_of(routes_file: Json) -> dict[str, int]:
    """The weights that a file made by `routes` holds."""
    route = routes_file["resources"][0]["virtual_hosts"][0]["routes"][0]
    split = route.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
    return {part["name"]: part["weight"] for part in split}


def _route(weights: Mapping[str, int]) -> Json:
    split = [{"name": group, "weight": weight} for group, weight in sorted(weights.items()) if weight]
    if not split:
        return {"match": {"prefix": "/"}, "direct_response": {"status": 503, "body": {"inline_string": "no group yet"}}}
    action = {"weighted_clusters": {"clusters": split}, "timeout": "30s", "retry_policy": _RETRY}
    return {"match": {"prefix": "/"}, "route": action}


def _cluster(backend: Backend) -> Json:
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": backend.name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": backend.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}} for port in backend.ports]}],
        },
        "health_checks": [_health_check(backend.health_path)],
        "circuit_breakers": {"thresholds": [_NO_LIMIT]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": _IDLE},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _health_check(path: str) -> Json:
    """Quick to see a new instance, slow to give up one on a busy machine: three failures of up to 2 s."""
    return {
        "timeout": "2s",
        "interval": "1s",
        "no_traffic_interval": "0.25s",
        "no_traffic_healthy_interval": "1s",
        "unhealthy_interval": "0.25s",
        "healthy_threshold": 1,
        "unhealthy_threshold": 3,
        "http_health_check": {"path": path},
    }


def _listener(frontend: Frontend) -> Json:
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": frontend.name,
        "rds": {"route_config_name": frontend.name, "config_source": _from_file(frontend.routes_file)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
            }
        ],
    }
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": frontend.name,
        "address": _address(frontend.port),
        "enable_reuse_port": False,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _address(port: int) -> Json:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _from_file(path: Path) -> Json:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _versioned(resources: list[Json]) -> Json:
    digest = hashlib.sha256(json.dumps(resources, sort_keys=True).encode()).hexdigest()
    return {"version_info": digest[:16], "resources": resources}
