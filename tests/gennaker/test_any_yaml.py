"""Whatever a pipeline file says, the answer is a model or located lines, never another exception."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gennaker.errors import PipelineErrors, Problem
from gennaker.model import Pipeline
from gennaker.read import Library
from gennaker.stages import STAGE_TYPES
from tests.gennaker.builders import a_library

words = st.sampled_from(
    [
        "test",
        "production",
        "us-east-1",
        "standard",
        "office-hours",
        "5m",
        "5%",
        "100%",
        "{{ params.x }}",
        "ask",
        "x",
        "",
    ]
)
values = st.recursive(
    words | st.none() | st.booleans() | st.integers(-5, 120) | st.floats(allow_nan=False, width=16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
keys = sorted({key for stage in STAGE_TYPES.values() for key in stage.model_fields} | {"os", "typo"})
stage_settings = st.dictionaries(st.sampled_from(keys), values, max_size=5)
a_stage = st.dictionaries(st.sampled_from([*STAGE_TYPES, "typo"]), stage_settings | values, max_size=2)
stages = st.lists(st.sampled_from(sorted(STAGE_TYPES)) | a_stage, max_size=4)
a_trigger = st.dictionaries(st.sampled_from(["git", "schedule", "typo"]), stage_settings | values)
change = st.dictionaries(st.sampled_from(["replace", "with", "before", "after", "add", "remove", "typo"]), values)
file_keys = {
    "pipeline": st.just("demo") | values,
    "owners": st.just(["team"]) | values,
    "artifacts": st.just({"demo": {"path": "build"}}) | values,
    "stages": stages | values,
    "triggers": st.lists(a_trigger) | values,
    "parameters": st.dictionaries(st.sampled_from(["x", "y-z"]), values, max_size=2) | values,
    "template": st.just("service@1") | values,
    "variables": st.dictionaries(st.sampled_from(["size", "typo"]), values, max_size=2) | values,
    "changes": st.lists(change, max_size=2) | values,
    "environments": values,
}
files = st.fixed_dictionaries({}, optional=file_keys)
TEMPLATE = """\
template: service
version: 1
variables: {size: {default: x}}
stages: [bake-image, {deploy: {environment: "${size}"}}, {wait: {duration: 5m, needs: [bake-image]}}]
"""
FOLDER = tempfile.TemporaryDirectory(prefix="gennaker-any-yaml-")


def library() -> Library:
    return a_library(Path(FOLDER.name), {"templates/service@1.yaml": TEMPLATE})


environment_keys = st.sampled_from(["regions", "capacity", "cloud", "typo", "window"])
profile_keys = st.sampled_from(["extends", "alpha", "metrics", "interval", "duration", "typo", "profile", "judge"])


@settings(max_examples=300)
@given(files)
def test_any_pipeline_file_gives_a_model_or_located_lines(content: dict[str, object]) -> None:
    path = Path(FOLDER.name) / "any.yaml"
    around = library()
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    if pipeline := resolved_or_located(lambda: around.resolve_file(path)):
        assert isinstance(pipeline, Pipeline)
        assert Pipeline.model_validate_json(pipeline.model_dump_json()) == pipeline


@given(st.dictionaries(environment_keys, values))
def test_any_environment_gives_a_model_or_located_lines(content: dict[str, object]) -> None:
    around = library()
    text = json.dumps({"environment": "any", **content})
    (Path(FOLDER.name) / "environments" / "any.yaml").write_text(text, encoding="utf-8")
    resolved_or_located(lambda: around.environment("any"))


@given(st.dictionaries(profile_keys, values), st.lists(values, min_size=1, max_size=2))
def test_any_canary_gives_a_model_or_located_lines(profile: dict[str, object], metrics: list[object]) -> None:
    around = library()
    canary = {"environment": "test", "profile": "any", "metrics": metrics}
    pipeline = {"pipeline": "demo", "owners": ["team"], "stages": [{"automated-canary": canary}]}
    path = Path(FOLDER.name) / "any.yaml"
    path.write_text(json.dumps(pipeline), encoding="utf-8")
    (Path(FOLDER.name) / "canaries" / "any.yaml").write_text(json.dumps(profile), encoding="utf-8")
    resolved_or_located(lambda: around.resolve_file(path))


def resolved_or_located(resolve: Callable[[], object]) -> object:
    """What `resolve` gives; None when it says where and why it cannot."""
    problems: tuple[Problem, ...] = ()
    try:
        return resolve()
    except PipelineErrors as errors:
        problems = errors.problems
    assert problems
    for problem in problems:
        assert problem.place.file.startswith(FOLDER.name)
        assert "\n" not in str(problem)
    return None
