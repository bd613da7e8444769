"""A self-check finds queries that do not tell the sides apart, and baselines that would fail any canary."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from canary.config import CanaryConfig, MetricConfig
from canary.sources import Answer, Fidelity, Outcome, Query, Scope, Series, Span
from canary.sources.feeds import Queries
from canary.sources.selfcheck import Finding, SelfCheck, Subject, self_check
from tests.canary.sources.stores import END

SPAN = Span(END - timedelta(minutes=30), END, timedelta(seconds=15))
RATE = {"events": 'errors{group="${scope}"}', "requests": 'requests{group="${scope}"}'}
ERRORS = MetricConfig(name="checkout_errors", kind="counts")


class Groups:
    """A store in which each group has pods, each with its share of failing requests."""

    def __init__(self, groups: Mapping[str, Mapping[str, float]], rate: float = 200, seed: int = 1) -> None:
        self.series: dict[str, list[Series]] = {}
        for group, pods in groups.items():
            for pod, share in pods.items():
                # By its name, so that a pod that two groups share is one pod.
                self._serve(group, pod, share, rate, np.random.default_rng([seed, *pod.encode()]))

    def _serve(self, group: str, pod: str, share: float, rate: float, rng: np.random.Generator) -> None:
        times = SPAN.start_s + 15 * np.arange(121)
        requests = rng.poisson(rate, times.size)
        errors = rng.binomial(requests, share)
        for name, counts in (("requests", requests), ("errors", errors)):
            points = zip(times, 1000 + np.cumsum(counts), strict=True)
            self.series.setdefault(f'{name}{{group="{group}"}}', []).append(
                Series.of(points, Fidelity.COUNTER, {"pod": pod, "code": "all"} if pod else {})
            )

    def fetch(self, query: Query, scope: Scope, span: Span) -> Answer:
        text = query.filled(scope).text
        found = tuple(self.series.get(text, ()))
        outcome = Outcome.OK if found else Outcome.NO_MATCH
        return Answer(outcome, text, found, message="" if found else "the query selects no series")


def checked(groups: Mapping[str, Mapping[str, float]], canary: str | None = "v2", **queries: Any) -> SelfCheck:
    subject = Subject(
        metric=ERRORS,
        queries=Queries.model_validate({**RATE, **queries}),
        source=Groups(groups),
        baseline=Scope("v1"),
        canary=Scope(canary) if canary else None,
    )
    return self_check(subject, CanaryConfig(metrics=(ERRORS,)), SPAN)


ALIKE = {"v1": dict.fromkeys("abcd", 0.02), "v2": dict.fromkeys("wxyz", 0.02)}


def test_a_query_that_separates_the_sides_is_good() -> None:
    check = checked(ALIKE)
    assert check.finding is Finding.SEPARATES, check.sentence
    assert check.is_good
    assert check.sentence == (
        "The sides have series of their own, and the pods (pod) of the baseline in halves are not told apart."
    )


def test_a_canary_that_is_worse_is_no_fault_of_the_query() -> None:
    assert checked({**ALIKE, "v2": dict.fromkeys("wxyz", 0.2)}).is_good


def test_one_series_is_halved_by_time() -> None:
    check = checked({"v1": {"": 0.02}, "v2": {"x": 0.02}})
    assert check.is_good, check.sentence
    assert "time of the baseline in alternating steps" in check.sentence


def test_without_a_canary_the_halves_alone_are_checked() -> None:
    assert checked(ALIKE, canary=None).sentence.startswith("The pods (pod)")


def test_a_query_that_does_not_name_the_side_is_found() -> None:
    check = checked(ALIKE, requests='requests{group="v1"}')
    assert check.finding is Finding.SAME_QUERY
    assert "The query for requests is the same for both sides" in check.sentence


def test_labels_that_select_the_same_pods_are_found() -> None:
    check = checked({"v1": ALIKE["v1"], "v2": ALIKE["v1"]})
    assert check.finding is Finding.SAME_SERIES
    assert "swapping baseline and canary would change nothing" in check.sentence
    assert not check.is_good


def test_labels_that_select_some_pods_twice_are_found() -> None:
    check = checked({"v1": ALIKE["v1"], "v2": {"d": 0.02, "x": 0.02}})
    assert check.finding is Finding.OVERLAPS
    assert "1 of the canary's 2 series for events" in check.sentence


def test_sides_that_both_have_no_error_are_not_the_same_series() -> None:
    assert checked({"v1": dict.fromkeys("abcd", 0.0), "v2": dict.fromkeys("abcx", 0.0)}).finding is Finding.OVERLAPS
    assert checked({"v1": dict.fromkeys("abcd", 0.0), "v2": dict.fromkeys("wxyz", 0.0)}).is_good


def test_a_baseline_whose_pods_differ_would_fail_any_canary() -> None:
    check = checked({**ALIKE, "v1": {"a": 0.001, "b": 0.05, "c": 0.2, "d": 0.6}})
    assert check.finding is Finding.NOISY, check.sentence
    assert "rolled back for nothing" in check.sentence


@pytest.mark.parametrize(("group", "side"), [("v2", "baseline"), ("v1", "canary")])
def test_a_side_without_an_answer_is_named(group: str, side: str) -> None:
    check = checked({group: ALIKE[group]})
    assert check.finding is Finding.NO_ANSWER
    assert f"events of the {side}: no match" in check.sentence


def test_a_baseline_of_one_point_is_too_little() -> None:
    groups = Groups(ALIKE)
    groups.series = {
        name: [each.between(SPAN.end_s - 1, SPAN.end_s) for each in some] for name, some in groups.series.items()
    }
    subject = Subject(ERRORS, Queries.model_validate(RATE), groups, Scope("v1"))
    check = self_check(subject, CanaryConfig(metrics=(ERRORS,)), SPAN)
    assert check.finding is Finding.TOO_LITTLE
    assert "too few looks with checkout_errors" in check.sentence


def test_the_same_seed_finds_the_same() -> None:
    assert checked(ALIKE) == checked(ALIKE)
