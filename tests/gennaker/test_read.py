"""A pipeline file becomes a frozen model with every setting filled in."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from gennaker.errors import PipelineErrors
from gennaker.model import Pipeline
from gennaker.read import load
from gennaker.stages import AutomatedCanary, BakeImage, Deploy, IntegrationTests, ProgressiveRollout
from tests.gennaker.builders import ROOT, a_library, resolve, stages


def test_stages_run_in_the_order_of_the_file(tmp_path: Path) -> None:
    pipeline = resolve(tmp_path, stages("- bake-image\n- deploy: {environment: test}\n- wait: {duration: 5m}"))
    assert [(stage.name, stage.needs) for stage in pipeline.stages] == [
        ("bake-image", ()),
        ("deploy", ("bake-image",)),
        ("wait", ("deploy",)),
        ("finish-and-archive", ("wait",)),
    ]


def test_finish_and_archive_follows_every_stage_that_nothing_follows(tmp_path: Path) -> None:
    pipeline = resolve(
        tmp_path,
        stages("""
- bake-image
- wait: {name: a, duration: 1s, needs: [bake-image]}
- wait: {name: b, duration: 1s, needs: [bake-image]}"""),
    )
    assert pipeline.stages[-1].needs == ("a", "b")


def test_stages_come_after_what_they_need(tmp_path: Path) -> None:
    text = "- wait: {name: late, duration: 1s, needs: [bake-image]}\n- bake-image: {needs: []}"
    pipeline = resolve(tmp_path, stages(text))
    assert [stage.name for stage in pipeline.stages] == ["bake-image", "late", "finish-and-archive"]


def test_bake_image_keeps_free_settings_as_text(tmp_path: Path) -> None:
    stage = resolve(tmp_path, stages('- bake-image: {os: ubuntu-22, jdk: 17, slim: true, python: "3.10"}')).stages[0]
    assert isinstance(stage, BakeImage)
    assert stage.artifact == "demo"
    assert stage.settings == {"os": "ubuntu-22", "jdk": "17", "slim": "true", "python": "3.10"}


def test_regions_and_capacity_come_from_the_environment(tmp_path: Path) -> None:
    pipeline = resolve(
        tmp_path, stages("- deploy: {environment: production}\n- progressive-rollout: {environment: production}")
    )
    deploy, rollout = pipeline.stages[1:3]
    assert isinstance(deploy, Deploy)
    assert isinstance(rollout, ProgressiveRollout)
    regions = ("us-east-1", "us-west-2", "eu-central-1")
    assert (deploy.regions, deploy.capacity) == (regions, 2)
    assert (rollout.regions, rollout.capacity, rollout.waves) == (regions, 2, (regions,))


def test_integration_tests_run_where_the_last_deploy_before_them_went(tmp_path: Path) -> None:
    pipeline = resolve(
        tmp_path,
        stages("""
- bake-image
- deploy: {environment: test}
- deploy: {name: apart, environment: production, needs: [bake-image]}
- integration-tests: {http: {path: /}, needs: [deploy]}"""),
    )
    stage = pipeline.stage("integration-tests")
    assert isinstance(stage, IntegrationTests)
    assert stage.environment == "test"


def test_a_canary_is_judged_by_its_profile_with_its_own_settings_on_top(tmp_path: Path) -> None:
    text = stages("- automated-canary: {environment: production, profile: quick, metrics: [latency], duration: 4m}")
    stage = resolve(tmp_path, text).stage("automated-canary")
    assert isinstance(stage, AutomatedCanary)
    assert stage.region == "us-east-1"
    assert stage.canary.interval == timedelta(seconds=1)
    assert stage.canary.duration == timedelta(minutes=4)
    assert [metric.name for metric in stage.canary.metrics] == ["latency"]


def test_a_pipeline_carries_the_environments_and_windows_it_uses(tmp_path: Path) -> None:
    pipeline = resolve(tmp_path, stages("- deploy: {environment: test, window: office-hours}"))
    assert list(pipeline.environments) == ["test"]
    assert list(pipeline.windows) == ["office-hours"]


def test_a_pipeline_never_changes(tmp_path: Path) -> None:
    pipeline = resolve(tmp_path, stages("- bake-image"))
    with pytest.raises(ValidationError):
        pipeline.service = "other"  # type: ignore[misc]  # the point of the test


def test_the_service_is_named_like_the_pipeline_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert resolve(tmp_path, stages("- bake-image")).service == "demo"
    assert resolve(tmp_path, "service: other\n" + stages("- bake-image")).service == "other"


@pytest.mark.parametrize("name", ["design", "playback", "ratings"])
def test_a_resolved_pipeline_survives_json(name: str) -> None:
    library = load(ROOT / "dags")
    file = ROOT / "tests/golden/design.yaml" if name == "design" else library.file_of(name)
    pipeline = library.resolve_file(file)
    again = Pipeline.model_validate_json(pipeline.model_dump_json())
    assert again == pipeline
    assert again.definition_digest == pipeline.definition_digest


def test_the_digest_tells_every_change_of_meaning_and_nothing_else(tmp_path: Path) -> None:
    text = stages("- deploy: {environment: test}\n- automated-canary: {environment: production}")
    first = resolve(tmp_path / "a", text).definition_digest
    assert first == resolve(tmp_path / "b", "# a comment\n" + text).definition_digest
    assert first != resolve(tmp_path / "c", text.replace("test}", "test, retries: 1}")).definition_digest
    surroundings = {"environments/test.yaml": "environment: test\nregions: [eu-west-1]\n"}
    assert first != resolve(tmp_path / "d", text, surroundings).definition_digest
    assert first != resolve(tmp_path / "e", text, {"canaries/standard.yaml": "alpha: 0.02\n"}).definition_digest


def test_one_pipeline_is_found_without_reading_the_others(tmp_path: Path) -> None:
    others = {"pipelines/broken.yaml": "\t", "canaries/bad.yaml": "["}
    library = a_library(tmp_path, {"pipelines/demo.yaml": stages("- bake-image"), **others})
    assert library.file_of("demo") == tmp_path / "pipelines/demo.yaml"
    assert library.resolve("demo").pipeline == "demo"
    assert library.pipelines() == ["broken", "demo"]


def test_pipelines_may_lie_in_folders_of_teams(tmp_path: Path) -> None:
    library = a_library(tmp_path, {"pipelines/team/demo.yaml": stages("- bake-image")})
    assert library.resolve("demo").file == "pipelines/team/demo.yaml"


def test_a_pipeline_in_two_files_is_refused(tmp_path: Path) -> None:
    text = stages("- bake-image")
    library = a_library(tmp_path, {"pipelines/a/demo.yaml": text, "pipelines/b/demo.yaml": text})
    with pytest.raises(PipelineErrors, match=r"a/demo\.yaml:1:1: the pipeline is in other files too: .*b/demo\.yaml"):
        library.resolve("demo")


def test_a_file_is_named_like_its_pipeline(tmp_path: Path) -> None:
    library = a_library(tmp_path, {"pipelines/other.yaml": stages("- bake-image")})
    with pytest.raises(PipelineErrors, match=r"other\.yaml:1:1: the file of pipeline 'demo' must be named demo\.yaml"):
        library.resolve("other")


def test_an_unknown_pipeline_is_named_with_the_nearest(tmp_path: Path) -> None:
    library = a_library(tmp_path, {"pipelines/demo.yaml": stages("- bake-image")})
    with pytest.raises(PipelineErrors, match="unknown pipeline 'dmo'; did you mean 'demo'"):
        library.resolve("dmo")


def test_environments_and_profiles_are_wrong_only_for_who_uses_them(tmp_path: Path) -> None:
    library = a_library(
        tmp_path,
        {
            "pipelines/demo.yaml": stages("- deploy: {environment: test}"),
            "environments/bad.yaml": "environment: bad\nregion: [x]\n",
            "canaries/bad.yaml": "alpha: 2\n",
        },
    )
    assert library.resolve("demo")
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in library.wrong_files()] == [
        "environments/bad.yaml:2:1: unknown key 'region'; did you mean 'regions'?",
        "canaries/bad.yaml:1:8: alpha: expected below 0.5, found 2",
    ]  # fmt: skip
