"""What is wrong with a metric's source or query is said when the pipeline is checked, and no store is asked."""

from typing import Any

import pytest

from canary import CanaryConfig
from gennaker.metric_sources import flaws_of_sources
from gennaker.model import Environment

SHOP = {"type": "prometheus", "url": "http://127.0.0.1:9"}
COUNTS = {"events": 'failed_total{group="${scope}"}', "requests": 'all_total{group="${scope}"}'}


def flaws(sources: dict[str, Any], **metric: Any) -> list[str]:
    given = {"name": "checkouts", "kind": "counts", "source": "shop", "query": COUNTS, **metric}
    environment = Environment(environment="production", regions=("us-east-1",), sources=sources)
    return list(flaws_of_sources(CanaryConfig.model_validate({"metrics": [given]}), environment))


def test_a_metric_that_its_source_can_give_is_fine() -> None:
    assert flaws({"shop": SHOP}) == []


@pytest.mark.parametrize(
    ("sources", "metric", "words"),
    [
        ({"shp": SHOP}, {}, "metric checkouts: unknown metric source 'shop'; did you mean 'shp'?"),
        ({"shop": {"type": "promtheus"}}, {}, "known are"),
        ({"shop": {"type": "prometheus"}}, {}, "url"),
        ({"shop": SHOP}, {"kind": "gauge"}, "its query gives counts, and its kind is gauge"),
        ({"shop": SHOP}, {"query": {"events": "a", "buckets": "b"}}, "fits no kind of sample"),
        ({"shop": SHOP}, {"query": {"evnts": "a"}}, "evnts"),
    ],
)
def test_one_that_it_cannot_give_is_named(sources: dict[str, Any], metric: dict[str, Any], words: str) -> None:
    [flaw] = flaws(sources, **metric)
    assert words in flaw
