"""`gennaker canary judge`: questions in, answers out, a line each."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from canary import CanaryError, Judgment, Look, judge
from canary.kayenta import Compat, judge_json
from gennaker.cli.canary import app
from gennaker.read import load

GOLDEN = Path(__file__).parents[2] / "data" / "kayenta-golden.jsonl.gz"
DAGS = Path(__file__).parents[3] / "dags"


def canary(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def golden(count: int = 20) -> list[dict[str, Any]]:
    """Questions of real answers, as the command takes them."""
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    judged = [case for case in cases if "result" in case["expected"]]
    return [{name: case[name] for name in ("config", "thresholds", "metricSetPairs")} for case in judged[:count]]


def lines_of(values: Iterable[object]) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)


def some_looks() -> list[dict[str, Any]]:
    return [json.loads(line) for line in canary("simulate", "--harm", 4, "--duration", "10m").stdout.splitlines()]


def test_each_line_is_answered_by_the_judges_result() -> None:
    questions = golden()
    result = canary("judge", stdin=lines_of(questions))
    assert result.stdout.splitlines() == [judge_json(json.dumps(question)) for question in questions]


def test_a_file_is_judged_as_the_standard_input_is(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text("\ufeff" + lines_of(golden(3)) + "\n", encoding="utf-8")
    assert canary("judge", file).stdout == canary("judge", "-", stdin=lines_of(golden(3))).stdout


def test_a_line_that_cannot_be_judged_is_named_and_the_others_are_judged() -> None:
    first, second = golden(2)
    result = canary("judge", stdin=f"{json.dumps(first)}\n\n{{\n[]\n{{}}\n\x00\n{json.dumps(second)}")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer.get("line") for answer in answers] == [None, 3, 4, 5, 6, None]
    assert all(set(answer["error"]) == {"what", "why", "mend"} for answer in answers[1:5])
    assert "cannot be read" in answers[1]["error"]["what"]
    assert result.exit_code == 1


def test_whatever_a_line_holds_the_next_one_is_judged() -> None:
    odd, fine = golden(2)
    odd["config"]["metrics"][0]["query"] = {"type": {}}
    result = canary("judge", stdin=lines_of([odd, fine]))
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer.get("line") for answer in answers] == [1, None]
    assert result.exit_code == 1


def test_a_question_of_looks_is_answered_by_a_judgment() -> None:
    looks, config = some_looks(), load(DAGS).canary("standard", {})
    question = {"config": config.model_dump(mode="json"), "looks": looks}
    result = canary("judge", stdin=lines_of([question]))
    assert Judgment.from_json(result.stdout) == judge(config, [Look.from_json(json.dumps(look)) for look in looks])
    assert result.exit_code == 3


def test_looks_without_a_config_are_judged_by_the_profile_that_is_given() -> None:
    looks = some_looks()
    result = canary("judge", "--profile", "quick", "--dags", DAGS, stdin=lines_of([{"looks": looks}]))
    expected = judge(load(DAGS).canary("quick", {}), [Look.from_json(json.dumps(look)) for look in looks])
    assert Judgment.from_json(result.stdout) == expected


def test_looks_without_any_config_are_a_clear_error(tmp_path: Path) -> None:
    result = canary("judge", "--dags", tmp_path, stdin=lines_of([{"looks": []}]))
    assert json.loads(result.stdout)["error"]["what"] == "a question to a judge has no config"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"config": {"alpha": 2}, "looks": []}, "config.alpha: Input should be less than"),
        ({"config": {}, "looks": [{"at": 1}]}, "looks.0: "),
        ({"config": {}, "looks": {}}, "looks: Expected `array`"),
    ],
)
def test_what_is_wrong_with_looks_is_named(question: dict[str, Any], said: str) -> None:
    result = canary("judge", stdin=lines_of([question]))
    assert said in json.loads(result.stdout)["error"]["why"]


def test_config_and_thresholds_may_be_given_for_all_lines(tmp_path: Path) -> None:
    whole = golden(1)[0]
    file = tmp_path / "config.json"
    file.write_text(json.dumps(whole["config"]), encoding="utf-8")
    bare = lines_of([{"metricSetPairs": whole["metricSetPairs"]}, {"metricSetPairList": whole["metricSetPairs"]}])
    result = canary("judge", "--config", file, "--thresholds", "95,75", stdin=bare)
    assert result.stdout.splitlines() == [judge_json(json.dumps(whole))] * 2


def test_what_a_line_says_itself_comes_before_what_is_given() -> None:
    whole = golden(1)[0]
    strict = {**whole, "scoreThresholds": {"pass": 101, "marginal": 100.5}}
    del strict["thresholds"]
    answers = canary("judge", "--thresholds", "1,0", stdin=lines_of([strict])).stdout
    assert json.loads(answers)["score"]["classification"] == "Fail"


def test_defects_are_repaired_when_asked() -> None:
    questions = golden(300)
    result = canary("judge", "--compat", "repaired", stdin=lines_of(questions))
    answers = [line for line in result.stdout.splitlines() if "error" not in json.loads(line)]
    assert answers[0] == judge_json(json.dumps(questions[0]), compat=Compat.REPAIRED)
    assert len(answers) > 150


def test_pairs_may_be_judged_by_the_sequential_judge() -> None:
    result = canary("judge", "--judge", "sequential", stdin=lines_of(golden(1)))
    assert json.loads(result.stdout)["judgeName"] == "GennakerSequentialJudge-v1.0"


@pytest.mark.parametrize(("passing", "marginal", "code"), [(0, 0, 0), (101, 100, 4), (102, 101, 3)])
def test_the_exit_code_is_that_of_the_worst_answer(passing: float, marginal: float, code: int) -> None:
    best = {**golden(1)[0], "thresholds": {"pass": 0, "marginal": 0}}
    other = {**best, "thresholds": {"pass": passing, "marginal": marginal}}
    assert canary("judge", stdin=lines_of([other, best])).exit_code == code


def test_a_person_gets_a_table() -> None:
    result = canary("judge", "--table", stdin=lines_of(golden(1)) + "{}\n")
    said = " ".join(result.stdout.split())
    assert "line 1:" in said
    assert "Pass, score 100 (g 100)" in said
    assert "line 2: a request" in said or "line 2: a question" in said


def test_a_person_gets_the_sentences_of_a_judgment() -> None:
    result = canary("judge", "--table", "--dags", DAGS, stdin=lines_of([{"looks": some_looks()}]))
    assert "FAIL after" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--thresholds", "95"), "expected two scores"),
        (("--compat", "loose"), "expected exact or repaired"),
        (("--judge", "dredd"), "'dredd' is none of kayenta and sequential"),
        (("--judge", "sequential", "--compat", "repaired"), "has no defects of Kayenta's"),
    ],
)
def test_a_wrong_option_is_a_usage_error(words: tuple[str, ...], said: str) -> None:
    result = canary("judge", *words, stdin="")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(("text", "said"), [("{\n  nope", ":2:3: this is not JSON"), ("\udcff", "is not JSON")])
def test_a_config_that_is_no_json_is_named_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = canary("judge", "--config", file, stdin="")
    assert isinstance(result.exception, CanaryError)
    assert said in str(result.exception)


def test_nothing_to_judge_exits_1() -> None:
    result = canary("judge", stdin="\n")
    assert (result.exit_code, result.stderr) == (1, "- has no question\n")
