"""A world of services that never was."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from canary import CanaryConfig, Verdict
from canary.learning.recorded import Truth, looks_of
from canary.learning.services import badness
from canary.learning.stopped import stopped
from canary.learning.world import World
from canary.session import start

CONFIG = CanaryConfig(interval=timedelta(minutes=1), duration=timedelta(minutes=20))


@pytest.fixture(scope="module")
def world() -> World:
    return World(services=6, days=30, seed=3)


def test_the_same_arguments_make_the_same_world(world: World) -> None:
    again = World(services=6, days=30, seed=3)
    assert world.releases() == again.releases()
    first, second = next(world.batches(CONFIG, size=3)), next(again.batches(CONFIG, size=3))
    assert (first.latency == second.latency).all()
    assert first.canaries == second.canaries
    assert World(services=6, days=30, seed=4).releases() != world.releases()


def test_a_service_is_the_same_whatever_batch_it_is_in(world: World) -> None:
    whole, part = next(world.batches(CONFIG, size=4)), list(world.batches(CONFIG, size=2))[1]
    assert (whole.latency[:, 2:4] == part.latency).all()


def test_releases_are_in_order_and_know_only_what_was_before(world: World) -> None:
    releases = world.releases()
    assert [release.at for release in releases] == sorted(release.at for release in releases)
    seen: Counter[str] = Counter()
    for release in releases:
        assert release.facts.releases == seen[release.service]
        assert release.facts.change.is_first is (seen[release.service] == 0)
        seen[release.service] += 1


def test_about_as_many_are_bad_as_their_chances_say() -> None:
    world = World(services=40, days=60, seed=1)
    service = {each.name: each for each in world.services()}
    chances = np.array([badness(service[each.service], each.facts) for each in world.releases()])
    bad = sum(each.truth is Truth.BAD for each in world.releases())
    assert abs(bad - chances.sum()) < 4 * np.sqrt((chances * (1 - chances)).sum())
    assert 0.03 < bad / len(chances) < 0.2


def test_every_look_is_marked_as_simulated(world: World) -> None:
    for canary in next(world.batches(CONFIG, size=5)).canaries:
        assert canary.is_simulated
        assert "/simulated__" in canary.run


def test_a_stopped_canary_keeps_what_its_session_saw(world: World) -> None:
    batch = next(world.batches(CONFIG, size=12, length=timedelta(minutes=25)))
    cut = stopped(batch, CONFIG)
    for index, canary in enumerate(cut.canaries):
        session = start(CONFIG)
        judgments = [session.add(look) for look in looks_of(cut, index)]
        assert judgments[-1].verdict is canary.verdict
        assert judgments[-1].is_final or canary.verdict is Verdict.INCONCLUSIVE
        assert not any(judgment.is_final for judgment in judgments[:-1])
        assert canary.seconds == judgments[-1].elapsed_s
