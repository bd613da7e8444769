"""What many metrics say together."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.config import MetricKind, Role
from canary.judgment import MetricResult, Verdict
from canary.sequential.many import combine, culprits, log_e_of_p, log_evidence_of_any

ALPHA = 0.01


def a_result(
    name: str, evidence: float, *, weight: float = 0.25, certified: bool = False, **fields: object
) -> MetricResult:
    """A metric whose e-value for harm is `evidence`, and whose limit is 1 / (alpha weight)."""
    limit = 1 / (ALPHA * weight)
    verdict = Verdict.FAIL if evidence >= limit else Verdict.PASS if certified else Verdict.INCONCLUSIVE
    given: dict[str, object] = {
        "name": name,
        "kind": MetricKind.COUNTS,
        "role": Role.GUARDRAIL,
        "verdict": verdict,
        "outcome": "ok",
        "sentence": "",
        "unit": "odds ratio",
        "log_evidence_harm": math.log(evidence),
        "log_limit_harm": math.log(limit),
        "log_evidence_safe": 0.0,
        "log_limit_safe": 3.0,
        "dispersion": 1.0,
        **dict.fromkeys(("effect", "low", "high", "baseline_value", "canary_value")),
        **fields,
    }
    return MetricResult(**given)  # type: ignore[arg-type]  # fields by name


def test_a_metric_past_its_own_limit_rolls_back() -> None:
    together = combine([a_result("errors", 401), a_result("latency", 1), a_result("cpu", 1), a_result("heap", 1)])
    assert together.rolls_back
    assert together.alarms == ("errors",)
    assert together.culprits == ("errors",)


def test_a_heavier_metric_has_a_lower_limit() -> None:
    assert combine([a_result("light", 150, weight=0.1)]).alarms == ()
    assert combine([a_result("heavy", 150, weight=0.9)]).alarms == ("heavy",)


def test_several_metrics_that_are_each_near_their_limit_roll_back_together() -> None:
    near = [a_result(f"m{number}", 110) for number in range(4)]
    assert combine(near).rolls_back
    assert combine(near).alarms == ()
    assert math.exp(log_evidence_of_any(near)) == pytest.approx(1.1)


def test_culprits_are_named_by_the_e_bh_procedure() -> None:
    """Limits of 400, 200, 133 and 100 for the first, second, third and fourth (M / (alpha k))."""
    named = culprits([a_result("a", 500), a_result("b", 210), a_result("c", 140), a_result("d", 99)])
    assert named == ("a", "b", "c")
    assert culprits([a_result("a", 399), a_result("b", 199), a_result("c", 1), a_result("d", 1)]) == ()


def test_a_signal_holds_and_never_rolls_back() -> None:
    signal = a_result("logins", 1e9, role=Role.SIGNAL)
    together = combine([signal, a_result("errors", 1, certified=True)])
    assert (together.rolls_back, together.holds, together.promotes) == (False, ("logins",), False)


def test_a_metric_too_weak_to_roll_back_alone_holds() -> None:
    weak = a_result("cpu", 1e9, kind=MetricKind.GAUGE, is_weak=True)
    together = combine([weak, a_result("errors", 1, certified=True)])
    assert (together.rolls_back, together.holds, together.promotes) == (False, ("cpu",), False)


def test_gauges_by_pods_roll_back_by_themselves_and_are_not_averaged() -> None:
    gauge = a_result("cpu", 500, kind=MetricKind.GAUGE)
    assert combine([gauge]).rolls_back
    assert log_evidence_of_any([gauge]) == -math.inf
    assert culprits([gauge]) == ()


def test_promoting_needs_every_guardrail_and_no_signal() -> None:
    safe = [a_result("errors", 1, certified=True), a_result("latency", 1, certified=True)]
    assert combine(safe).promotes
    assert combine([*safe, a_result("logins", 1, role=Role.SIGNAL)]).promotes
    assert not combine([*safe, a_result("heap", 1)]).promotes


def test_signals_alone_promote_nothing() -> None:
    assert not combine([a_result("logins", 1, role=Role.SIGNAL, certified=True)]).promotes
    assert combine([]).log_evidence == -math.inf


def test_an_e_value_made_of_a_p_value_has_mean_one() -> None:
    log_p = np.linspace(-60, -1e-4, 200_001)
    values = np.array([math.exp(log_e_of_p(float(each)) + each) for each in log_p])
    # What is below the smallest p adds 1 / 60.
    assert np.trapezoid(values, log_p) + 1 / 60 == pytest.approx(1, abs=1e-3)


@given(st.permutations([("a", 500.0), ("b", 210.0), ("c", 210.0), ("d", 1e-3), ("e", 90.0)]))
def test_the_order_of_metrics_does_not_matter(order: list[tuple[str, float]]) -> None:
    together = combine([a_result(name, evidence, weight=0.2) for name, evidence in order])
    assert together == combine([a_result(name, evidence, weight=0.2) for name, evidence in sorted(order)])


def test_every_order_of_equals_names_the_same_first() -> None:
    results = [a_result(name, 1000) for name in "abc"]
    assert {combine(order).alarms for order in permutations(results)} == {("a", "b", "c")}
