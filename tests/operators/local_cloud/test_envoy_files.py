"""What Envoy is told is a plain function of the state."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.clouds.local.envoy import Backend, Frontend, clusters, listeners, routes, weights_of

weights = st.dictionaries(st.text("abc-0", min_size=1), st.integers(0, 100))


@given(weights)
def test_weights_are_read_back_from_the_routes_without_zeros(split: dict[str, int]) -> None:
    assert weights_of(routes("app", split)) == {group: percent for group, percent in split.items() if percent}


@given(weights, weights)
def test_routes_have_the_same_version_only_when_they_are_the_same(one: dict[str, int], other: dict[str, int]) -> None:
    is_same = weights_of(routes("app", one)) == weights_of(routes("app", other))
    assert (routes("app", one)["version_info"] == routes("app", other)["version_info"]) is is_same


def test_each_group_is_a_cluster_of_its_own_on_loopback() -> None:
    (cluster,) = clusters([Backend("app-v001", (8001, 8002), "/healthz")])["resources"]
    endpoints = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert cluster["name"] == "app-v001"
    assert [each["endpoint"]["address"]["socket_address"] for each in endpoints] == [
        {"address": "127.0.0.1", "port_value": 8001},
        {"address": "127.0.0.1", "port_value": 8002},
    ]


@pytest.mark.parametrize("port", [8001])
def test_a_listener_takes_its_routes_from_a_file(port: int) -> None:
    (listener,) = listeners([Frontend("app.production", port, Path("/state/routes.json"))])["resources"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["rds"]["config_source"]["path_config_source"] == {"path": "/state/routes.json"}
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": port}
