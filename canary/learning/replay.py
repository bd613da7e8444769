"""How recorded canaries would have ended under other settings."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Final

import numpy as np

from canary.config import CanaryConfig, JudgeKind
from canary.judgment import Verdict
from canary.learning.courses import courses_of, decided
from canary.learning.endings import Ending as Ending
from canary.learning.recorded import Batch, History, looks_of, part_of
from canary.learning.schedule import scheduled
from canary.session import start

#: Most canaries end early, so that the first looks of all are judged before the rest of those still open.
_WINDOWS: Final = (32, 96)


def replayed(config: CanaryConfig, history: History, *, workers: int = 1) -> Iterator[Ending]:
    """How each recorded canary would have ended, in the order of the history's batches.

    Args:
        config: what to judge by. An interval longer than the recorded one takes every k-th look. Metrics that batches
            do not show are left out, with their part of alpha.
        history: the recorded canaries.
        workers: how many processes judge; 1 judges in this one.

    Raises:
        CanaryError: when no guardrail of the configuration is one that batches show.
    """
    if workers == 1:
        for batch in history.batches():
            yield from _endings(config, batch)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        batches = history.batches()
        # One batch more than workers is enough for none to wait, and keeps memory flat.
        running: list[Future[list[Ending]]] = [
            pool.submit(_endings, config, batch) for batch in islice(batches, workers + 1)
        ]
        while running:
            yield from running.pop(0).result()
            running += [pool.submit(_endings, config, batch) for batch in islice(batches, 1)]


def _endings(config: CanaryConfig, batch: Batch) -> list[Ending]:
    """How each canary of a batch would have ended, in its order."""
    if config.judge is not JudgeKind.SEQUENTIAL:
        taken = scheduled(batch, config)
        return [_ending(config, taken, index) for index in range(len(taken.canaries))]
    endings: list[Ending | None] = [None] * len(batch.canaries)
    still_open = np.arange(len(endings))
    most = int(batch.looks.max(initial=0))
    for window in (*(each for each in _WINDOWS if each < most), most):
        if not len(still_open):
            break
        found = decided(courses_of(config, part := part_of(batch, still_open, window)), config)
        for row, ending in zip(still_open.tolist(), found, strict=True):
            endings[row] = ending
        goes_on = np.array([each.is_cut_short for each in found], bool)
        still_open = still_open[goes_on & (part.looks < batch.looks[still_open])]
    return [ending for ending in endings if ending is not None]


def _ending(config: CanaryConfig, batch: Batch, index: int) -> Ending:
    """How one canary would have ended, by a session of its own."""
    session, name = start(config), batch.canaries[index].id
    for place, look in enumerate(looks_of(batch, index)):
        judgment = session.add(look)
        if judgment.is_final:
            return Ending(name, judgment.verdict, float(batch.seconds[index, place]), False)
    last = float(batch.seconds[index, int(batch.looks[index]) - 1])
    return Ending(name, Verdict.INCONCLUSIVE, last, True)
