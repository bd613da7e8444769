"""What the judge makes of a request, whatever is in it: an answer, or one clear refusal."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canary.kayenta
from canary import CanaryError
from canary.kayenta import Classification, Compat, judge_json
from tests.canary.kayenta.asking import GOOD, WORSE, a_metric, a_pair, a_request, judged, judged_one


@pytest.mark.parametrize(("high", "found"), [(7, Classification.PASS), (8, Classification.HIGH)])
def test_eight_of_ten_points_must_be_high(high: int, found: Classification) -> None:
    assert judged_one([100] * high + [1] * (10 - high), [1] * 10).classification is found


def test_kayentas_own_names_of_the_parts_are_taken_too() -> None:
    request = a_request([a_pair(WORSE)])
    own = {
        "canaryConfig": request["config"],
        "scoreThresholds": request["thresholds"],
        "metricSetPairList": request["metricSetPairs"],
    }
    assert judge_json(json.dumps(own)) == judge_json(json.dumps(request).encode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "truncated"),
        ("nonsense", "malformed"),
        ("[]", "Expected `object`"),
        ("{}", "config is missing or null"),
        (b"\xff\xfe", "malformed|utf-8"),
        ("[" * 100_000, "recursion|Expected `object`"),
        ('{"config": {}, "canaryConfig": {}}', "both config and canaryConfig"),
        ('{"config": {"metrics": [], "classifier": {}}, "thresholds": 5, "metricSetPairs": []}', "thresholds"),
        ('{"config": {}, "thresholds": {}, "metricSetPairs": []}', "config.metrics: Field required"),
    ],
)
def test_what_is_no_request_is_refused_with_what_why_and_how_to_mend(text: Any, why: str) -> None:
    with pytest.raises(CanaryError, match=why) as refusal:
        judge_json(text)
    assert refusal.value.what == "a request to the Kayenta judge cannot be read"
    assert refusal.value.mend


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1, True], "got `bool`"),
        ([1, [2]], "got `array`"),
        ([1, "many"], "'m': 'many' is not a number"),
        ([1, "inf"], "'inf' is not a number"),
        ([1, "1_000"], "'1_000' is not a number"),
        (None, "has no values.experiment"),
        ("12", "got `str`"),
    ],
)
def test_values_that_are_no_numbers_are_refused(values: Any, why: str) -> None:
    with pytest.raises(CanaryError, match=why):
        judged(a_request([a_pair(values)]))


def test_a_number_that_no_double_holds_is_refused() -> None:
    with pytest.raises(CanaryError, match="out of range"):
        judge_json(json.dumps(a_request([a_pair(GOOD)])).replace("10.5", "1e999"))


def test_numbers_may_be_text() -> None:
    result = judged_one(["1.5", " 2e1 ", "-3", "NaN", "Infinity", None, "", 4])
    assert (result.experiment.count, result.experiment.min, result.experiment.max) == (7, -3.0, float("inf"))


@pytest.mark.parametrize("compat", Compat)
def test_a_pair_without_a_metric_is_refused(compat: Compat) -> None:
    with pytest.raises(CanaryError, match=r"pair 'm' has no metric in the config: metrics are other"):
        judged(a_request([a_pair(GOOD)], [a_metric("other")]), compat)


def test_the_first_metric_of_a_name_counts() -> None:
    answer = judged(a_request([a_pair(WORSE)], [a_metric(direction="decrease"), a_metric(direction="increase")]))
    assert answer.results[0].classification is Classification.PASS


@pytest.mark.parametrize("compat", Compat)
def test_no_data_fails_the_canary(compat: Compat) -> None:
    answer = judged(a_request([a_pair(["NaN"] * 10)]), compat)
    assert answer.score.score == 0.0
    assert answer.score.reason == "Canary Failed: 50% or more metrics returned NODATA"


def test_muted_metrics_are_judged_but_not_scored() -> None:
    pairs = [a_pair(WORSE), a_pair(GOOD, name="n")]
    answer = judged(a_request(pairs, [a_metric(muted=True, critical=True), a_metric("n")]))
    assert [result.classification for result in answer.results] == [Classification.HIGH, Classification.PASS]
    assert answer.score.score == 100.0


def test_the_answer_can_be_asked_for_again() -> None:
    request = json.dumps(a_request([a_pair([1.000001] * 30, [1.0] * 60)]))
    assert judge_json(request, seed=3) == judge_json(request, seed=3)


@pytest.mark.parametrize(
    ("compat", "found"), [(Compat.EXACT, Classification.PASS), (Compat.REPAIRED, Classification.HIGH)]
)
def test_the_counts_of_cles_overflow_as_kayentas_do_or_not(compat: Compat, found: Classification) -> None:
    x, y = [4.0, 3.0] * 16_500, [1.0, 2.0] * 16_500
    options = {"effectSize": {"measure": "cles", "allowedIncrease": 0.6}}
    assert judged_one(x, y, compat, **options).classification is found


VALUES = st.one_of(
    st.floats().map(lambda value: value if abs(value) < float("inf") else str(value)),
    st.integers(-3, 3),
    st.sampled_from([None, "", "NaN", "Infinity", "-Infinity", "1e308", 1.7e308, 5e-324, -0.0]),
)
SERIES = st.lists(VALUES, max_size=9).map(lambda values: [NAMES.get(value, value) for value in values])
NAMES: dict[Any, Any] = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["increase", "decrease", "either", 3]),
        "nanStrategy": st.sampled_from(["remove", "replace"]),
        "critical": st.booleans(),
        "mustHaveData": st.booleans(),
        "muted": st.booleans(),
        "outliers": st.just({"strategy": "remove", "outlierFactor": 1.5}),
        "effectSize": st.sampled_from([{"measure": "cles"}, {"allowedIncrease": 1.2}, {"allowedDecrease": 0.8}, None]),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4))
    pairs = [{**a_pair(draw(SERIES), draw(SERIES), name), "id": str(at)} for at, name in enumerate(names)]
    metrics = [
        a_metric(name, draw(st.lists(st.sampled_from("gh"), max_size=2)), **draw(OPTIONS)) for name in set(names)
    ]
    return a_request(pairs, metrics)


@settings(deadline=None, max_examples=50)
@given(requests(), st.sampled_from(Compat))
def test_any_series_get_an_answer_that_json_can_hold(request: dict[str, Any], compat: Compat) -> None:
    answer = json.loads(judge_json(json.dumps(request), compat=compat))
    assert [result["id"] for result in answer["results"]] == [pair["id"] for pair in request["metricSetPairs"]]
    assert 0 <= answer["score"]["score"] <= 100
    assert "NaN" not in json.dumps(answer).replace('"NaN"', "")


@settings(deadline=None, max_examples=50)
@given(requests(), st.sampled_from(Compat), st.randoms(use_true_random=False))
def test_the_order_of_metrics_does_not_matter(request: dict[str, Any], compat: Compat, rng: random.Random) -> None:
    shuffled = copy.deepcopy(request)
    rng.shuffle(shuffled["metricSetPairs"])
    rng.shuffle(shuffled["config"]["metrics"])
    answers = [json.loads(judge_json(json.dumps(each), compat=compat)) for each in (request, shuffled)]
    by_id = [sorted(answer["results"], key=lambda result: str(result["id"])) for answer in answers]
    assert by_id[0] == by_id[1]
    assert answers[0]["score"]["score"] == pytest.approx(answers[1]["score"]["score"], abs=0.01)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [
        ("config",),
        ("config", "metrics"),
        ("config", "metrics", 0, "groups"),
        ("config", "metrics", 0, "query"),
        ("config", "metrics", 0, "analysisConfigurations"),
        ("config", "metrics", 0, "analysisConfigurations", "canary"),
        ("config", "classifier"),
        ("config", "classifier", "groupWeights"),
        ("thresholds",),
        ("thresholds", "pass"),
        ("metricSetPairs",),
        ("metricSetPairs", 0, "values"),
        ("metricSetPairs", 0, "values", "control"),
        ("metricSetPairs", 0, "tags"),
    ]
)


@settings(deadline=None)
@given(PLACES, JSON, st.sampled_from(Compat))
def test_anything_in_any_place_gets_an_answer_or_one_clear_refusal(
    place: tuple[Any, ...], value: Any, compat: Compat
) -> None:
    request = a_request([a_pair(GOOD, WORSE)], weights={"g": 100})
    node: Any = request
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    assert answered_or_refused(json.dumps(request), compat)


def answered_or_refused(text: str, compat: Compat) -> bool:
    try:
        return json.loads(judge_json(text, compat=compat))["results"] is not None
    except CanaryError as refusal:
        return bool(refusal.what and refusal.why and refusal.mend)


def test_the_public_names_are_listed_in_order() -> None:
    assert canary.kayenta.__all__ == sorted(canary.kayenta.__all__)
    assert all(hasattr(canary.kayenta, name) for name in canary.kayenta.__all__)
