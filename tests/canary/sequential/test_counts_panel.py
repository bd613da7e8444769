"""Metrics that count events among requests, many of them at once."""

from collections.abc import Sequence

import pytest

from canary.config import CanaryConfig, MetricConfig, MetricKind
from canary.samples import NO_DATA, EventCount, Lacking
from canary.sequential.error_rate import CountsPanel
from canary.sequential.metrics import Reading
from canary.ticks import Pair, Tick

FINE, HARM = (1_000, 10, 1_000, 10), (1_000, 10, 1_000, 40)


def a_counter(name: str, **settings: object) -> MetricConfig:
    return MetricConfig.model_validate({"name": name, "kind": MetricKind.COUNTS, **settings})


def pair(n_b: int, s_b: int, n_c: int, s_c: int) -> Pair:
    return Pair(EventCount(s_b, n_b), EventCount(s_c, n_c))


def a_tick(**metrics: Pair | Lacking) -> Tick:
    return Tick(15, 0.5, False, 1_000, 1_000, metrics)


def read(metrics: Sequence[MetricConfig], ticks: Sequence[Tick]) -> dict[str, Reading]:
    panel = CountsPanel(metrics, CanaryConfig(metrics=tuple(metrics)), is_stepped=False)
    for tick in ticks:
        panel.add(tick)
    return dict(zip((metric.name for metric in metrics), panel.readings(), strict=True))


def test_each_metric_of_a_panel_has_its_own_evidence() -> None:
    readings = read([a_counter("bad"), a_counter("good")], [a_tick(bad=pair(*HARM), good=pair(*FINE))] * 10)
    assert readings["bad"].log_harm > 5 > readings["good"].log_harm
    assert readings["good"].log_safe > readings["bad"].log_safe


def test_a_metric_without_data_keeps_its_evidence_while_others_go_on() -> None:
    lacking = Lacking(NO_DATA, "the canary does not show it")
    metrics = [a_counter("one"), a_counter("other")]
    before = read(metrics, [a_tick(one=pair(*HARM), other=pair(*HARM))] * 4)
    after = read(metrics, [*[a_tick(one=pair(*HARM), other=pair(*HARM))] * 4, a_tick(one=lacking, other=pair(*HARM))])
    assert after["one"].log_harm == before["one"].log_harm
    assert after["one"].lacking == lacking
    assert after["other"].log_harm > before["other"].log_harm
    assert after["other"].lacking is None


def test_a_counter_without_requests_is_named_and_not_judged() -> None:
    wrong = Pair(EventCount(3), EventCount(4))
    reading = read([a_counter("one")], [a_tick(one=wrong)])["one"]
    assert reading.lacking is not None
    assert reading.lacking.outcome == "wrong kind"
    assert (reading.baseline, reading.canary) == (None, None)


def test_where_fewer_events_are_harm_the_sides_change_places() -> None:
    more = read([a_counter("one")], [a_tick(one=pair(*HARM))] * 6)["one"]
    n_b, s_b, n_c, s_c = HARM
    fewer = read([a_counter("one", direction="decrease")], [a_tick(one=pair(n_c, s_c, n_b, s_b))] * 6)["one"]
    assert fewer.log_harm == pytest.approx(more.log_harm)
    assert fewer.interval.effect is not None
    assert more.interval.effect is not None
    assert fewer.interval.effect == pytest.approx(1 / more.interval.effect)
    assert fewer.interval.low == pytest.approx(1 / (more.interval.high or 0))
    assert fewer.interval.high == pytest.approx(1 / (more.interval.low or 0))


def test_more_of_the_same_harmless_ticks_is_more_evidence_for_safety() -> None:
    safe = [read([a_counter("one")], [a_tick(one=pair(*FINE))] * count)["one"].log_safe for count in (5, 10, 20, 40)]
    assert safe == sorted(safe)


def test_a_known_dispersion_is_used_and_not_learnt() -> None:
    readings = read(
        [a_counter("known", dispersion=4), a_counter("clean", dispersion=1)],
        [a_tick(known=pair(*HARM), clean=pair(*HARM))] * 5,
    )
    assert (readings["known"].dispersion, readings["clean"].dispersion) == (4, 1)
    assert readings["known"].log_harm < readings["clean"].log_harm


def test_splitting_a_look_in_two_changes_little_once_the_dispersion_is_known() -> None:
    metric = a_counter("one", dispersion=1)
    whole = read([metric], [a_tick(one=pair(2_000, 20, 2_000, 60))] * 4)["one"]
    halves = read([metric], [a_tick(one=pair(1_000, 10, 1_000, 30))] * 8)["one"]
    assert halves.log_harm == pytest.approx(whole.log_harm, abs=0.3)
