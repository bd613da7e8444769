"""How recorded canaries would have ended under other settings."""

from datetime import timedelta

import pytest

from canary import CanaryConfig, Look, Verdict, start
from canary.learning.in_memory import InMemoryHistory
from canary.learning.recorded import Recorded, batches_of, looks_of
from canary.learning.replay import replayed
from canary.simulation import BEGIN, Traffic, simulate

CONFIG = CanaryConfig(min_duration=timedelta(minutes=2), duration=timedelta(minutes=10))


def a_canary(seed: int, minutes: int = 10, **traffic: float) -> tuple[Recorded, list[Look]]:
    looks = list(simulate(Traffic(**traffic), CONFIG.interval, timedelta(minutes=minutes), seed))
    ending = Verdict.INCONCLUSIVE
    return Recorded(f"j{seed}", f"p/r{seed}", "api", "here", BEGIN, CONFIG, 0, ending, minutes * 60.0), looks


PAIRS = [a_canary(1), a_canary(2, harm=4.0), a_canary(3, minutes=1, rate=2.0)]


def test_looks_come_back_from_a_batch_as_they_were() -> None:
    (batch,) = batches_of(PAIRS)

    assert [looks_of(batch, index) for index in range(3)] == [looks for _, looks in PAIRS]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replayed_canary_ends_as_its_session_did(workers: int) -> None:
    endings = list(replayed(CONFIG, InMemoryHistory(list(batches_of(PAIRS, size=2))), workers=workers))

    for (_, looks), ending in zip(PAIRS, endings, strict=True):
        session = start(CONFIG)
        judgments = [session.add(look) for look in looks]
        first = next((each for each in judgments if each.is_final), judgments[-1])
        assert (ending.verdict, ending.seconds) == (first.verdict, first.elapsed_s)
        assert ending.is_cut_short is not first.is_final


def test_a_longer_interval_takes_every_kth_look() -> None:
    slower = CONFIG.model_copy(update={"interval": timedelta(minutes=1)})

    endings = list(replayed(slower, InMemoryHistory(list(batches_of(PAIRS)))))

    assert all(ending.seconds % 60 == 0 for ending in endings)


def test_a_batch_holds_no_more_canaries_than_asked_for() -> None:
    history = InMemoryHistory(list(batches_of(PAIRS)))

    assert [len(batch.canaries) for batch in history.batches(2)] == [2, 1]
