import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from canary import CanaryConfig, Look, Side, judge
from canary import figures as all_figures
from canary.figures import Watched, distributions, effects, evidence, pods, quantile_differences, series, traffic
from canary.figures.watched import MOST_JUDGMENTS, MOST_POINTS
from canary.samples import EventCount, Gauge, Moments, Sample
from canary.sequential.quantiles import quantile_band
from tests.canary.builders import BEGIN, Group, a_config, counted, quick, some_looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_A_METRIC = (evidence, series, distributions, quantile_differences, pods)


def sampled(*ticks: tuple[Sample, Sample], name: str = "own") -> list[Look]:
    """Looks at one metric, a second apart."""
    return [
        Look(BEGIN + timedelta(seconds=at), *(Side(10 * at, 0, samples={name: sample}) for sample in both))
        for at, both in enumerate(ticks)
    ]


def of_kind(kind: str, **settings: Any) -> CanaryConfig:
    return a_config(metrics=[{"name": "own", "kind": kind, **settings}])


def lines(figure: "Figure") -> dict[str, list[float]]:
    """The values of each labelled line."""
    (axes,) = figure.axes
    return {str(line.get_label()): list(line.get_ydata()) for line in axes.lines if str(line.get_label())[0] != "_"}


def test_the_public_figures_are_listed_in_order() -> None:
    assert all_figures.__all__ == sorted(all_figures.__all__)
    assert all(hasattr(all_figures, name) for name in all_figures.__all__)


def test_a_figure_of_a_canary_takes_three_lines() -> None:
    config, looks = quick(), list(some_looks(30, canary=Group(error_rate=0.3)))
    figure = evidence(Watched(config, looks), "error_rate")
    assert lines(figure)["for harm"][-1] > 200


def test_evidence_is_what_the_judge_said_at_each_look_and_is_held_against_the_limits() -> None:
    looks = list(some_looks(20, canary=Group()))
    canary = Watched(quick(), looks)
    found = [math.exp(judge(quick(), looks[:count]).metrics[0].log_evidence_harm) for count in range(1, len(looks) + 1)]
    limit = math.exp(canary.judgment.metrics[0].log_limit_harm)
    drawn = lines(evidence(canary, "error_rate"))
    assert drawn["for harm"] == pytest.approx([min(max(value, 1 / limit), limit**2) for value in found])
    assert any(label.startswith("limit") and values == pytest.approx([limit] * 2) for label, values in drawn.items())


def test_a_canary_looked_at_often_is_judged_again_a_few_times_and_ends_as_it_did() -> None:
    looks = counted(*[(50, 1, 50, 1)] * 400)
    canary = Watched(a_config(), looks)
    assert len(canary.judgments) <= MOST_JUDGMENTS + 1
    assert canary.judgments[-1] == judge(a_config(), looks)
    assert canary.is_thinned


def test_metrics_drawn_alone_keep_their_limits() -> None:
    looks = list(some_looks(10, canary=Group()))
    whole, part = Watched(quick(), looks), Watched(quick(), looks, metrics=["latency"])
    limits = [{m.name: m.log_limit_harm for m in canary.judgments[-2].metrics}["latency"] for canary in (whole, part)]
    assert limits[0] == pytest.approx(limits[1])


def test_a_judge_without_evidence_says_so() -> None:
    config = a_config(judge="threshold", threshold={"rules": "flagger", "step_weight": 10, "metrics": BOUNDED})
    figure = evidence(Watched(config, counted(*[(100, 1, 100, 3)] * 30)), "errors")
    assert "no evidence" in figure.get_label()


BOUNDED = [{"name": "errors", "metric": "error_rate", "measure": "error_percent", "maximum": 2.0}]


def test_bounds_of_the_threshold_judge_are_drawn_on_the_series() -> None:
    config = a_config(judge="threshold", threshold={"rules": "flagger", "step_weight": 10, "metrics": BOUNDED})
    drawn = lines(series(Watched(config, counted(*[(100, 1, 100, 3)] * 30)), "error_rate"))
    assert drawn["bound"] == [2.0, 2.0]
    assert drawn["canary"] == pytest.approx([3.0] * len(drawn["canary"]))


@pytest.mark.parametrize(
    ("kind", "both", "expected"),
    [
        ("counts", lambda t: (EventCount(t, 100 * t), EventCount(2 * t, 100 * t)), (1.0, 2.0)),
        ("events", lambda t: (EventCount(3 * t), EventCount(4 * t)), (3.0, 4.0)),
        ("mean", lambda t: (Moments(10 * t, 50.0 * t, 300.0 * t), Moments(10 * t, 70.0 * t, 600.0 * t)), (5.0, 7.0)),
        ("gauge", lambda _: (Gauge({"a": 1.0, "b": 3.0}), Gauge({"c": 5.0})), (2.0, 5.0)),
    ],
)
def test_the_series_of_every_kind_are_its_values(
    kind: str, both: Callable[[int], tuple[Sample, Sample]], expected: tuple[float, float]
) -> None:
    drawn = lines(series(Watched(of_kind(kind), sampled(*map(both, range(200)))), "own"))
    assert len(drawn["canary"]) <= MOST_POINTS
    assert drawn["baseline"] == pytest.approx([expected[0]] * len(drawn["baseline"]))
    assert drawn["canary"] == pytest.approx([expected[1]] * len(drawn["canary"]))


def test_a_time_without_one_side_is_a_gap() -> None:
    looks = sampled(*[(EventCount(t, 100 * t), EventCount(t, 100 * t)) for t in range(9)])
    blind = [replace(look, canary=Side(1, 0)) if 3 <= at <= 5 else look for at, look in enumerate(looks)]
    drawn = lines(series(Watched(of_kind("counts"), blind), "own"))
    assert [math.isnan(value) for value in drawn["canary"]] == [at in (2, 3, 4) for at in range(8)]


def test_the_distribution_shows_both_sides_in_percent() -> None:
    figure = distributions(Watched(quick(), list(some_looks(20, canary=Group(slower_ms=50)))), "latency")
    outlines = [patch.get_data().values for patch in figure.axes[0].patches]
    assert [sum(each) for each in outlines] == pytest.approx([100] * 4)
    assert "median" in figure.get_label()


def test_the_band_by_quantile_is_that_of_the_judge() -> None:
    canary = Watched(quick(), list(some_looks(60, canary=Group(rate=200, slower_ms=50), baseline=Group(rate=200))))
    figure = quantile_differences(canary, "latency")
    (estimate,) = (values for label, values in lines(figure).items() if label == "estimate")
    sides = canary.whole.both("latency")
    assert sides is not None
    band = quantile_band(*sides, [0.5], quick().beta)  # type: ignore[arg-type]
    assert band.low[0] <= estimate[len(estimate) // 4] <= band.high[0]
    assert band.low[0] > 0


def test_every_pod_is_shown_beside_the_spread_of_its_side() -> None:
    looks = sampled(*[(Gauge({"a": 1.0, "b": 2.0}), Gauge({"c": 5.0, "d": 7.0 + t % 2})) for t in range(10)])
    figure = pods(Watched(of_kind("gauge"), looks), "own")
    drawn = lines(figure)
    assert drawn["baseline"] == pytest.approx([1.0, 2.0])
    assert drawn["canary"] == pytest.approx([5.0, 7.5], abs=0.1)
    assert "baseline 2 pods, mean 1.5, standard deviation 0.7071" in figure.get_label()


def test_pods_without_a_number_are_left_out() -> None:
    odd = {"a": math.nan, "b": 1e300, "c": 3.0}
    looks = sampled(*[(Gauge(odd), Gauge({"d": math.inf, "e": 2.0})) for _ in range(5)])
    figure = pods(Watched(of_kind("gauge"), looks), "own")
    figure.canvas.draw()
    assert "1e+300" not in figure.get_label()


def test_effects_are_on_one_scale_and_a_difference_is_a_ratio_there() -> None:
    looks = sampled(
        *[(Moments(10 * t, 50.0 * t, 300.0 * t), Moments(10 * t, 100.0 * t, 1200.0 * t)) for t in range(90)]
    )
    figure = effects(judge(of_kind("mean"), looks).metrics)
    assert "own 2 times the baseline's" in figure.get_label()


def test_traffic_shows_the_share_that_was_set_beside_the_one_seen() -> None:
    looks = [replace(look, canary_share=0.25) for look in counted(*[(30, 0, 10, 0)] * 10)]
    drawn = lines(traffic(Watched(a_config(), looks)))
    assert drawn["seen"] == pytest.approx([25.0] * 10)
    assert drawn["set"] == pytest.approx([25.0] * 10)


@pytest.mark.parametrize(
    "looks",
    [
        [],
        counted(),
        counted((5, 1, 5, 0)),
        counted(*[(0, 0, 0, 0)] * 3),
        counted(*[(100, 1, 0, 0)] * 3),
        [*counted((5, 1, 5, 0)), replace(counted()[0], canary_share=2)],
        sampled(*[(Gauge({"p$x$\n": float(t), "q": 1e59}), Gauge({"r": -1e59})) for t in range(4)], name="latency"),
        sampled(*[(Moments(t, 1e59 * t, 1.1e118 * t), Moments(t, 0.0, 0.0)) for t in range(4)], name="error_rate"),
    ],
)
@pytest.mark.parametrize("draw", OF_A_METRIC)
def test_whatever_was_seen_there_is_a_figure_that_tells_what_it_shows(
    draw: Callable[[Watched, str], "Figure"], looks: list[Look]
) -> None:
    canary = Watched(quick(), looks)
    for metric in ("error_rate", "latency", "unknown"):
        figure = draw(canary, metric)
        figure.canvas.draw()
        assert figure.get_label()
