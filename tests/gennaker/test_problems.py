"""What is wrong with a pipeline is said in plain words, at its place, with what was probably meant."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from gennaker.model import Environment
from tests.gennaker.builders import HEAD, ROOT, problems, resolve, stages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- bake-imag", "6:3: unknown stage type 'bake-imag'; did you mean 'bake-image'?"),
        ("- deploy: {environmen: test}", "6:12: deploy: unknown key 'environmen'; did you mean 'environment'?"),
        ("- deploy: {environment: tset}", "6:25: unknown environment 'tset'; did you mean 'test'?"),
        ("- deploy: {environment: test, regions: [us-east-2]}",
         "6:41: unknown region 'us-east-2'; did you mean 'us-east-1'? (environment test)"),
        ("- deploy: {environment: test, regions: [us-east-1, us-east-1]}",
         "6:40: regions: expected each region once, found one twice"),
        ("- deploy: {environment: test, window: office-hour}",
         "6:39: unknown window 'office-hour'; did you mean 'office-hours'?"),
        ("- deploy: {environment: test, strategy: bluegreen}",
         "6:41: strategy of deploy: unknown value 'bluegreen'; did you mean 'blue-green'?"),
        ("- deploy", "6:3: deploy: expected the key 'environment', which is missing"),
        ("- deploy: {environment: test, canary: {}}", "6:31: deploy: unknown key 'canary'; expected one of capacity"),
        ("- deploy: {environment: test, timeout: 5}",
         "6:40: timeout of deploy: expected a duration such as 30s, 5m, 1h30m or 2d, found 5"),
        ("- deploy: {environment: test, timeout: 0s}",
         "6:40: timeout of deploy: expected a duration above nothing and of at most a year, found '0s'"),
        ("- deploy: {environment: test, retries: 99}", "6:40: retries of deploy: expected at most 10, found 99"),
        ("- deploy: {environment: test, retries: true}",
         "6:40: retries of deploy: expected a whole number, found true"),
        ("- deploy: {environment: test, capacity: 0}", "6:41: capacity of deploy: expected at least 1, found 0"),
        ("- deploy: {environment: test, name: Big}",
         "6:37: name of Big: expected a name of lower-case letters, digits and hyphens"),
        ("- deploy:\n  environment: test",
         "6:3: expected a stage type as the only key, found deploy, environment; indent the settings below the type"),
        ("- wait: 5m", "6:3: wait: expected a mapping of settings, found '5m'"),
        ("- [wait]", "6:3: expected a stage type, alone or with its settings, found a list of 1"),
        ("- bake-image\n- bake-image",
         "6:3: two stages are named 'bake-image'; give this one a 'name' of its own"),
        ("- bake-image: {retires: 3}", "5:16: bake-image: unknown key 'retires'; did you mean 'retries'?"),
        ("- bake-image: {version: 1.10}", "5:25: version of settings of bake-image: expected text, found 1.1"),
        ("- bake-image: {artifact: dmo}", "5:26: unknown artifact 'dmo'; did you mean 'demo'?"),
        ("- bake-image: {needs: [deplo]}\n- deploy: {environment: test}",
         "5:24: needs of bake-image: unknown stage 'deplo'; did you mean 'deploy'?"),
        ("- bake-image: {needs: [bake-image]}", "5:24: needs of bake-image: unknown stage 'bake-image'"),
        ("- wait: {name: a, duration: 1s, needs: [b]}\n- wait: {name: b, duration: 1s, needs: [a]}",
         "6:40: needs go in a circle: a -> b -> a"),
        ("- finish-and-archive\n- bake-image", "5:3: finish-and-archive: expected as the last stage"),
        ("- integration-tests: {environment: test}",
         "6:3: integration-tests: expected exactly one of command and http"),
        ("- integration-tests: {environment: test, command: x, http: {}}",
         "6:3: integration-tests: expected exactly one of command and http"),
        ("- integration-tests: {command: x}",
         "6:3: integration-tests: expected the key 'environment', as no deploy comes before"),
        ("- automated-canary: {environment: production, traffic: 60%}",
         "6:56: traffic of automated-canary: expected at most 49, found '60%'"),
        ("- automated-canary: {environment: production, traffic: 5.5%}",
         "6:56: traffic of automated-canary: expected a whole percent from 1% to 100%, found '5.5%'"),
        ("- automated-canary: {environment: production, profile: stanard@7}",
         "6:56: unknown profile 'stanard'; did you mean 'standard'?"),
        ("- automated-canary: {environment: production, profile: standard@x}",
         "6:56: unknown profile 'standard@x'; did you mean 'standard'?"),
        ("- automated-canary: {environment: production, profile: stanard}",
         "6:56: unknown profile 'stanard'; did you mean 'standard'?"),
        ("- automated-canary: {environment: production, metrics: [latncy]}",
         "6:57: metrics: unknown value 'latncy'; did you mean 'latency'?"),
        ("- automated-canary: {environment: production, metrics: [{name: latency, margn: 2}]}",
         "6:73: metrics: unknown key 'margn'; did you mean 'margin'?"),
        ("- automated-canary: {environment: production, metrics: [{name: a, kind: gauge, source: p, query: {b: c}}]}",
         "6:3: automated-canary: metric a: unknown metric source 'p'; there are none (environment production)"),
        ("- automated-canary: {environment: production, metrics: [5]}",
         "6:57: metrics of automated-canary: expected text or a mapping, found 5"),
        ("- automated-canary: {environment: production, on_inconclusive: ask}",
         "6:3: automated-canary: expected approvers, as 'on_inconclusive: ask' needs someone to ask"),
        ("- progressive-rollout: {environment: production, ramp: [50%, 20%]}",
         "6:3: progressive-rollout: expected a ramp that rises and ends with 100%"),
        ("- progressive-rollout: {environment: production, ramp: []}",
         "6:56: ramp of progressive-rollout: expected at least one, found an empty list"),
        ("- progressive-rollout: {environment: production, waves: [[us-east-1], [us-east-1]]}",
         "6:57: waves: expected each region once, found one twice"),
        ("- progressive-rollout: {environment: production, regions: [us-west-2], waves: [[us-east-1]]}",
         "6:79: waves of progressive-rollout: expected the same as 'regions'"),
        ("- wait: {duration: 1s, when: 'params.x =='}", "6:30: when of wait: is not a Jinja expression:"),
        ("- wait: {duration: 1s, when: 'parms.x'}", "6:30: when of wait: unknown name 'parms'; did you mean 'params'?"),
        ("- wait: {duration: 1s, when: 'params.x'}", "6:30: when of wait: unknown parameter 'x'; there are none"),
        ("- wait: {duration: 1s, when: '{{ run }}'}", "6:30: when of wait: expected the expression alone"),
        ("- bake-image\n- wait: {duration: 1s, when: \"stages['bake'].ok\"}",
         "6:30: when of wait: unknown earlier stage 'bake'; expected 'bake-image'"),
        ("- integration-tests: {environment: test, command: 'x {{ params[\"y\"] }}'}",
         "6:51: command of integration-tests: unknown parameter 'y'; there are none"),
    ],
)  # fmt: skip
def test_a_wrong_stage_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    [found] = problems(tmp_path, stages(text))
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner: [a]", "1:1: unknown key 'owner'; did you mean 'owners'?"),
        ("windows: {}", "1:1: unknown key 'windows'; expected one of"),
        ("description: 5", "1:14: description: expected text, found 5"),
        ("triggers: [{gti: {repo: x}}]", "1:13: unknown trigger type 'gti'; did you mean 'git'?"),
        ("triggers: [{schedule: {cron: '0 99 * * *'}}]", "1:30: cron of triggers: expected a cron expression"),
        ("triggers: [{schedule: {cron: '0 9 * * *', timezone: Mars/Base}}]",
         "1:53: timezone of triggers: expected a time zone such as UTC"),
        ("triggers: [{artifact: {name: dmo}}]", "1:30: unknown artifact 'dmo'; did you mean 'demo'?"),
        ("parameters: {size: {type: integer, default: x}}",
         "1:20: size of parameters: expected a whole number, found 'x'"),
        ("parameters: {size: {type: integer, default: 5, maximum: 3}}",
         "1:20: size of parameters: expected at most 3, found 5"),
        ("parameters: {size: {type: number, default: true}}",
         "1:20: size of parameters: expected a number, found true"),
        ("parameters: {size: {default: a, enum: [b, c]}}",
         "1:20: size of parameters: expected one of b, c, found 'a'"),
        ("parameters: {size: {pattern: '['}}", "1:30: pattern of size of parameters: expected a regular expression"),
        ("parameters: {size: {type: strin}}",
         "1:27: type of size of parameters: unknown value 'strin'; did you mean 'string'?"),
        ("parameters: {my-size: {}}", "1:14: parameters: expected a name of letters, digits and underscores"),
        ("variables: {a: b}", "1:1: variables: expected together with 'template'"),
    ],
)  # fmt: skip
def test_a_wrong_setting_of_the_pipeline_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    [found] = problems(tmp_path, f"{text}\n{stages('- bake-image')}")
    assert found.startswith(expected)


def test_a_pipeline_started_by_itself_needs_a_default_for_every_parameter(tmp_path: Path) -> None:
    text = "parameters: {size: {type: integer}}\ntriggers: [{schedule: {cron: '0 9 * * *'}}]\n" + stages("- bake-image")
    [found] = problems(tmp_path, text)
    assert "size of parameters: expected a default, as the schedule trigger cannot ask for a value" in found


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, stages("- bake-imag\n- deploy: {environment: test, retries: x}\n- wait"))
    assert [line.split(":")[0] for line in found] == ["6", "7", "8"]


def test_a_problem_in_another_file_says_who_used_it(tmp_path: Path) -> None:
    surroundings = {"environments/test.yaml": "environment: test\nregions: [us-east-1]\ncapacity: none\n"}
    [found] = problems(tmp_path, stages("- deploy: {environment: test}"), surroundings)
    assert found == (
        f"{tmp_path}/environments/test.yaml:3:11: capacity: expected a whole number, found 'none' (used at 6:25)"
    )


def test_a_problem_in_a_profile_says_who_used_it(tmp_path: Path) -> None:
    surroundings = {"canaries/quick.yaml": "extends: standrd\n"}
    [found] = problems(tmp_path, stages("- automated-canary: {environment: test, profile: quick}"), surroundings)
    assert "quick.yaml:1:10: unknown profile 'standrd'; did you mean 'standard'? (used at 6:50)" in found


def test_profiles_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    surroundings = {"canaries/standard.yaml": "extends: quick\n"}
    [found] = problems(tmp_path, stages("- automated-canary: {environment: test, profile: quick}"), surroundings)
    assert "standard.yaml:1:10: profiles extend each other: quick -> standard" in found


def test_two_artifacts_need_a_choice(tmp_path: Path) -> None:
    text = HEAD.replace("build}", "build}, other: {path: x}") + "stages: [bake-image]\n"
    [found] = problems(tmp_path, text)
    assert found == "4:10: bake-image: expected the key 'artifact', as there are 2: demo, other"


def test_a_pipeline_without_stages_is_told_so(tmp_path: Path) -> None:
    assert problems(tmp_path, HEAD) == ["1:1: expected the key 'stages', which is missing"]


def test_what_acts_on_the_image_comes_after_its_bake(tmp_path: Path) -> None:
    found = problems(tmp_path, stages("- deploy: {environment: test, needs: []}\n- bake-image"))
    assert found == ["5:3: deploy: expected a bake-image before it, as it acts on the image"]


def test_a_pipeline_bakes_one_image(tmp_path: Path) -> None:
    [found] = problems(tmp_path, stages("- bake-image\n- bake-image: {name: second}"))
    assert found.startswith("6:3: second: expected one bake-image, as a pipeline delivers one image; the first is")


#: Our own DAGs whose name a pipeline could have too; no pipeline's name has an underscore.
OWN_DAGS = [
    name for file in (ROOT / "dags").glob("*.py") for name in re.findall(r'dag_id="([a-z0-9-]+)"', file.read_text())
]


@pytest.mark.parametrize("name", sorted(OWN_DAGS))
def test_a_pipeline_must_not_be_named_like_a_dag_of_our_own(name: str, tmp_path: Path) -> None:
    found = problems(tmp_path, stages("- bake-image").replace("pipeline: demo", f"pipeline: {name}"))
    assert found == [f"1:11: pipeline: expected another name, as '{name}' is a DAG of Gennaker's own"]


FREEZE = """\
windows: {}
freezes:
  - {name: holidays, from: "2030-12-20T00:00:00Z", to: "2031-01-02T00:00:00Z", environments: [production]}
"""


def test_a_freeze_of_an_unknown_environment_stops_every_pipeline_lest_it_be_missed(tmp_path: Path) -> None:
    policies = {"policies/windows.yaml": FREEZE.replace("production", "prodution")}
    [found] = problems(tmp_path, stages("- bake-image"), policies)
    assert "windows.yaml:3:95: unknown environment 'prodution'; did you mean 'production'? (used at 1:1)" in found


def test_a_pipeline_carries_the_freezes_of_its_environments_outside_its_digest(tmp_path: Path) -> None:
    text = stages("- deploy: {environment: production}")
    frozen = resolve(tmp_path / "a", text, {"policies/windows.yaml": FREEZE})
    free = resolve(tmp_path / "b", text)
    assert [freeze.name for freeze in frozen.freezes] == ["holidays"]
    assert frozen.definition_digest == free.definition_digest
    elsewhere = resolve(tmp_path / "c", stages("- deploy: {environment: test}"), {"policies/windows.yaml": FREEZE})
    assert elsewhere.freezes == ()


def test_a_region_may_not_have_the_name_of_a_rollouts_own_task() -> None:
    with pytest.raises(ValidationError, match="another name than 'settle'"):
        Environment(environment="production", regions=("settle",))
