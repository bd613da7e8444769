"""Reports: one page for people and one index for the UI, for every judgment, whatever it was."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from canary import Judgment
from operators.memory import Memory
from operators.records import Records, Subject
from operators.records.outbox import Outbox
from operators.records.records import utc_now
from operators.reports import write_report
from operators.watch import Outcome, Watch, begin_memory
from tests.fakes.clock import Clock
from tests.fakes.cloud import MemoryCloud
from tests.fakes.release import ENVIRONMENT, REGION
from tests.fakes.traffic import HARM, a_config, traffic
from tests.fakes.watching import watch_alone

SUBJECT = Subject("playback/manual__1", "playback", "playback", stage="canary")


def a_watch(**config: Any) -> Watch:
    told = {"environment": ENVIRONMENT.to_json(), "region": REGION, "control": "v1", "canary": "v2"}
    return Watch("playback.canary", asdict(SUBJECT), canary_share=0.5, config=a_config(**config), **told)


def a_judged_watch(records: Records, cloud: MemoryCloud, errors: tuple[float, float], **config: Any) -> Outcome:
    watch = a_watch(**config)
    begin_memory(watch, Memory(records))
    cloud.traffic = traffic("v1", "v2", errors=errors)
    outcome = watch_alone(watch, records, Clock())
    write_report(watch, outcome, records, "canary.judge")
    return outcome


@pytest.mark.parametrize(
    ("errors", "config", "verdict"),
    [
        ((0.002, 0.002), {}, "PASS"),
        (HARM, {}, "FAIL"),
        ((0.002, 0.002), {"duration": "6s", "min_requests": 9999}, "INCONCLUSIVE"),
    ],
)
def test_a_report_says_the_verdict_its_reason_and_what_was_compared(
    errors: tuple[float, float], config: dict[str, Any], verdict: str, records: Records, cloud: MemoryCloud, home: Path
) -> None:
    outcome = a_judged_watch(records, cloud, errors, **config)
    assert outcome.judgment.verdict == verdict
    page = (home / "reports" / "playback.canary.html").read_text()
    for said in ("playback in us-east-1: canary", "us-east-1 (production)", "v1", "v2", "quick"):
        assert said in page
    index = json.loads((home / "reports" / "playback.canary.json").read_text())
    assert index == {
        "dag_id": "playback",
        "run_id": "manual__1",
        "task_id": "canary.judge",
        "title": "playback in us-east-1: canary",
        "verdict": verdict,
        "reason": outcome.judgment.reason,
    }


def test_mlflow_is_told_the_verdict_the_report_and_the_raw_looks(records: Records, cloud: MemoryCloud) -> None:
    outcome = a_judged_watch(records, cloud, HARM)
    told = {e.part: e.payload for e in Outbox(records.database, utc_now).entries("playback.canary", 1000)}
    finish: Any = told["finish"]
    judgment: Any = told["artifact/judgment.json"]
    assert finish["tags"]["gennaker.verdict"] == "FAIL"
    assert told["table"] == {"path": "looks.parquet"}
    assert Judgment.from_json(judgment["text"]) == outcome.judgment
    assert "artifact/report.html" in told


def test_writing_a_report_again_changes_nothing(records: Records, cloud: MemoryCloud, home: Path) -> None:
    outcome = a_judged_watch(records, cloud, HARM)
    before = {file.name: file.read_bytes() for file in (home / "reports").iterdir()}
    write_report(a_watch(), outcome, records, "canary.judge")
    assert {file.name: file.read_bytes() for file in (home / "reports").iterdir()} == before
