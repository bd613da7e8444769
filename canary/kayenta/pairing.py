"""Series of both sides, paired by their tags as Kayenta pairs them before it judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from canary.errors import CanaryError
from canary.kayenta.groups import Floats
from canary.kayenta.request import MetricSetPair


@dataclass(frozen=True, slots=True)
class TaggedSeries:
    """One series of a metric as its store gives it.

    Args:
        values: in order of time `(n,)`; NaN where there is none.
        tags: what tells it from the metric's other series; empty for the only one.
    """

    values: Floats
    tags: Mapping[str, str]


def pair_by_tags(
    name: str, control: Sequence[TaggedSeries], experiment: Sequence[TaggedSeries], points: int
) -> tuple[MetricSetPair, ...]:
    """The pairs of one metric, one for each tag set of either side, ordered by tags.

    A tag set that only one side has is paired with NaN. Where only one side has a series without tags, that series is
    dropped, since it cannot be told which of the other side's it belongs to. Times are not aligned. Without any series
    there is one pair of NaN.

    Args:
        name: the metric.
        control: the baseline's series.
        experiment: the canary's series.
        points: how many values a series should have, `(end - start) / step`; shorter ones are filled up with NaN.

    Raises:
        CanaryError: when the sides are tagged by different keys, or one of them has a tag set twice.
    """
    by_tags = _by_tags(name, "control", control), _by_tags(name, "experiment", experiment)
    keys = [sorted({key for tags in side for key, _ in tags}) for side in by_tags]
    if keys[0] and keys[1] and keys[0] != keys[1]:
        raise CanaryError(
            f"the series of metric {name!r} cannot be paired",
            why=f"control is tagged by {', '.join(keys[0])}, experiment by {', '.join(keys[1])}",
            mend="group both sides by the same labels",
        )
    found = set(by_tags[0]) | set(by_tags[1]) or {()}
    is_template = len(found) > 1 and (() in by_tags[0]) != (() in by_tags[1])
    wanted = sorted(tags for tags in found if tags or not is_template)
    return tuple(
        MetricSetPair(
            name,
            control=_filled(by_tags[0].get(tags), points),
            experiment=_filled(by_tags[1].get(tags), points),
            tags=dict(tags),
        )
        for tags in wanted
    )


_Tags = tuple[tuple[str, str], ...]


def _by_tags(name: str, side: str, series: Sequence[TaggedSeries]) -> dict[_Tags, Floats]:
    found = {tuple(sorted(each.tags.items())): each.values for each in series}
    if len(found) < len(series):
        raise CanaryError(
            f"the series of metric {name!r} cannot be paired",
            why=f"two of {side} have the same tags",
            mend="group by labels that tell them apart, or aggregate them",
        )
    return found


def _filled(values: Floats | None, points: int) -> Floats:
    """The values, with NaN after them where they are fewer than `points`."""
    given = np.empty(0) if values is None else values
    return np.concatenate((given, np.full(max(points - len(given), 0), np.nan)))
