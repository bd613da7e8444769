"""The commands that look at YAML: one line a problem, exit 1 when there is one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from gennaker.cli.check import check
from gennaker.cli.plan import plan
from gennaker.cli.render import render
from gennaker.cli.schema import schema
from tests.gennaker.builders import SURROUNDINGS, a_library, stages


def run(command: Callable[..., None], *words: object, **environment: str) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(word) for word in words], env=environment)


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    """A folder with two pipelines that are fine."""
    one = stages("- deploy: {environment: test}")
    a_library(tmp_path, {"pipelines/demo.yaml": one, "pipelines/other.yaml": one.replace("demo", "other")})
    return tmp_path


def test_check_says_how_many_pipelines_are_fine(dags: Path) -> None:
    result = run(check, "--dags", dags)
    assert (result.exit_code, result.output) == (0, "2 pipelines are fine\n")


def test_check_finds_the_folder_by_the_environment(dags: Path) -> None:
    assert run(check, GENNAKER_DAGS=str(dags)).output == "2 pipelines are fine\n"


def test_check_of_some_files_looks_at_no_others(dags: Path) -> None:
    (dags / "pipelines/other.yaml").write_text("pipeline: other\n", encoding="utf-8")
    assert run(check, dags / "pipelines/demo.yaml", "--dags", dags).output == "1 pipeline is fine\n"
    assert run(check, dags / "pipelines", "--dags", dags).exit_code == 1


def test_check_tells_every_problem_of_every_file_in_one_line_each(dags: Path) -> None:
    (dags / "pipelines/demo.yaml").write_text(stages("- bake-imag\n- wait"), encoding="utf-8")
    (dags / "templates").mkdir()
    (dags / "templates/unused@1.yaml").write_text("\t", encoding="utf-8")
    result = run(check, "--dags", dags)
    assert result.exit_code == 1
    assert result.output.replace(f"{dags}/", "").splitlines() == [
        "pipelines/demo.yaml:6:3: unknown stage type 'bake-imag'; did you mean 'bake-image'?",
        "pipelines/demo.yaml:7:3: wait: expected the key 'duration', which is missing",
        "templates/unused@1.yaml:1:1: a tab is not allowed here; indent with spaces",
    ]


def test_check_tells_a_problem_that_all_pipelines_share_once(dags: Path) -> None:
    (dags / "environments/test.yaml").write_text("environment: test\nregions: []\n", encoding="utf-8")
    result = run(check, "--dags", dags)
    assert result.output.replace(f"{dags}/", "").splitlines() == [
        "environments/test.yaml:2:10: regions: expected at least one, found an empty list"
    ]


def test_check_of_a_file_that_is_not_there_is_one_line(dags: Path) -> None:
    result = run(check, dags / "nothing.yaml", "--dags", dags)
    assert (result.exit_code, result.output) == (
        1,
        f"{dags}/nothing.yaml:1:1: cannot be read: No such file or directory\n",
    )


def test_schema_prints_json() -> None:
    assert json.loads(run(schema).output)["title"] == "Gennaker pipeline"


def test_render_shows_a_pipeline_or_a_file(dags: Path) -> None:
    for which in ("demo", dags / "pipelines/demo.yaml"):
        assert "deploy  test: us-east-1; blue-green, 1 each" in run(render, which, "--dags", dags).output


def test_render_writes_svg(dags: Path, tmp_path: Path) -> None:
    result = run(render, "demo", "--svg", tmp_path / "demo.svg", "--dags", dags)
    assert result.exit_code == 0
    assert (tmp_path / "demo.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


@pytest.fixture
def changed(dags: Path, tmp_path: Path) -> Path:
    """A folder like `dags` with one environment changed."""
    folder = tmp_path / "changed"
    files = {f"pipelines/{name}.yaml": (dags / f"pipelines/{name}.yaml").read_text() for name in ("demo", "other")}
    a_library(folder, {**files, "environments/test.yaml": SURROUNDINGS["environments/test.yaml"] + "capacity: 2\n"})
    return folder


def test_plan_tells_what_a_change_does_and_why(dags: Path, changed: Path) -> None:
    result = run(plan, "--against", dags, "--dags", changed)
    assert result.output.splitlines() == [
        "2 of 2 pipelines change",
        "~ demo changed because of environments/test.yaml",
        "    ~ environments.test.capacity: 1 -> 2",
        "    ~ deploy.capacity: 1 -> 2",
        "~ other changed because of environments/test.yaml",
        "    ~ environments.test.capacity: 1 -> 2",
        "    ~ deploy.capacity: 1 -> 2",
    ]


def test_plan_prints_json(dags: Path, changed: Path) -> None:
    content = json.loads(run(plan, "--against", dags, "--dags", changed, "--json").output)
    assert content["total"] == 2
    assert content["pipelines"][0]["settings"][1] == {"path": "deploy.capacity", "old": 1, "new": 2}


def test_plan_without_a_change_says_so(dags: Path) -> None:
    assert run(plan, "--against", dags, "--dags", dags).output == "no pipeline changes\n"
