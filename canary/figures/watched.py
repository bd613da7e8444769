"""A canary as it was watched: what all figures are drawn from."""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Final, NamedTuple

from canary.config import CanaryConfig, JudgeKind, MetricConfig
from canary.faults import fault_of
from canary.judgment import Judgment
from canary.looks import LATENCY, Look
from canary.samples import Sample
from canary.session import judge, start
from canary.threshold.config import Measured
from canary.threshold.values import total_of
from canary.ticks import Pair, Tick, ticks_of

#: Judgments that a curve of evidence has at most: half an hour at a look each 15 s, and cheap enough to judge again.
MOST_JUDGMENTS: Final = 120
#: As many of a canary that was looked at more often: its curve is approximate in any case.
THINNED_JUDGMENTS: Final = 60
#: Points that a time series has at most: shorter stretches are noise to the eye.
MOST_POINTS: Final = 60


class Stretch(NamedTuple):
    """Some ticks in a row, in seconds since the first look."""

    begin_s: float
    end_s: float
    ticks: tuple[Tick, ...]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return sum(tick.seconds for tick in self.ticks)

    def both(self, metric: str) -> tuple[Sample, Sample] | None:
        """What baseline and canary showed of a metric in all of it together; None where they cannot be compared."""
        pairs = [pair for tick in self.ticks if isinstance(pair := tick.metrics.get(metric), Pair)]
        if not pairs:
            return None
        return total_of([pair.baseline for pair in pairs]), total_of([pair.canary for pair in pairs])


class Watched:
    """A canary as it was watched: its looks and what the judge said of them.

    Args:
        config: what it is judged by.
        looks: oldest first; those that no judge could use, and those after the last one judged, are left out.
        judgment: the judgment to show, if it was already made.
        metrics: the metrics to draw; all, where none are named.
    """

    def __init__(
        self,
        config: CanaryConfig,
        looks: Sequence[Look],
        judgment: Judgment | None = None,
        metrics: Sequence[str] = (),
    ) -> None:
        self.config = config
        self.judgment = judge(config, looks) if judgment is None else judgment
        self.looks = _usable(looks, self.judgment)
        self._seen: dict[str, list[tuple[Sample, Sample] | None]] = {}
        self.metrics = tuple(metrics) or tuple(dict.fromkeys(_names(config)))

    def settings(self, metric: str) -> MetricConfig | None:
        """How a metric of the looks is configured; None where only bounds name it."""
        return next((each for each in self.config.metrics if each.name == metric), None)

    def unit(self, metric: str) -> str:
        """The unit of a metric's values, `""` where it has none."""
        settings = self.settings(metric)
        return (settings.unit if settings is not None else "") or ("ms" if metric == LATENCY else "")

    @property
    def bounds(self) -> tuple[Measured, ...]:
        """What the judge `threshold` measures; nothing under others."""
        is_used = self.config.judge is JudgeKind.THRESHOLD and self.config.threshold is not None
        return tuple(self.config.threshold.metrics) if is_used and self.config.threshold is not None else ()

    @cached_property
    def stretches(self) -> list[Stretch]:
        """All ticks that are judged, one each; what the warm-up saw is left out."""
        ticks = ticks_of(self.looks, self.metrics)
        ends = list(accumulate((tick.seconds for tick in ticks), initial=0.0))
        each = [Stretch(begin, end, (tick,)) for begin, end, tick in zip(ends, ends[1:], ticks, strict=False)]
        return [stretch for stretch in each if stretch.end_s > self.config.warm_up.total_seconds()]

    @cached_property
    def points(self) -> list[Stretch]:
        """The same in at most `MOST_POINTS` stretches of about the same number of ticks."""
        size = -(-len(self.stretches) // MOST_POINTS) or 1
        parts = [self.stretches[start : start + size] for start in range(0, len(self.stretches), size)]
        return [_joined(part) for part in parts]

    def seen(self, metric: str) -> list[tuple[Sample, Sample] | None]:
        """What both sides showed of a metric at each of `points`."""
        if metric not in self._seen:
            self._seen[metric] = [point.both(metric) for point in self.points]
        return self._seen[metric]

    @property
    def whole(self) -> Stretch:
        """All of it together."""
        return _joined(self.stretches)

    @cached_property
    def judgments(self) -> list[Judgment]:
        """The judgment after each look; of more than `MOST_JUDGMENTS` looks, after some of them, the last as it was.

        The judge is asked again. Given fewer looks, its evidence on the way there is not bit for bit what it was.
        """
        session, made = start(_only(self.config, self.metrics)), list[Judgment]()
        for look in _thinned(self.looks):
            made.append(session.add(look))
        return [*made[:-1], self.judgment] if made else []

    @property
    def is_thinned(self) -> bool:
        """Whether there are more looks than judgments drawn."""
        return len(self.looks) > MOST_JUDGMENTS + 1


def _names(config: CanaryConfig) -> list[str]:
    if config.judge is JudgeKind.THRESHOLD and config.threshold is not None:
        return [metric.metric for metric in config.threshold.metrics]
    return [metric.name for metric in config.metrics]


def _usable(looks: Sequence[Look], judgment: Judgment) -> list[Look]:
    usable: list[Look] = []
    for look in looks:
        if fault_of(look) or (usable and look.at <= usable[-1].at):
            continue
        if usable and (look.at - usable[0].at).total_seconds() > judgment.elapsed_s:
            break
        usable.append(look)
    return usable


def _joined(stretches: Sequence[Stretch]) -> Stretch:
    if not stretches:
        return Stretch(0.0, 0.0, ())
    ticks = tuple(tick for stretch in stretches for tick in stretch.ticks)
    return Stretch(stretches[0].begin_s, stretches[-1].end_s, ticks)


def _thinned(looks: Sequence[Look]) -> list[Look]:
    """Looks at about equal distances, with the first, the last, and both sides of each turn of a ramp."""
    every = 1 if len(looks) <= MOST_JUDGMENTS + 1 else math.ceil((len(looks) - 1) / THINNED_JUDGMENTS)
    turns = {place for place in range(1, len(looks)) if looks[place].step != looks[place - 1].step}
    kept = {0, len(looks) - 1, *turns, *(turn - 1 for turn in turns)}
    return [look for place, look in enumerate(looks) if place % every == 0 or place in kept]


def _only(config: CanaryConfig, metrics: Sequence[str]) -> CanaryConfig:
    """The configuration with some of its metrics only, each with the part of alpha that it had."""
    chosen = tuple(metric for metric in config.metrics if metric.name in set(metrics))
    if len(chosen) in (0, len(config.metrics)):
        return config
    part = sum(metric.weight for metric in chosen) / sum(metric.weight for metric in config.metrics)
    return config.model_copy(update={"metrics": chosen, "alpha": config.alpha * part})
