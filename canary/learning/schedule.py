"""Which recorded looks a setting would have taken."""

import numpy as np

from canary.config import CanaryConfig
from canary.learning.recorded import Batch, Counts


def stride_of(config: CanaryConfig, recorded: CanaryConfig) -> int:
    """Every how many recorded looks one is taken: the ratio of the intervals, rounded, and at least 1.

    A shorter interval than the recorded one cannot be had, and one that is no multiple becomes the nearest.
    """
    return max(1, round(config.interval / recorded.interval))


def scheduled(batch: Batch, config: CanaryConfig) -> Batch:
    """The batch with only the looks that a setting would have taken, the first among them."""
    strides = np.array([stride_of(config, canary.config) for canary in batch.canaries], np.int64)
    if (strides == 1).all() or not len(strides):
        return batch
    looks = (batch.looks - 1) // strides + 1
    places = np.minimum(np.arange(int(looks.max())), looks[:, None] - 1) * strides[:, None]
    return Batch(
        canaries=batch.canaries,
        looks=looks,
        seconds=np.take_along_axis(batch.seconds, places, axis=1),
        share=np.take_along_axis(batch.share, places, axis=1),
        requests=_taken(batch.requests, places),
        errors=_taken(batch.errors, places),
        latency=batch.latency[:, np.arange(len(places))[:, None], places],
        edges_ms=batch.edges_ms,
    )


def _taken(counters: Counts, places: Counts) -> Counts:
    return np.take_along_axis(counters, places[None], axis=2)
