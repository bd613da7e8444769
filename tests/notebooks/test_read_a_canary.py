"""`notebooks/01_read_a_canary.ipynb` says what the watch said."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from canary import Look
from gennaker.read import load
from operators.records import Json, Kind, Records, Subject
from tests.notebooks.running import execute, printed_by

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"


@pytest.mark.notebooks
@pytest.mark.timeout(900)
def test_a_canary_of_the_records_is_read_by_its_own_settings(notebooks_python: Path, tmp_path: Path) -> None:
    looks = [Look.from_json(line) for line in (DATA / "worse.jsonl").read_text().splitlines()]
    config = load(ROOT / "dags").canary("standard", {"duration": "5m"})
    with closing(Records.open(f"sqlite:///{tmp_path / 'records.db'}")) as records:
        for number, look in enumerate(looks):
            records.looks.add("playback.canary.eu", number, json.loads(look.to_json()))
        body: dict[str, Json] = {"judgment_id": "playback.canary.eu", "config": config.model_dump(mode="json")}
        records.append(Kind.DECISION, Subject(run="playback"), body)

    notebook = ROOT / "notebooks" / "01_read_a_canary.ipynb"
    cells = execute(notebooks_python, notebook, tmp_path, source="playback.canary.eu")

    assert printed_by(cells, "verdict").startswith("INCONCLUSIVE after 5.0 minutes and 21 looks.")
    assert ": FAIL." in printed_by(cells, "rest")
