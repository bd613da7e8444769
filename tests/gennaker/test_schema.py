"""The JSON Schema accepts what the reader accepts, so that editors do not mislead."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gennaker.schema import pipeline_schema
from tests.gennaker.builders import HEAD, ROOT, problems, stages

VALIDATOR = Draft202012Validator(pipeline_schema())


def errors(text: str) -> list[str]:
    content: Any = yaml.safe_load(text)
    return [error.message for error in VALIDATOR.iter_errors(content)]


def test_the_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(pipeline_schema())


@pytest.mark.parametrize(
    "file", [*(ROOT / "dags/pipelines").rglob("*.yaml"), ROOT / "tests/golden/design.yaml"], ids=str
)
def test_every_pipeline_fits_the_schema(file: Path) -> None:
    assert errors(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "- bake-imag",
        "- deploy",
        "- deploy: {environmen: test}",
        "- deploy: {environment: test, canary: {}}",
        "- deploy: {environment: test, strategy: bluegreen}",
        "- deploy: {environment: test, timeout: 5}",
        "- deploy: {environment: test, retries: 99}",
        "- deploy: {environment: Test}",
        "- wait: {duration: 5 minutes}",
        "- automated-canary: {environment: production, traffic: 5.5%}",
        "- deploy: {environment: test}\n  wait: {duration: 5m}",
    ],
)
def test_what_the_reader_refuses_does_not_fit_the_schema(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, stages(text))
    assert errors(stages(text))


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        f"{HEAD}owner: x\nstages: [bake-image]\n",
        f"{HEAD}stages: [bake-image]\ntemplate: a@1\n",
        f"{HEAD}stages: [bake-image]\nenvironments: {{}}\n",
    ],
)
def test_what_is_no_pipeline_does_not_fit_the_schema(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)
    assert errors(text)


def test_every_setting_has_a_description() -> None:
    schema = pipeline_schema()
    for name, definition in {"pipeline": schema, **schema["$defs"]}.items():
        for key, setting in definition.get("properties", {}).items():
            assert setting.get("description"), f"{name}.{key}"
