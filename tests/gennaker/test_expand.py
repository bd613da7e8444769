"""A template gives stages to many pipelines; each may change them by name."""

from pathlib import Path

import pytest

from gennaker.stages import AutomatedCanary, IntegrationTests, ManualJudgment
from tests.gennaker.builders import HEAD, problems, resolve

TEMPLATE = """\
template: service
version: 2
variables:
  command: {description: What to run}
  traffic: {type: integer, default: 10, maximum: 49}
stages:
  - bake-image
  - deploy: {environment: test}
  - integration-tests: {command: "run ${command} $${HOME}"}
  - automated-canary: {environment: production, traffic: "${traffic}"}
  - finish-and-archive
"""


def using(text: str) -> tuple[str, dict[str, str]]:
    """A pipeline that uses the template, and the template's file."""
    return f"{HEAD}template: service@2\n{text}\n", {"templates/service@2.yaml": TEMPLATE}


def names(folder: Path, changes: str) -> list[str]:
    text, files = using(f"variables: {{command: x}}\nchanges:\n{changes}")
    return [stage.name for stage in resolve(folder, text, files).stages]


def test_variables_keep_their_type_alone_and_become_text_within_text(tmp_path: Path) -> None:
    text, files = using("variables: {command: tests, traffic: 5}")
    pipeline = resolve(tmp_path, text, files)
    tests, canary = pipeline.stage("integration-tests"), pipeline.stage("automated-canary")
    assert isinstance(tests, IntegrationTests)
    assert isinstance(canary, AutomatedCanary)
    assert tests.command == "run tests ${HOME}"
    assert canary.traffic == 5
    assert pipeline.template == "service@2"


def test_a_variable_left_out_has_its_default(tmp_path: Path) -> None:
    text, files = using("variables: {command: tests}")
    canary = resolve(tmp_path, text, files).stage("automated-canary")
    assert isinstance(canary, AutomatedCanary)
    assert canary.traffic == 10


def test_a_stage_is_put_before_and_after_another(tmp_path: Path) -> None:
    changes = """\
  - before: automated-canary
    add: {manual-judgment: {instructions: Go on?}}
  - after: bake-image
    add: {wait: {duration: 1m}}
"""
    found = names(tmp_path, changes)
    assert found[:3] == ["bake-image", "wait", "deploy"]
    assert found[3:] == ["integration-tests", "manual-judgment", "automated-canary", "finish-and-archive"]


def test_a_stage_that_replaces_another_keeps_its_name_and_place(tmp_path: Path) -> None:
    text, files = using("variables: {command: x}\nchanges: [{replace: deploy, with: manual-judgment}]")
    files["templates/service@2.yaml"] = TEMPLATE.replace('{command: "run', '{environment: test, command: "run')
    pipeline = resolve(tmp_path, text, files)
    assert isinstance(pipeline.stage("deploy"), ManualJudgment)
    assert pipeline.stage("integration-tests").needs == ("deploy",)


def test_a_stage_is_left_out(tmp_path: Path) -> None:
    assert names(tmp_path, "  - remove: automated-canary") == [
        "bake-image", "deploy", "integration-tests", "finish-and-archive",
    ]  # fmt: skip


GRAPH = """\
template: service
version: 2
stages:
  - wait: {name: a, duration: 1s}
  - wait: {name: b, duration: 1s, needs: [a]}
  - wait: {name: c, duration: 1s, needs: [a]}
  - wait: {name: d, duration: 1s, needs: [b, c]}
"""


@pytest.mark.parametrize(
    ("change", "needs"),
    [
        ("{after: a, add: {wait: {name: x, duration: 1s}}}", {"x": ("a",), "b": ("x",), "c": ("x",)}),
        ("{before: d, add: {wait: {name: x, duration: 1s}}}", {"x": ("b", "c"), "d": ("x",)}),
        ("{remove: b}", {"d": ("a", "c")}),
        ("{replace: b, with: {wait: {duration: 2s}}}", {"b": ("a",), "d": ("b", "c")}),
    ],
)
def test_changes_keep_a_graph_of_needs_whole(tmp_path: Path, change: str, needs: dict[str, tuple[str, ...]]) -> None:
    text, _ = using(f"changes: [{change}]")
    pipeline = resolve(tmp_path, text, {"templates/service@2.yaml": GRAPH})
    assert {name: pipeline.stage(name).needs for name in needs} == needs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "4:1: the template service@2 needs the variable 'command'"),
        ("variables: {comand: x, command: x}",
         "5:13: unknown variable of service@2 'comand'; did you mean 'command'?"),
        ("variables: {command: x, traffic: lots}", "5:34: traffic: expected a whole number, found 'lots'"),
        ("variables: {command: x, traffic: 50}", "5:34: traffic: expected at most 49, found 50"),
        ("variables: {command: [x]}", "5:22: command of variables: expected text or"),
        ("variables: {command: x}\nstages: [wait]", "6:1: stages: expected either 'stages' or 'template'"),
        ("variables: {command: x}\nchanges: [{remove: deplo}]",
         "6:20: unknown stage of the template 'deplo'; did you mean 'deploy'?"),
        ("variables: {command: x}\nchanges: [{remove: deploy, add: wait}]",
         "6:11: changes: expected 'replace' and 'with', 'before' and 'add', 'after' and 'add', or 'remove'"),
        ("variables: {command: x}\nchanges: [{after: deploy, add: {wiat: {}}}]",
         "6:33: unknown stage type 'wiat'; did you mean 'wait'?"),
        ("variables: {command: x}\nchanges: [{after: deploy, add: {wait: {}}}]",
         "6:33: wait: expected the key 'duration', which is missing"),
    ],
)  # fmt: skip
def test_a_wrong_use_of_a_template_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    [found] = problems(tmp_path, *using(text))
    assert found.startswith(expected)


def test_an_unknown_template_is_named_with_the_nearest(tmp_path: Path) -> None:
    text, files = using("")
    [found] = problems(tmp_path, text.replace("@2", "@3"), files)
    assert "unknown template 'service@3'; did you mean 'service@2'? (used at 4:1)" in found


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("environment: tst", "environment: test", "service@2.yaml:8:27: unknown environment 'tst'"),
        ("${comand}", "${command}", "service@2.yaml:9:34: unknown variable 'comand'; did you mean 'command'?"),
        ("deploi", "deploy", "service@2.yaml:8:5: unknown stage type 'deploi'"),
        ("versoin", "version", "service@2.yaml:2:1: unknown key 'versoin'; did you mean 'version'?"),
    ],
)
def test_a_problem_in_a_template_names_both_places(tmp_path: Path, wrong: str, right: str, expected: str) -> None:
    text, files = using("variables: {command: x}")
    files["templates/service@2.yaml"] = TEMPLATE.replace(right, wrong)
    [found] = problems(tmp_path, text, files)
    assert expected in found
    assert found.endswith("(used at 4:1)")
