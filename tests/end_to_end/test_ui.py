"""Airflow's UI in a real browser: a person starts a run and looks at its canary."""

import json
import re
from contextlib import closing
from urllib.parse import quote

import pytest

from operators.records import Kind, Records, Subject
from tests.end_to_end.browsing import ARTIFACTS, logged_in

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(600)]


def _a_report(stack, run_id: str, judgment_id: str, verdict: str) -> None:
    folder = stack.home / "reports"
    folder.mkdir(exist_ok=True)
    title = f"{judgment_id} in us-east-1"
    index = {"dag_id": "probe", "run_id": run_id, "task_id": "first", "title": title, "verdict": verdict}
    (folder / f"{judgment_id}.html").write_text(
        f"<h1>{verdict}: {title}</h1><script>document.body.textContent = 'a script ran'</script>"
    )
    (folder / f"{judgment_id}.json").write_text(json.dumps(index))


def test_a_run_is_started_through_the_form_and_its_canary_tab_shows_the_reports(stack, browser) -> None:
    stack.eventually(lambda: "probe" in stack.client.dag_ids(), "the probe to be read")
    page = logged_in(stack, browser, "alice")
    page.goto(f"{stack.settings.airflow_url}/dags/probe")
    before = {run.run_id for run in stack.client.runs("probe")}
    page.get_by_role("button", name="Trigger").first.click()
    page.locator("input[name=element_seconds]").fill("1")
    page.screenshot(path=ARTIFACTS / "trigger-form.png")
    page.get_by_role("button", name="Trigger", exact=True).last.click()

    def started() -> list[str]:
        return [run.run_id for run in stack.client.runs("probe") if run.run_id not in before]

    (run_id,) = stack.eventually(started, "the run that the form started")
    assert stack.client.run("probe", run_id).conf == {"seconds": 1}

    _a_report(stack, run_id, "canary", "PASS")
    _a_report(stack, run_id, "ramp", "FAIL")
    page.goto(f"{stack.settings.airflow_url}/dags/probe/runs/{quote(run_id, safe='')}")
    page.get_by_role("link", name="Canary").click()
    tab = page.frame_locator("iframe[title=Canary]")
    report = tab.frame_locator("iframe[name=report]")
    report.get_by_role("heading", name="FAIL: ramp in us-east-1").wait_for()
    page.screenshot(path=ARTIFACTS / "canary-tab.png")
    tab.get_by_role("link", name=re.compile("canary in us-east-1")).click()
    report.get_by_role("heading", name="PASS: canary in us-east-1").wait_for()

    subject = Subject(run=f"probe/{run_id}", pipeline="probe", service="probe")
    with closing(Records.open(f"sqlite:///{stack.home}/records.db")) as records:
        records.append(Kind.RUN, subject, {"state": "probed"})
        tab.get_by_label("What did the release turn out to be").fill("carts were lost")
        tab.get_by_role("button", name="Bad").click()
        tab.get_by_text("by alice (person): carts were lost").wait_for()
        page.screenshot(path=ARTIFACTS / "label.png")
        (label,) = records.search(kind=Kind.LABEL, run=subject.run)
    assert (label.body["truth"], label.body["who"]) == ("bad", "alice")


def test_a_stranger_is_shown_no_report(stack, browser) -> None:
    _a_report(stack, "r1", "hidden", "PASS")
    page = browser.new_page()
    for path in ("/gennaker/reports/hidden", "/gennaker/runs/probe/r1"):
        answer = page.goto(stack.settings.airflow_url + path)
        assert answer.status == 401
        assert "hidden" not in page.content()
