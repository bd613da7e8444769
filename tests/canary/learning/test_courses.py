"""Evidence worked out side by side is that of sessions, whatever the looks are."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, Look, Verdict, start
from canary.config import MetricConfig
from canary.learning.courses import courses_of, decided
from canary.learning.recorded import Recorded, batches_of
from canary.looks import Side
from canary.simulation import BEGIN

EDGES = (10.0, 100.0)
CONFIG = CanaryConfig(
    interval=timedelta(seconds=15),
    min_duration=timedelta(seconds=30),
    duration=timedelta(minutes=3),
    min_requests=20,
    metrics=(MetricConfig(name="error_rate", margin=3.0, negligible=0.2), MetricConfig(name="latency", margin=3.0)),
)


@st.composite
def sides(draw: st.DrawFn) -> Side:
    """What one side shows at one look: anything a malformed or restarted source may say."""
    buckets = draw(st.one_of(st.none(), st.tuples(*[st.integers(0, 400)] * 3)))
    requests = sum(buckets) if buckets and draw(st.booleans()) else draw(st.integers(0, 1000))
    errors = draw(st.integers(0, requests))
    return Side(requests, errors, buckets, EDGES) if buckets else Side(requests, errors)


@st.composite
def canaries(draw: st.DrawFn) -> list[Look]:
    """Looks whose counters mostly grow, sometimes restart, and whose clock sometimes stands still."""
    seconds, looks = 0.0, []
    totals = [np.zeros(5, int), np.zeros(5, int)]
    for _ in range(draw(st.integers(1, 14))):
        shown = []
        for which in (0, 1):
            added = np.array(draw(st.tuples(*[st.integers(0, 60)] * 3)))
            errors = draw(st.integers(0, int(added.sum())))
            if draw(st.integers(0, 15)) == 0:
                totals[which][:] = 0
            totals[which] += np.array([added.sum(), errors, *added])
            has_latency = draw(st.integers(0, 9)) > 0
            requests, wrong, *buckets = totals[which].tolist()
            shown.append(Side(requests, wrong, tuple(buckets), EDGES) if has_latency else Side(requests, wrong))
        if draw(st.integers(0, 20)) == 0:
            shown[draw(st.integers(0, 1))] = draw(sides())
        share = draw(st.sampled_from([0.5, 0.5, 0.5, 0.3]))
        looks.append(Look(BEGIN + timedelta(seconds=seconds), shown[0], shown[1], share))
        seconds += draw(st.sampled_from([0.0, 15.0, 15.0, 15.0, 60.0]))
    return looks


def recorded(number: int) -> Recorded:
    return Recorded(f"j{number}", "p/r", "s", "here", BEGIN, CONFIG, 0, Verdict.INCONCLUSIVE, 0.0)


@settings(max_examples=60)
@given(group=st.lists(canaries(), min_size=1, max_size=4))
def test_every_canary_ends_as_its_session_would(group: list[list[Look]]) -> None:
    for batch in batches_of((recorded(number), looks) for number, looks in enumerate(group)):
        endings = decided(courses_of(CONFIG, batch), CONFIG)
        for canary, ending in zip(batch.canaries, endings, strict=True):
            session, looks = start(CONFIG), group[int(canary.id[1:])]
            for look in looks:
                judgment = session.add(look)
                if judgment.is_final:
                    break
            expected = judgment.verdict if judgment.is_final else Verdict.INCONCLUSIVE
            assert (ending.verdict, ending.is_cut_short) == (expected, not judgment.is_final)


@settings(max_examples=20)
@given(group=st.lists(canaries(), min_size=1, max_size=3), alpha=st.floats(1e-6, 0.4), beta=st.floats(1e-6, 0.4))
def test_settings_that_only_decide_need_no_new_evidence(group: list[list[Look]], alpha: float, beta: float) -> None:
    other = CONFIG.model_copy(update={"alpha": alpha, "beta": beta, "min_requests": 5})
    for batch in batches_of((recorded(number), looks) for number, looks in enumerate(group)):
        assert decided(courses_of(CONFIG, batch), other) == decided(courses_of(other, batch), other)


def test_copies_of_a_canary_do_not_change_each_other() -> None:
    looks = [Look(BEGIN + timedelta(seconds=15 * n), Side(50 * n, n), Side(50 * n, 5 * n), 0.5) for n in range(12)]
    pairs = [(replace(recorded(0), id=f"j{n}"), looks[: 12 - 4 * n]) for n in range(3)]
    together = decided(courses_of(CONFIG, next(iter(batches_of(pairs)))), CONFIG)
    alone = [decided(courses_of(CONFIG, next(iter(batches_of([pair])))), CONFIG)[0] for pair in pairs]
    assert together == alone
