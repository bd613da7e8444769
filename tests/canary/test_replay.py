"""Invariant 7: from the record of a decision the same verdict is computed again, bit for bit."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryError, Judgment, Look, MetricResult, Side, Verdict, judge, start
from canary.samples import EventCount, Gauge, Histogram, Lacking, Moments
from tests.canary.builders import BEGIN, Group, a_config, quick, some_looks

COUNT = st.integers(0, 10**9)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
EDGES = st.lists(st.floats(0.1, 1e6), unique=True, max_size=5).map(lambda edges: tuple(sorted(edges)))


@st.composite
def sides(draw: st.DrawFn) -> Side:
    edges, requests = draw(EDGES), draw(COUNT)
    latency = tuple(draw(st.lists(COUNT, min_size=len(edges) + 1, max_size=len(edges) + 1))) if edges else ()
    samples = draw(st.dictionaries(st.text(), SAMPLES, max_size=3))
    return Side(requests, draw(st.integers(0, requests)), latency, edges, samples)


SAMPLES = st.one_of(
    st.builds(EventCount, COUNT, st.none() | COUNT),
    st.builds(Histogram, st.lists(COUNT).map(tuple), EDGES),
    st.builds(Moments, COUNT, NUMBER, NUMBER),
    st.builds(Gauge, st.dictionaries(st.text(), NUMBER)),
    st.builds(Lacking, st.text(), st.text()),
)


@st.composite
def canaries(draw: st.DrawFn) -> list[Look]:
    """Looks as a source could give them: growing counters, resets, empty ticks, changing steps and shares."""
    edges = (10.0, 100.0)
    looks, sums = [], [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    for tick in range(draw(st.integers(1, 8))):
        for side in sums:
            if draw(st.integers(0, 9)) == 0:
                side[:] = [0, 0, 0, 0, 0]
            fast, slow, slowest = (draw(st.integers(0, 200)) for _ in range(3))
            requests = fast + slow + slowest
            growth = (requests, draw(st.integers(0, requests)), fast, slow, slowest)
            side[:] = [old + new for old, new in zip(side, growth, strict=True)]
        both = [Side(side[0], side[1], tuple(side[2:]), edges) for side in sums]
        share, step = draw(st.floats(0.01, 0.99)), draw(st.sampled_from(["5%", "20%"]))
        looks.append(Look(BEGIN + timedelta(seconds=15 * tick), both[0], both[1], share, step))
    return looks


METRICS = st.builds(
    MetricResult,
    name=st.text(),
    kind=st.text(),
    role=st.text(),
    outcome=st.text(),
    verdict=st.sampled_from(Verdict),
    sentence=st.text(),
    effect=st.none() | NUMBER,
    low=st.none() | NUMBER,
    high=st.none() | NUMBER,
    unit=st.text(),
    log_evidence_harm=NUMBER,
    log_limit_harm=NUMBER,
    log_evidence_safe=NUMBER,
    log_limit_safe=NUMBER,
    dispersion=NUMBER,
    baseline_value=st.none() | NUMBER,
    canary_value=st.none() | NUMBER,
    looks=COUNT,
    size_baseline=COUNT,
    size_canary=COUNT,
    threshold=st.none() | NUMBER,
    is_weak=st.booleans(),
    until_harm=st.none() | COUNT,
    until_safe=st.none() | COUNT,
)
JUDGMENTS = st.builds(
    Judgment,
    verdict=st.sampled_from(Verdict),
    reason=st.text(),
    decided_by=st.text(),
    looks=COUNT,
    elapsed_s=NUMBER,
    requests_baseline=COUNT,
    requests_canary=COUNT,
    metrics=st.lists(METRICS, max_size=3).map(tuple),
    more_requests=st.none() | COUNT,
    more_minutes=st.none() | NUMBER,
    is_final=st.booleans(),
    culprits=st.lists(st.text()).map(tuple),
)


@settings(deadline=None)
@given(canaries())
def test_judging_stored_looks_gives_the_judgment_of_the_session_that_stored_them(looks: list[Look]) -> None:
    session = start(quick())
    live = [session.add(look) for look in looks]
    stored = [Look.from_json(look.to_json()) for look in looks]
    assert [judge(quick(), stored[: end + 1]).to_json() for end in range(len(stored))] == [
        each.to_json() for each in live
    ]


@settings(deadline=None)
@given(canaries(), st.data())
def test_a_session_rebuilt_from_stored_looks_goes_on_as_if_it_never_stopped(
    looks: list[Look], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(looks)))
    rebuilt = start(quick())
    for look in looks[:cut]:
        rebuilt.add(Look.from_json(look.to_json()))
    for look in looks[cut:]:
        last = rebuilt.add(look)
    assert cut == len(looks) or last == judge(quick(), looks)


@given(JUDGMENTS)
def test_a_judgment_survives_json(judgment: Judgment) -> None:
    assert Judgment.from_json(judgment.to_json()) == judgment


@given(sides(), sides(), st.floats(0.001, 0.999), st.text())
def test_a_look_survives_json(baseline: Side, canary: Side, share: float, step: str) -> None:
    look = Look(BEGIN, baseline, canary, share, step)
    assert Look.from_json(look.to_json()) == look
    assert Side.from_json(baseline.to_json()) == baseline


@given(
    st.text() | st.sampled_from(["{}", "[]", "null", '{"version": 3}', '{"version": 2, "metrics": [1]}', '{"at": 1}'])
)
def test_text_that_is_no_record_is_one_clear_error(text: str) -> None:
    for read in (Judgment.from_json, Look.from_json, Side.from_json):
        with pytest.raises(CanaryError, match="cannot be read"):
            read(text)


def test_real_judgments_survive_json() -> None:
    session = start(a_config(metrics=["error_rate", "latency"]))
    for look in some_looks(20, canary=Group(error_rate=0.1)):
        judgment = session.add(look)
        assert Judgment.from_json(judgment.to_json()) == judgment
