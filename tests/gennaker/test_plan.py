"""A plan says what a change of the YAML does to every pipeline, and which file is the cause."""

import subprocess
from pathlib import Path

import pytest

from gennaker.plan import Plan, PlanError, SettingChange, Touch, check_out, compare
from tests.gennaker.builders import SURROUNDINGS, a_library, stages

TEXT = stages("- deploy: {environment: test}\n- automated-canary: {environment: production, profile: quick}")
TEMPLATE = "template: service\nversion: 1\nstages: [bake-image, {wait: {duration: 1m}}]\n"
USER = "pipeline: user\nowners: [a]\nartifacts: {a: {path: x}}\ntemplate: service@1\n"
FILES = {"pipelines/demo.yaml": TEXT, "pipelines/user.yaml": USER, "templates/service@1.yaml": TEMPLATE}


def plan(folder: Path, changed: dict[str, str], gone: tuple[str, ...] = ()) -> Plan:
    before = a_library(folder / "before", FILES)
    after = {name: text for name, text in {**FILES, **changed}.items() if name not in gone}
    return compare(before, a_library(folder / "after", after))


def test_nothing_changed_touches_nothing(tmp_path: Path) -> None:
    assert plan(tmp_path, {"pipelines/demo.yaml": f"# a comment\n{TEXT}"}) == Plan(total=2)


def test_a_setting_of_a_stage_is_told_with_its_old_and_new_value(tmp_path: Path) -> None:
    [change] = plan(tmp_path, {"pipelines/demo.yaml": TEXT.replace("test}", "test, retries: 2}")}).pipelines
    assert (change.pipeline, change.touch, change.causes) == ("demo", Touch.CHANGED, ("pipelines/demo.yaml",))
    assert change.settings == (SettingChange("deploy.retries", 0, 2),)


def test_stages_that_come_and_go_are_named(tmp_path: Path) -> None:
    [change] = plan(
        tmp_path, {"pipelines/demo.yaml": TEXT.replace("- deploy: {environment: test}", "- wait: {duration: 1m}")}
    ).pipelines
    assert change.stages_added == ("wait",)
    assert change.stages_removed == ("deploy",)
    assert SettingChange("automated-canary.needs", ["deploy"], ["wait"]) in change.settings


@pytest.mark.parametrize(
    ("file", "text", "pipeline", "setting"),
    [
        ("templates/service@1.yaml", TEMPLATE.replace("1m", "2m"), "user", SettingChange("wait.duration", "1m", "2m")),
        ("canaries/standard.yaml", "alpha: 0.02\n", "demo", SettingChange("automated-canary.canary.alpha", 0.01, 0.02)),
        (
            "environments/test.yaml",
            SURROUNDINGS["environments/test.yaml"] + "capacity: 3\n",
            "demo",
            SettingChange("deploy.capacity", 1, 3),
        ),
    ],
)
def test_a_shared_file_is_named_as_the_cause(
    tmp_path: Path, file: str, text: str, pipeline: str, setting: SettingChange
) -> None:
    [change] = plan(tmp_path, {file: text}).pipelines
    assert (change.pipeline, change.causes) == (pipeline, (file,))
    assert setting in change.settings


def test_windows_and_freezes_are_told_apart_from_pipelines(tmp_path: Path) -> None:
    policies = SURROUNDINGS["policies/windows.yaml"].replace("17:00", "18:00")
    found = plan(tmp_path, {"policies/windows.yaml": policies})
    assert found.pipelines == ()
    assert found.policies == (SettingChange("windows.office-hours.to", "17:00", "18:00"),)


def test_pipelines_that_come_go_and_break_are_told(tmp_path: Path) -> None:
    changed = {"pipelines/new.yaml": TEXT.replace("demo", "new", 1), "pipelines/user.yaml": "pipeline: user\n"}
    found = plan(tmp_path, changed, gone=("pipelines/demo.yaml",))
    assert [(change.pipeline, change.touch) for change in found.pipelines] == [
        ("demo", Touch.REMOVED),
        ("new", Touch.ADDED),
        ("user", Touch.BROKEN),
    ]
    assert "user.yaml:1:1: expected the key 'owners', which is missing" in found.pipelines[2].errors[0]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_a_plan_is_made_against_a_git_revision(tmp_path: Path) -> None:
    dags = tmp_path / "repo" / "dags"
    library = a_library(dags, FILES)
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "-q", "-m", "first")
    (dags / "pipelines/demo.yaml").write_text(TEXT.replace("test}", "test, retries: 2}"), encoding="utf-8")
    before = check_out(dags, "HEAD", tmp_path / "before")
    assert [change.pipeline for change in compare(before, library).pipelines] == ["demo"]


def test_an_unknown_revision_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(PlanError, match=r"cannot be read at 'nonsense'.*name a commit, branch or folder"):
        check_out(tmp_path, "nonsense", tmp_path / "before")
