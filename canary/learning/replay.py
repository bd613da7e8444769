"""How recorded canaries would have ended under other settings."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context

from canary.config import CanaryConfig
from canary.judgment import Verdict
from canary.learning.recorded import Batch, History, looks_of
from canary.learning.schedule import scheduled
from canary.session import start


@dataclass(frozen=True, slots=True)
class Ending:
    """How a canary would have ended.

    Args:
        id: of the recorded judgment.
        verdict: the verdict; INCONCLUSIVE where the looks ended, or the time was over, without another.
        seconds: from the first look to the verdict, or to the last look.
        is_cut_short: whether the looks ended, because the canary was stopped, before these settings came to an end.
    """

    id: str
    verdict: Verdict
    seconds: float
    is_cut_short: bool


def replayed(config: CanaryConfig, history: History, *, workers: int = 1) -> Iterator[Ending]:
    """How each recorded canary would have ended, in the order of the history's batches.

    Args:
        config: what to judge by. An interval longer than the recorded one takes every k-th look.
        history: the recorded canaries.
        workers: how many processes judge; 1 judges in this one.
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
    taken = scheduled(batch, config)
    return [_ending(config, taken, index) for index in range(len(taken.canaries))]


def _ending(config: CanaryConfig, batch: Batch, index: int) -> Ending:
    """How one canary would have ended, by a session of its own."""
    session, name = start(config), batch.canaries[index].id
    for place, look in enumerate(looks_of(batch, index)):
        judgment = session.add(look)
        if judgment.is_final:
            return Ending(name, judgment.verdict, float(batch.seconds[index, place]), False)
    last = float(batch.seconds[index, int(batch.looks[index]) - 1])
    return Ending(name, Verdict.INCONCLUSIVE, last, True)
