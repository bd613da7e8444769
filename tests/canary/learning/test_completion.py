"""Canaries that were stopped are continued so that other settings look as they would have been."""

from datetime import timedelta

import numpy as np
import pytest

from canary import CanaryConfig
from canary.config import MetricConfig
from canary.learning.completion import completed
from canary.learning.courses import courses_of
from canary.learning.estimates import means_of
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Batch
from canary.learning.search import outcomes_under
from canary.learning.stopped import stopped
from canary.learning.world import World

POLICY = RetuningPolicy()


def settings(alpha: float, margin: float, most: int) -> CanaryConfig:
    metrics = [MetricConfig(name=name, margin=margin, negligible=0.003) for name in ("error_rate", "latency")]
    return CanaryConfig(
        alpha=alpha, interval=timedelta(minutes=1), duration=timedelta(minutes=most), metrics=tuple(metrics)
    )


RECORDED = settings(0.3, 1.6, 15)
WHOLE = list(World(services=10, days=40, seed=6).batches(RECORDED))
CUT = [stopped(batch, RECORDED) for batch in WHOLE]
CONTINUED = [completed(batch, timedelta(hours=1), seed=1) for batch in CUT]


def figures(config: CanaryConfig, batches: list[Batch]) -> tuple[float, ...]:
    return means_of(outcomes_under(config, [courses_of(config, batch) for batch in batches], POLICY), POLICY)


@pytest.mark.parametrize("other", [settings(0.01, 1.6, 15), settings(0.05, 1.5, 45)], ids=["strict", "long"])
def test_other_settings_are_told_better_than_by_the_looks_taken_alone(other: CanaryConfig) -> None:
    truth, cut, continued = (np.array(figures(other, batches)) for batches in (WHOLE, CUT, CONTINUED))
    undecided_and_hours = slice(2, 4)
    gap = np.abs(continued - truth)[undecided_and_hours]
    assert (gap <= 0.06).all()
    assert (gap <= np.abs(cut - truth)[undecided_and_hours]).all()


def test_the_looks_that_were_taken_stay_as_they_were() -> None:
    assert figures(RECORDED, CONTINUED) == figures(RECORDED, CUT)
    for cut, continued in zip(CUT, CONTINUED, strict=True):
        is_look = np.arange(cut.seconds.shape[1]) < cut.looks[:, None]
        most = cut.seconds.shape[1]
        assert np.array_equal(cut.requests[:, is_look], continued.requests[:, :, :most][:, is_look])
        assert np.array_equal(cut.seconds[is_look], continued.seconds[:, :most][is_look])


def test_what_is_made_up_goes_on_growing_and_repeats_with_the_seed() -> None:
    again = completed(CUT[0], timedelta(hours=1), seed=1)
    assert np.array_equal(again.requests, CONTINUED[0].requests)
    other = completed(CUT[0], timedelta(hours=1), seed=2)
    assert not np.array_equal(other.errors, CONTINUED[0].errors)
    assert (np.diff(again.requests, axis=2) >= 0)[:, again.looks == again.looks.max()].all()
    assert (again.errors <= again.requests).all()
