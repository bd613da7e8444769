"""A retuning ends in a challenger within bounds, or in none and why."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from canary import CanaryConfig, Verdict
from canary.config import MetricConfig
from canary.learning.bounds import broken_bounds
from canary.learning.in_memory import InMemoryHistory
from canary.learning.policy import RetuningPolicy
from canary.learning.recorded import Recorded, Truth, batches_of
from canary.learning.retuning import Retuning, retune
from canary.looks import Look
from canary.simulation import BEGIN, Traffic, simulate

#: Waits far too long, and demands more safety than its traffic can show.
POOR = CanaryConfig(
    interval=timedelta(seconds=30),
    min_duration=timedelta(minutes=4),
    duration=timedelta(minutes=5),
    metrics=(MetricConfig(name="error_rate", margin=1.3), MetricConfig(name="latency", margin=1.3)),
)
POLICY = RetuningPolicy(min_labelled=20, false_rollback_target=0.1)


def some_history(count: int = 60) -> InMemoryHistory:
    """Canaries of three services, a fifth of them bad."""

    def pairs() -> Iterator[tuple[Recorded, list[Look]]]:
        for number in range(count):
            is_bad = number % 5 == 0
            traffic = Traffic(rate=20.0, error_rate=0.03, harm=4.0 if is_bad else 1.0)
            looks = list(simulate(traffic, POOR.interval, timedelta(minutes=10), number))
            yield (
                Recorded(
                    id=f"j{number}",
                    run=f"p/r{number}",
                    service=f"s{number % 3}",
                    region="here",
                    at=BEGIN + timedelta(hours=number),
                    config=POOR,
                    version=0,
                    verdict=Verdict.INCONCLUSIVE,
                    seconds=600.0,
                    truth=Truth.BAD if is_bad else Truth.GOOD,
                ),
                looks,
            )

    return InMemoryHistory(list(batches_of(pairs())))


HISTORY = some_history()


@pytest.fixture(scope="module")
def result() -> Retuning:
    return retune(POOR, HISTORY, POLICY, seed=1, trials=4)


def test_poor_settings_get_a_challenger_that_costs_less_within_the_bounds(result: Retuning) -> None:
    assert result.challenger is not None, result.why
    assert broken_bounds(POOR, result.challenger, POLICY) == []
    assert result.after[""].cost.value < result.before[""].cost.value
    assert {"", "s0", "s1", "s2"} == set(result.before)


def test_a_retuning_comes_back_from_json_as_it_was(result: Retuning) -> None:
    assert Retuning.from_json(result.to_json()) == result


def test_the_same_seed_gives_the_same_retuning(result: Retuning) -> None:
    assert retune(POOR, HISTORY, POLICY, seed=1, trials=4) == result


def test_too_few_labels_leave_the_champion_and_say_so() -> None:
    found = retune(POOR, HISTORY, replace_min(POLICY, 61), seed=1, trials=1)

    assert found.challenger is None
    assert "60 canaries have a label, and 61 are needed" in found.why


def test_labels_of_one_kind_only_leave_the_champion() -> None:
    good = [
        replace(batch, canaries=tuple(replace(each, truth=Truth.GOOD) for each in batch.canaries))
        for batch in HISTORY.batches()
    ]

    assert retune(POOR, InMemoryHistory(good), POLICY, trials=1).challenger is None


def replace_min(policy: RetuningPolicy, least: int) -> RetuningPolicy:
    return policy.model_copy(update={"min_labelled": least})
