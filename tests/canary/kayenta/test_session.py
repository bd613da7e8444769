"""Kayenta's judge in a pipeline: looks become series, and its stage's rules decide."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from canary import CanaryConfig, Look, Verdict, judge, start
from tests.canary.builders import Group, counted, some_looks

MINUTES = 60


def a_kayenta(**settings: Any) -> CanaryConfig:
    given = {"judge": "kayenta", "interval": "15s", "duration": "20m", "metrics": ["error_rate", "latency"]}
    return CanaryConfig.model_validate({**given, **settings})


def looks(minutes: int = 20, **canary: float) -> list[Look]:
    return list(some_looks(minutes * MINUTES, canary=Group(**canary), every_s=15))


def test_a_canary_like_its_baseline_passes_at_the_end_and_not_before() -> None:
    session = start(a_kayenta())
    judgments = [session.add(look) for look in looks()]
    assert {each.verdict for each in judgments[:-1]} == {Verdict.INCONCLUSIVE}
    assert (judgments[-1].verdict, judgments[-1].is_final) == (Verdict.PASS, True)
    assert "score is 100" in judgments[-1].reason


def test_a_slower_canary_fails_by_the_quantiles_that_are_slower() -> None:
    judgment = judge(a_kayenta(metrics=["latency"]), looks(slower_ms=60))
    assert (judgment.verdict, judgment.decided_by) == (Verdict.FAIL, "latency p50")
    assert {each.name: each.verdict for each in judgment.metrics} == {
        "latency p50": Verdict.FAIL,
        "latency p90": Verdict.FAIL,
        "latency p99": Verdict.FAIL,
    }
    assert "classified as High" in judgment.reason


def test_an_analysis_in_between_fails_at_once_and_does_not_pass_early() -> None:
    config = a_kayenta(metrics=["latency"], kayenta={"analysis_interval": "5m"})
    session = start(config)
    bad = next(each for each in map(session.add, looks(slower_ms=60)) if each.is_final)
    assert (bad.verdict, bad.elapsed_s) == (Verdict.FAIL, 5 * MINUTES)
    assert judge(config, looks(minutes=19)).verdict is Verdict.INCONCLUSIVE


def test_a_canary_config_of_kayenta_is_taken_unchanged() -> None:
    written = {
        "name": "playback",
        "configVersion": "1",
        "applications": ["playback"],
        "judge": {"name": "NetflixACAJudge-v1.0", "judgeConfigurations": {}},
        "metrics": [
            {
                "name": "latency",
                "query": {"type": "prometheus", "metricName": "latency"},
                "groups": ["speed"],
                "analysisConfigurations": {"canary": {"direction": "decrease"}},
                "scopeName": "default",
            }
        ],
        "templates": {},
        "classifier": {"groupWeights": {"speed": 100}},
    }
    judgment = judge(a_kayenta(kayenta={"config": written}), looks(slower_ms=60))
    assert judgment.verdict is Verdict.PASS
    assert {each.name for each in judgment.metrics} == {"latency p50", "latency p90", "latency p99"}


def test_invariant_5_no_data_never_passes_though_kayenta_would_let_it() -> None:
    """With NaN replaced, Kayenta passes a metric that neither side shows."""
    metric = {"name": "latency", "groups": ["g"], "analysisConfigurations": {"canary": {"nanStrategy": "replace"}}}
    config = {"metrics": [metric], "classifier": {"groupWeights": {"g": 100}}}
    judgment = judge(a_kayenta(kayenta={"config": config}), counted(*[(10, 0, 10, 0)] * 80, every_s=15))
    assert (judgment.verdict, judgment.is_final) == (Verdict.INCONCLUSIVE, True)


def test_invariant_7_stored_looks_give_the_same_judgment_bit_for_bit() -> None:
    stored = [Look.from_json(look.to_json()) for look in looks(slower_ms=1)]
    assert judge(a_kayenta(), stored).to_json() == judge(a_kayenta(), looks(slower_ms=1)).to_json()


def test_a_config_that_kayenta_could_not_read_is_refused_beforehand() -> None:
    with pytest.raises(ValidationError, match="classifier"):
        a_kayenta(kayenta={"config": {"metrics": []}})


def test_the_settings_survive_json_under_kayentas_own_words() -> None:
    config = a_kayenta(kayenta={"thresholds": {"pass": 90, "marginal": 50}})
    assert json.loads(config.model_dump_json())["kayenta"]["thresholds"] == {"pass": 90.0, "marginal": 50.0}
    assert CanaryConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("kind", [["prometheus"], {"a": 1}, None, 5, "promtheus"])
def test_a_query_of_no_known_type_is_refused_whatever_it_is(kind: object) -> None:
    metric = {"name": "latency", "groups": [], "query": {"type": kind}}
    with pytest.raises(ValidationError, match="a query needs a type"):
        a_kayenta(kayenta={"config": {"metrics": [metric], "classifier": {}}})
