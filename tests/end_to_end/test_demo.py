"""The demo as a stranger runs it: four releases under load, told right, nothing lost, nothing left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gennaker.demo.scoreboard import STORY

pytestmark = [pytest.mark.stack, pytest.mark.demo, pytest.mark.timeout(1500)]

PROJECT = Path(__file__).parents[2]
ARTIFACTS = Path(__file__).parents[1] / "artifacts"


def test_the_demo_comes_out_as_told_and_stops_everything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {**os.environ, "CI": "true", "GENNAKER_HOME": str(home), "GENNAKER_DAGS": str(PROJECT / "dags")}
    command = [str(Path(sys.executable).parent / "gennaker"), "demo"]
    told = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=1400)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]

    score = json.loads((home / "demo.json").read_text())
    (ARTIFACTS / "demo.json").write_text(json.dumps(score, indent=2))
    assert {r["version"]: r["verdict"] for r in score["releases"]} == {v: s[0] for v, s in STORY.items()}
    assert score["requests_lost"] == 0
    assert all(release["reason"] for release in score["releases"])
    assert [r["decision_to_zero_s"] is not None for r in score["releases"]] == [False, False, True, True]
    assert (home / "reports").is_dir()
    assert not [p for p in psutil.process_iter() if _is_of(p, home)]


def _is_of(process: psutil.Process, home: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any(str(home) in part for part in process.cmdline())
    except psutil.Error:
        return False
