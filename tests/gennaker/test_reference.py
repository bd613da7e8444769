"""The reference is written from the model, and every example in the docs resolves."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gennaker.fields import file_keys
from gennaker.model import TRIGGER_TYPES, Environment
from gennaker.read import Library, load
from gennaker.reference import EXAMPLES, FILE, reference
from gennaker.stages import STAGE_TYPES
from gennaker.templates import Change, PipelineFile, TemplateFile
from operators.windows import Freeze, Window
from tests.gennaker.builders import ROOT

BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = "pipeline: example\nowners: [a]\nartifacts: {example: {path: x}}\nparameters: {reason: {default: x}}\nstages:\n"


def test_the_reference_is_what_the_model_says_now() -> None:
    written = (ROOT / FILE).read_text(encoding="utf-8")
    assert written == reference(), "run: python -m gennaker.reference"


def test_every_stage_and_every_setting_is_in_the_reference() -> None:
    text = reference()
    models = [PipelineFile, Environment, TemplateFile, Change, Window, Freeze, *TRIGGER_TYPES.values()]
    for name, stage in STAGE_TYPES.items():
        assert f"### `{name}`" in text
        models.append(stage)
    for model in models:
        for key in file_keys(model):
            assert f"| `{key}` |" in text, f"{model.__name__}.{key}"


def test_every_stage_has_an_example() -> None:
    assert EXAMPLES.keys() == STAGE_TYPES.keys()


def examples() -> Iterator[tuple[str, str]]:
    for file in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, block in enumerate(BLOCK.findall(file.read_text(encoding="utf-8")), start=1):
            if block.startswith("pipeline:"):
                yield f"{file.name} {number}", block
            elif re.match(rf"- ({'|'.join(STAGE_TYPES)})\b", block):
                bake = "" if "bake-image" in block else "- bake-image\n"
                yield f"{file.name} {number}", f"{HEAD}{bake}{block}"


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in examples()])
def test_every_pipeline_in_the_docs_resolves(tmp_path: Path, text: str) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    library: Library = load(ROOT / "dags")
    assert library.resolve_file(file).stages
