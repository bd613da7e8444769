"""A pipeline as a DAG: what Airflow is told to do, in which order, and what stops it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseBranchOperator, TriggerRule
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from canary import CanaryConfig, Verdict
from gennaker.compile import compile_pipeline
from gennaker.form import artifact_parameter
from gennaker.graph import ancestors
from gennaker.read import Library, load
from operators.gate import Gate
from operators.windows import Calendar
from tests.gennaker.builders import HEAD, ROOT, a_library, resolve, stages
from tests.gennaker.dags import FINISH, Play, a_dag, restored, serialized, stage_of, upstream, written

GOLDEN = ROOT / "tests/golden"
PIPELINES = {
    "design": GOLDEN / "design.yaml",
    "playback": ROOT / "dags/pipelines/playback.yaml",
    "ratings": ROOT / "dags/pipelines/ratings.yaml",
    "waves": GOLDEN / "dags/waves.yaml",
}
DEPLOY = "- deploy: {environment: test}"
CANARY = "- automated-canary: {environment: production}"
ROLLOUT = "- progressive-rollout: {environment: production, regions: [us-east-1]}"


def the_dag(name: str) -> DAG:
    """The DAG of one of the pipelines above."""
    return compile_pipeline(load(ROOT / "dags").resolve_file(PIPELINES[name]))


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_compiles_to_what_is_written_down(name: str) -> None:
    # Run with GENNAKER_GOLDEN=write to renew tests/golden/dags, and read the difference.
    text, file = written(the_dag(name)), GOLDEN / "dags" / f"{name}.txt"
    if os.environ.get("GENNAKER_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PIPELINES)
def test_the_same_pipeline_gives_the_same_dag(name: str) -> None:
    assert serialized(the_dag(name)) == serialized(the_dag(name))


def test_the_same_pipeline_gives_the_same_dag_in_every_process() -> None:
    program = (
        "import hashlib; from tests.gennaker.test_compile import *; "
        "print(hashlib.sha256(''.join(serialized(the_dag(name)) for name in PIPELINES).encode()).hexdigest())"
    )

    def digest(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
        ).stdout

    assert digest("1") == digest("2")


@pytest.mark.parametrize("name", PIPELINES)
def test_airflow_keeps_and_restores_a_dag(name: str) -> None:
    dag = the_dag(name)
    again = restored(dag)
    assert again.task_dict.keys() == dag.task_dict.keys()
    for task in dag.tasks:
        kept = again.get_task(task.task_id)
        assert (kept.upstream_task_ids, kept.trigger_rule) == (task.upstream_task_ids, task.trigger_rule)
        assert (kept.owner, kept.is_setup, kept.is_teardown) == (task.owner, task.is_setup, task.is_teardown)


def test_every_task_is_owned_by_the_pipelines_owners(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, f"- manual-judgment\n{CANARY}").tasks
    assert {task.owner for task in dag} == {"team-demo"}


def test_finishing_is_the_only_end_also_where_a_pipeline_does_not_name_it(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, f"- bake-image\n{DEPLOY}\n- wait: {{needs: [bake-image], duration: 1s}}")
    assert [task.task_id for task in dag.leaves] == [FINISH]
    assert dag.get_task(FINISH).trigger_rule is TriggerRule.ALL_DONE


def test_a_skipped_stage_lets_the_next_one_go_on(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, f"{DEPLOY}\n{CANARY}\n{ROLLOUT}")
    play = Play(dag, lambda task: "skipped" if stage_of(task) in ("deploy", "automated-canary") else "success")
    assert play.states["automated-canary.judge"] == "skipped"
    assert play.states["progressive-rollout.us-east-1.ramp"] == "success"


@pytest.mark.parametrize("failed", ["bake-image", "deploy", "automated-canary.start", "automated-canary.judge"])
def test_a_failed_stage_stops_what_comes_after_it(tmp_path: Path, failed: str) -> None:
    dag = a_dag(tmp_path, f"{DEPLOY}\n{CANARY}\n{ROLLOUT}\n- manual-judgment")
    play = Play(dag, lambda task: "failed" if task == failed else "success")
    assert play.states["progressive-rollout.us-east-1.deploy"] == "upstream_failed"
    assert play.states["manual-judgment"] == "upstream_failed"
    assert play.states[FINISH] == "success"


def test_a_failed_stage_that_may_fail_stops_nothing(tmp_path: Path) -> None:
    tests = "- integration-tests: {http: {path: /}, on_failure: continue}"
    dag = a_dag(tmp_path, f"{DEPLOY}\n{tests}\n{ROLLOUT}")
    play = Play(dag, lambda task: "failed" if task == "integration-tests" else "success")
    assert play.states["progressive-rollout.us-east-1.deploy"] == "success"


def test_a_stage_that_may_fail_does_not_hide_the_failure_of_one_before_it(tmp_path: Path) -> None:
    tests = "- integration-tests: {http: {path: /}, on_failure: continue}"
    dag = a_dag(tmp_path, f"{DEPLOY}\n{tests}\n{ROLLOUT}")
    play = Play(dag, lambda task: "failed" if task == "deploy" else "success")
    assert play.states["progressive-rollout.us-east-1.deploy"] == "upstream_failed"


def test_a_failure_before_a_rollout_stops_every_wave_of_it(tmp_path: Path) -> None:
    waves = "- progressive-rollout: {environment: production, waves: [[us-east-1], [us-west-2], [eu-central-1]]}"
    dag = a_dag(tmp_path, f"{DEPLOY}\n{waves}")
    play = Play(dag, lambda task: "failed" if task == "deploy" else "success")
    begun = {play.states[f"progressive-rollout.{region}.deploy"] for region in ("us-east-1", "us-west-2")}
    assert begun == {"upstream_failed"}


def test_a_wave_begins_when_the_one_before_has_ended_however_it_ended(tmp_path: Path) -> None:
    waves = "- progressive-rollout: {environment: production, waves: [[us-east-1, us-west-2], [eu-central-1]]}"
    dag = a_dag(tmp_path, waves)
    seen: dict[str, Mapping[str, str]] = {}
    Play(dag, lambda task: "failed" if task.endswith("us-east-1.ramp") else "success", started=seen.__setitem__)
    before = seen["progressive-rollout.eu-central-1.deploy"]
    assert before["progressive-rollout.us-east-1.promote"] == "upstream_failed"
    assert before["progressive-rollout.us-west-2.promote"] == "success"


def test_finishing_waits_for_a_region_that_is_still_deploying_when_another_failed(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, "- deploy: {environment: production}\n- manual-judgment")
    seen: dict[str, Mapping[str, str]] = {}
    fails_first = Play(
        dag, lambda task: "failed" if task == "deploy.us-east-1" else "success", started=seen.__setitem__, choose=min
    )
    assert "running" not in seen[FINISH].values()
    assert fails_first.states["manual-judgment"] == "upstream_failed"


def test_baseline_and_canary_are_removed_whatever_happens(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, f"{CANARY}\n{ROLLOUT}")
    start, stop = dag.get_task("automated-canary.start"), dag.get_task("automated-canary.stop")
    assert (start.is_setup, stop.is_teardown) == (True, True)
    seen: dict[str, Mapping[str, str]] = {}
    Play(dag, lambda task: "failed" if task.endswith(("judge", "stop")) else "success", started=seen.__setitem__)
    assert stop.task_id in seen
    assert seen[FINISH][stop.task_id] == "failed"


@pytest.mark.parametrize("policy", ["extend", "rollback", "promote", "ask"])
@pytest.mark.parametrize(
    ("stage", "group"),
    [("automated-canary", "automated-canary"), ("progressive-rollout", "progressive-rollout.us-west-2")],
)
def test_a_gate_leads_to_promoting_going_back_or_a_person_and_nowhere_else(
    tmp_path: Path, stage: str, group: str, policy: str
) -> None:
    more = ", approvers: [alice]" if policy == "ask" else ""
    dag = a_dag(tmp_path, f"- {stage}: {{environment: production, on_inconclusive: {policy}{more}}}")
    gate = dag.get_task(f"{group}.gate")
    assert isinstance(gate, Gate)
    assert isinstance(gate, BaseBranchOperator)
    ways = {gate.way(verdict) for verdict in Verdict}
    choices = {"promote", "roll-back", *(["ask"] if policy == "ask" else [])}
    assert gate.downstream_task_ids == {f"{group}.{choice}" for choice in choices}
    assert ways <= gate.downstream_task_ids
    assert (f"{group}.ask" in ways) is (policy == "ask")


def test_a_person_who_is_asked_leads_to_the_same_two_ends(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, CANARY.replace("production", "production, on_inconclusive: ask, approvers: [alice]"))
    ask: Any = dag.get_task("automated-canary.ask")
    assert ask.downstream_task_ids == {"automated-canary.promote", "automated-canary.roll-back"}
    assert set(ask.options_mapping.values()) == ask.downstream_task_ids
    for way in ask.downstream_task_ids:
        assert dag.get_task(way).trigger_rule is TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def test_windows_and_freezes_reach_every_task_that_changes_a_cluster(tmp_path: Path) -> None:
    policies = (
        'windows:\n  days: {from: "09:00", to: "17:00"}\n  nights: {from: "22:00", to: "05:00", next_day: true}\n'
        "freezes:\n"
        "  - {name: holidays, from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, environments: [production]}\n"
        "  - {name: audit, from: 2026-11-01T00:00:00Z, to: 2026-11-02T00:00:00Z, environments: [test]}\n"
    )
    production = "environment: production\nregions: [us-east-1]\nwindow: nights\n"
    text = f"{DEPLOY}\n- window: {{window: days}}\n{CANARY}\n{ROLLOUT.replace('regions: [us-east-1]', 'window: days')}"
    dag = a_dag(tmp_path, text, {"policies/windows.yaml": policies, "environments/production.yaml": production})
    found = {
        task.task_id: _named(Calendar.model_validate(task.calendar)) for task in dag.tasks if hasattr(task, "calendar")
    }
    canary = {f"automated-canary.{step}": (1, ["holidays"]) for step in ("start", "judge", "roll-back", "stop")}
    region = {
        f"progressive-rollout.us-east-1.{step}": (2, ["holidays"])
        for step in ("deploy", "ramp", "promote", "roll-back")
    }
    assert found == {"deploy": (0, ["audit"]), "window": (1, []), **canary, **region}


def _named(calendar: Calendar) -> tuple[int, list[str]]:
    return len(calendar.windows), [freeze.name for freeze in calendar.freezes]


def test_what_is_deployed_is_the_digest_that_the_bake_returned(tmp_path: Path) -> None:
    dag = a_dag(tmp_path, f"- bake-image: {{name: bake}}\n{DEPLOY}\n{CANARY}\n{ROLLOUT}")
    images = {task.task_id: task.image for task in dag.tasks if hasattr(task, "image")}
    judged = {"automated-canary.start", "automated-canary.judge"}
    ramped = {"progressive-rollout.us-east-1.deploy", "progressive-rollout.us-east-1.ramp"}
    assert set(images) == {"deploy", *judged, *ramped}
    assert set(images.values()) == {"{{ ti.xcom_pull(task_ids='bake')['digest'] }}"}
    assert all("image" in dag.get_task(task_id).template_fields for task_id in images)


def test_who_judges_is_told_the_profile_the_version_and_what_the_stage_says_itself(tmp_path: Path) -> None:
    canary = CANARY.replace("}", ", profile: quick@7, metrics: [{name: latency, margin: 4}], duration: 4m}")
    pipeline = resolve(tmp_path, stages(f"{canary}\n{ROLLOUT}"))
    dag = compile_pipeline(pipeline)
    for name, profile, version in (("automated-canary", "quick", 7), ("progressive-rollout", "standard", 0)):
        uses = [task.profile for task in dag.tasks if task.task_id.startswith(name) and hasattr(task, "profile")]
        assert len(uses) == 2
        for use in uses:
            assert (use["profile"], use["version"]) == (profile, version)
            assert use["settings"] == pipeline.profiles[profile].model_dump(mode="json")
            on_top = CanaryConfig.from_profile(profile, {profile: use["settings"]}, use["overrides"])
            assert on_top == pipeline.stage(name).canary
            assert json.loads(json.dumps(use)) == use


def test_artifacts_and_parameters_make_the_trigger_form(tmp_path: Path) -> None:
    text = (
        "pipeline: demo\nowners: [team-demo]\nartifacts: {the-app: {path: build}}\nparameters:\n"
        "  share: {type: integer, minimum: 1, maximum: 9, default: 3, description: How much}\n"
        "  mood: {enum: [calm, brave], default: calm}\n"
        "  ticket: {pattern: '^T-[0-9]+$'}\n"
        "  is_urgent: {type: boolean, default: false}\n"
        "stages: [bake-image]\n"
    )
    params = a_dag(tmp_path, text).params
    said = {name: {**params.get_param(name).schema} for name in params}
    assert said == {
        "artifact_the_app": {"type": "string", "minLength": 1, "title": "Artifact the-app"},
        "share": {"type": "integer", "minimum": 1, "maximum": 9},
        "mood": {"type": "string", "enum": ["calm", "brave"]},
        "ticket": {"type": "string", "pattern": "^T-[0-9]+$"},
        "is_urgent": {"type": "boolean"},
    }
    assert params.get_param("share").description == "How much"
    assert artifact_parameter("the-app") == "artifact_the_app"
    assert (params["artifact_the_app"], params["share"], params["is_urgent"]) == ("build", 3, False)


@pytest.mark.parametrize("wrong", [{"share": 10}, {"share": "3"}, {"mood": "wild"}, {"artifact_demo": ""}, {}])
def test_airflow_refuses_a_value_that_does_not_fit(tmp_path: Path, wrong: dict[str, Any]) -> None:
    text = stages(DEPLOY).replace(
        "stages:", "parameters: {share: {type: integer, maximum: 9}, mood: {enum: [calm], default: calm}}\nstages:"
    )
    params = a_dag(tmp_path, text).params

    def start() -> None:
        params.update(wrong)
        params.validate()

    with pytest.raises(ParamValidationError):
        start()


def test_the_dag_says_whose_it_is_and_what_it_was_made_from(tmp_path: Path) -> None:
    pipeline = resolve(tmp_path, stages(DEPLOY))
    dag = compile_pipeline(pipeline)
    assert dag.tags == {"gennaker", "team-demo"}
    assert dag.doc_md is not None
    assert pipeline.definition_digest[:19] in dag.doc_md
    assert "pipelines/demo.yaml" in dag.doc_md
    assert (dag.max_active_runs, dag.catchup, dag.start_date) == (1, False, None)


KINDS = {
    "wait": "{duration: 1s",
    "manual-judgment": "{instructions: Go on?",
    "deploy": "{environment: production",
    "integration-tests": "{http: {path: /}, environment: test",
    "automated-canary": "{environment: production",
    "progressive-rollout": "{environment: production, waves: [[us-east-1], [us-west-2, eu-central-1]]",
}


@st.composite
def pipelines(draw: st.DrawFn) -> str:
    """The text of a small pipeline: some stages, each after some of those before it."""
    names, lines = ["bake"], ["- bake-image: {name: bake}"]
    for number in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        needs = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        on_failure = draw(st.sampled_from(["stop", "continue"]))
        names.append(f"s{number}")
        lines.append(
            f"- {kind}: {KINDS[kind]}, name: s{number}, needs: [{', '.join(needs)}], on_failure: {on_failure}}}"
        )
    return f"{HEAD}stages:\n" + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Where the pipelines that Hypothesis makes up are read."""
    return a_library(tmp_path_factory.mktemp("dags"), {"pipelines/none.yaml": ""})


@settings(max_examples=60)
@given(text=pipelines(), data=st.data())
def test_any_pipeline_stops_behind_a_failure_and_finishes_last(
    library: Library, text: str, data: st.DataObject
) -> None:
    file = library.folder / "pipelines/demo.yaml"
    file.write_text(text, encoding="utf-8")
    pipeline = library.resolve_file(file)
    dag = compile_pipeline(pipeline)
    needs = {stage.name: stage.needs for stage in pipeline.stages}
    before = ancestors(needs, list(needs))
    may_fail = {stage.name for stage in pipeline.stages if stage.on_failure == "continue"}
    rollouts = {stage.name for stage in pipeline.stages if stage.type == "progressive-rollout"}

    def counts(task_id: str) -> bool:
        """Whether its failure stops what comes after; a region's is for the end of its rollout to judge."""
        stage = stage_of(task_id)
        return stage not in may_fail and (stage not in rollouts or task_id.endswith(".settle"))

    def started(task_id: str, states: Mapping[str, str]) -> None:
        if task_id == FINISH:
            assert "running" not in states.values()
            assert len(states) == len(dag.tasks) - 1
        elif not task_id.endswith((".settle", "has_ended")):
            failed = {stage_of(name) for name, state in states.items() if state == "failed" and counts(name)}
            assert not failed & set(before[stage_of(task_id)]), f"{task_id} starts though {failed} failed"

    def ends(task_id: str) -> str:
        return data.draw(st.sampled_from(["success", "success", "failed", "skipped"]), label=task_id)

    play = Play(dag, ends, choose=lambda names: data.draw(st.sampled_from(names)), started=started)
    assert play.states.keys() == dag.task_dict.keys()
    assert [task.task_id for task in dag.leaves] == [FINISH]
    assert {stage_of(task.task_id) for task in dag.roots} == {"bake"}
    assert not upstream(dag, "bake")
