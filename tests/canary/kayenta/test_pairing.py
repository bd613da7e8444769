"""Series are paired by their tags, as Kayenta does before it judges."""

import numpy as np
import pytest

from canary import CanaryError
from canary.kayenta import MetricSetPair, TaggedSeries, pair_by_tags


def series(*values: float, **tags: str) -> TaggedSeries:
    return TaggedSeries(np.array(values), tags)


def told(pairs: tuple[MetricSetPair, ...]) -> list[tuple[dict[str, str] | None, str, str]]:
    return [(pair.tags, str(pair.control), str(pair.experiment)) for pair in pairs]


def test_series_of_equal_tags_are_a_pair() -> None:
    control = [series(1, zone="a"), series(2, zone="b")]
    experiment = [series(4, zone="b"), series(3, zone="a")]
    pairs = pair_by_tags("m", control, experiment, 1)
    assert told(pairs) == [({"zone": "a"}, "[1.]", "[3.]"), ({"zone": "b"}, "[2.]", "[4.]")]


def test_series_without_tags_are_a_pair() -> None:
    assert told(pair_by_tags("m", [series(1)], [series(2)], 1)) == [({}, "[1.]", "[2.]")]


def test_a_missing_partner_is_nan() -> None:
    pairs = pair_by_tags("m", [series(1, 2, zone="a")], [], 2)
    assert told(pairs) == [({"zone": "a"}, "[1. 2.]", "[nan nan]")]


def test_short_series_are_filled_up_and_long_ones_kept() -> None:
    assert told(pair_by_tags("m", [series(1)], [series(2, 3, 4)], 2)) == [({}, "[ 1. nan]", "[2. 3. 4.]")]


def test_the_only_series_without_tags_is_dropped_for_the_tagged_ones_of_the_other_side() -> None:
    pairs = pair_by_tags("m", [series(1)], [series(2, zone="a"), series(3, zone="b")], 1)
    assert told(pairs) == [({"zone": "a"}, "[nan]", "[2.]"), ({"zone": "b"}, "[nan]", "[3.]")]


def test_no_series_at_all_are_one_pair_of_nan() -> None:
    assert told(pair_by_tags("m", [], [], 2)) == [({}, "[nan nan]", "[nan nan]")]


def test_sides_tagged_by_different_keys_are_refused() -> None:
    with pytest.raises(CanaryError, match="control is tagged by zone, experiment by region"):
        pair_by_tags("m", [series(1, zone="a")], [series(1, region="a")], 1)


def test_a_tag_set_that_is_there_twice_is_refused() -> None:
    with pytest.raises(CanaryError, match="two of experiment have the same tags"):
        pair_by_tags("m", [], [series(1, zone="a"), series(1, zone="a")], 1)
