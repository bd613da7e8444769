"""What would have been recorded of canaries whose every look is known."""

from dataclasses import replace

import numpy as np

from canary.config import CanaryConfig
from canary.learning.in_memory import InMemoryHistory
from canary.learning.recorded import Batch
from canary.learning.replay import replayed
from canary.learning.schedule import scheduled


def stopped(batch: Batch, config: CanaryConfig) -> Batch:
    """The looks up to each canary's verdict under a configuration, with that verdict.

    Raises:
        CanaryError: when no guardrail of the configuration is one that batches show.
    """
    taken = scheduled(batch, config)
    endings = list(replayed(config, InMemoryHistory([taken])))
    ends = np.array([ending.seconds for ending in endings])
    looks = np.minimum((taken.seconds < ends[:, None]).sum(axis=1) + 1, taken.looks)
    canaries = tuple(
        replace(canary, config=config, verdict=ending.verdict, seconds=ending.seconds)
        for canary, ending in zip(taken.canaries, endings, strict=True)
    )
    rows = np.arange(len(looks))[:, None]
    # What came later is not left behind the last look, where nobody could have seen it.
    places = np.minimum(np.arange(int(looks.max(initial=1))), looks[:, None] - 1)
    return replace(
        taken,
        canaries=canaries,
        looks=looks,
        seconds=taken.seconds[rows, places],
        share=taken.share[rows, places],
        requests=taken.requests[:, rows, places],
        errors=taken.errors[:, rows, places],
        latency=taken.latency[:, rows, places],
    )
