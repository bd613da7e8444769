"""Pipelines and their surroundings, written into a test's own folder."""

from pathlib import Path

from gennaker.errors import PipelineErrors
from gennaker.model import Pipeline
from gennaker.read import Library, load

ROOT = Path(__file__).parents[2]

SURROUNDINGS = {
    "environments/test.yaml": "environment: test\nregions: [us-east-1]\n",
    "environments/production.yaml": (
        "environment: production\nregions: [us-east-1, us-west-2, eu-central-1]\ncapacity: 2\n"
    ),
    "policies/windows.yaml": 'windows:\n  office-hours: {days: MON-FRI, from: "09:00", to: "17:00"}\n',
    "canaries/standard.yaml": "alpha: 0.01\n",
    "canaries/quick.yaml": "extends: standard\ninterval: 1s\n",
}
HEAD = "pipeline: demo\nowners: [team-demo]\nartifacts: {demo: {path: build}}\n"


def a_library(folder: Path, files: dict[str, str] | None = None) -> Library:
    """A library below `folder` with the usual surroundings, and `files` besides or instead."""
    for name, text in {**SURROUNDINGS, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load(folder)


def stages(text: str) -> str:
    """A whole pipeline file with these stages, and an image baked before them."""
    bake = "" if "bake-image" in text else "- bake-image\n"
    return f"{HEAD}stages:\n{bake}{text.strip()}\n"


def resolve(folder: Path, text: str, files: dict[str, str] | None = None) -> Pipeline:
    """The pipeline of a file's text among the usual surroundings."""
    return a_library(folder, {"pipelines/demo.yaml": text, **(files or {})}).resolve("demo")


def problems(folder: Path, text: str, files: dict[str, str] | None = None) -> list[str]:
    """What is wrong with a file's text, each `line:column: what`; empty when nothing is."""
    try:
        resolve(folder, text, files)
    except PipelineErrors as errors:
        return [str(problem).replace(f"{folder}/pipelines/demo.yaml:", "") for problem in errors.problems]
    return []
