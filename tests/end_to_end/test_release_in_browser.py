"""A release as a person sees it: started in the form, judged in the tab, remembered in MLflow."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.records import Kind
from tests.end_to_end.browsing import ARTIFACTS, logged_in
from tests.end_to_end.in_mlflow import InMlflow, tags_of
from tests.end_to_end.releasing import a_release, records_of, under_load

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(600)]

PIPELINE = "ramping"
CLUSTER = Cluster("ramping", "production", "us-east-1")
RAMP = "progressive-rollout.us-east-1.ramp"
SOON = timedelta(minutes=2)


def test_a_bad_release_started_in_the_form_is_rolled_back_and_its_tab_says_why(stack, browser, tmp_path: Path) -> None:
    stack.client.unpause(PIPELINE, SOON)
    if not open_cloud("local").weights(CLUSTER):
        first = stack.client.trigger(PIPELINE, {"artifact_playback": str(a_release(tmp_path, "1.0.0"))})
        assert stack.client.wait(PIPELINE, first, SOON).state == "success"
    before = {run.run_id for run in stack.client.runs(PIPELINE)}
    page = logged_in(stack, browser, "alice")
    with under_load(CLUSTER, tmp_path) as load:
        page.goto(f"{stack.settings.airflow_url}/dags/{PIPELINE}")
        page.get_by_role("button", name="Trigger").first.click()
        source = a_release(tmp_path, "1.2.0", error_rate=0.3)
        page.locator("input[name=element_artifact_playback]").fill(str(source))
        page.screenshot(path=ARTIFACTS / "release-form.png")
        page.get_by_role("button", name="Trigger", exact=True).last.click()
        (run_id,) = stack.eventually(
            lambda: [r.run_id for r in stack.client.runs(PIPELINE) if r.run_id not in before], "the run"
        )
        assert stack.client.wait(PIPELINE, run_id, timedelta(minutes=3)).state == "failed"
    assert load.counted().lost == 0, load.lost_kinds()

    page.goto(f"{stack.settings.airflow_url}/dags/{PIPELINE}/runs/{quote(run_id, safe='')}")
    page.get_by_role("link", name="Canary").click()
    report = page.frame_locator("iframe[title=Canary]").frame_locator("iframe[name=report]")
    report.get_by_text("Error rate of the canary is").first.wait_for()
    assert report.locator("svg").count() >= 3
    page.screenshot(path=ARTIFACTS / "canary-of-a-bad-release.png")

    (decision,) = records_of(PIPELINE, run_id, Kind.DECISION)
    assert decision.body["judgment"]["verdict"] == "FAIL"
    memory = InMlflow(stack.settings.mlflow_url, PIPELINE)
    run, judgment = stack.eventually(lambda: memory.finished(run_id), "the judgment in MLflow", SOON)
    tags = tags_of(judgment)
    assert {tags["service"], tags["region"], tags["stage"]} == {"ramping", "us-east-1", "progressive-rollout"}
    assert tags["gennaker.verdict"] == "FAIL"
    assert tags["mlflow.parentRunId"] == run["info"]["run_id"]
    assert tags_of(run)["gennaker.verdict"] == "rolled back"
    metrics = {metric["key"] for metric in judgment["data"]["metrics"]}
    assert {"error_rate.evidence_harm", "requests.canary"} <= metrics
    params = {param["key"] for param in judgment["data"]["params"]}
    assert {"profile", "judge", "alpha", "error_rate.margin", "definition"} <= params
    assert len(memory.looks(judgment)) == decision.body["looks"]

    page.set_viewport_size({"width": 1500, "height": 900})
    page.goto(f"{memory.url}/#/experiments/{memory.experiment()}/runs")
    page.get_by_text(f"{PIPELINE}/{run_id}").first.wait_for()
    page.screenshot(path=ARTIFACTS / "mlflow-experiment.png")
    page.goto(f"{memory.url}/#/experiments/{memory.experiment()}/runs/{judgment['info']['run_id']}/model-metrics")
    page.get_by_text("progressive-rollout us-east-1").first.wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    page.screenshot(path=ARTIFACTS / "mlflow-evidence.png")
