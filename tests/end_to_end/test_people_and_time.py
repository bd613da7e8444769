"""What waits for people and for the clock: judgments, windows, and pipelines that do not compile."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from gennaker.stack.approvals import Question
from gennaker.stack.connection import AirflowRefused
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.records import Kind
from operators.runs import RunVerdict
from tests.end_to_end.releasing import CONVERGED, a_release, conclusion_of, confirmed, records_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

SOON = timedelta(minutes=2)


def asked(stack, tmp_path: Path) -> tuple[str, Question]:
    """A run that waits for alice, and its question."""
    stack.client.unpause("asking", SOON)
    run_id = stack.client.trigger("asking", {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})
    questions = stack.eventually(lambda: stack.client.approvals.pending("asking", run_id), "the question", SOON)
    return run_id, questions[0]


def test_only_the_named_approver_is_heard_and_it_is_recorded_who_and_when(stack, tmp_path: Path) -> None:
    run_id, question = asked(stack, tmp_path)
    with pytest.raises(AirflowRefused) as refusal:
        stack.client_of("admin").approvals.answer(question, ["Approve"])
    assert refusal.value.status == 403
    stack.client_of("alice").approvals.answer(question, ["Approve"])
    assert stack.client.wait("asking", run_id, SOON).state == "success"
    (approval,) = records_of("asking", run_id, Kind.APPROVAL)
    assert (approval.body["answer"], approval.body["by"]) == ("Approve", "alice")
    assert approval.body["at"]


def test_a_judgment_nobody_gives_in_time_fails_the_run_and_says_so(stack, tmp_path: Path) -> None:
    stack.client.unpause("unanswered", SOON)
    run_id = stack.client.trigger("unanswered", {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})
    assert stack.client.wait("unanswered", run_id, SOON).state == "failed"
    ended = conclusion_of("unanswered", run_id)
    assert ended is not None
    assert ended.verdict is RunVerdict.FAILED
    assert "nobody answered manual-judgment" in ended.reason


def test_a_closed_window_holds_every_change_until_it_opens(stack, tmp_path: Path) -> None:
    opens = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    closes = opens + timedelta(hours=1)
    folder = stack.settings.dags
    windows = folder / "policies" / "windows.yaml"
    soon = {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "next_day": opens.date() != closes.date()}
    known = yaml.safe_load(windows.read_text())
    windows.write_text(yaml.safe_dump({**known, "windows": {**known["windows"], "soon": soon}}))
    (folder / "pipelines" / "punctual.yaml").write_text(
        "pipeline: punctual\nowners: [tests]\nartifacts:\n  playback: {path: docker/demo/playback}\n"
        "stages:\n  - bake-image\n  - deploy: {environment: test, window: soon}\n"
    )
    stack.client.unpause("punctual", SOON)
    run_id = stack.client.trigger("punctual", {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})

    def state() -> str:
        return {t.task_id: t.state for t in stack.client.task_instances("punctual", run_id)}.get("deploy", "")

    stack.eventually(lambda: state() == "deferred", "the deploy to wait", SOON)
    assert datetime.now(UTC) < opens
    assert not open_cloud("local").weights(Cluster("punctual", "test", "us-east-1"))
    assert not any("/deploy/" in key for key in confirmed("punctual", run_id))
    assert stack.client.wait("punctual", run_id, CONVERGED).state == "success"
    begun = next(r for r in records_of("punctual", run_id, Kind.OPERATION) if "/deploy/" in str(r.body["operation"]))
    assert begun.at >= opens


def test_a_pipeline_that_does_not_compile_is_an_import_error_and_the_others_go_on(stack) -> None:
    broken = stack.settings.dags / "pipelines" / "broken.yaml"
    broken.write_text("pipeline: broken\nowners: [tests]\nstages:\n  - bake-imag\n")
    try:
        errors = stack.eventually(stack.client.import_errors, "the import error", SOON)
        assert "broken.yaml:4:5" in errors[0].message
        assert "did you mean 'bake-image'" in errors[0].message
        assert "Traceback" not in errors[0].message
        assert "asking" in stack.client.dag_ids()
    finally:
        broken.unlink()
    stack.eventually(lambda: not stack.client.import_errors(), "the import error to go", SOON)
