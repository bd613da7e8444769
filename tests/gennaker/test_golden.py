"""What the project's own pipelines resolve to is written down; run with GENNAKER_GOLDEN=write to renew it."""

import json
import os
from pathlib import Path

import pytest

from gennaker.read import load
from tests.gennaker.builders import ROOT

GOLDEN = ROOT / "tests" / "golden"
PIPELINES = {
    "design": GOLDEN / "design.yaml",
    "playback": ROOT / "dags/pipelines/playback.yaml",
    "ratings": ROOT / "dags/pipelines/ratings.yaml",
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_resolves_to_what_is_written_down(name: str) -> None:
    # The judges' settings belong to the profiles, and are specified with them.
    pipeline = load(ROOT / "dags").resolve_file(PIPELINES[name])
    resolved = pipeline.model_dump(mode="json", exclude={"profiles": True, "stages": {"__all__": {"canary"}}})
    text = json.dumps(resolved, indent=2) + "\n"
    file: Path = GOLDEN / "resolved" / f"{name}.json"
    if os.environ.get("GENNAKER_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
