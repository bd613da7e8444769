"""Reports of a run, found as files and shown on one page."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gennaker.ui.reports import Report, Reports
from gennaker.ui.run_page import run_page


def a_report(folder: Path, judgment_id: str = "j1", **words: str) -> None:
    """Puts a report where a judgment puts it."""
    index = {"dag_id": "playback", "run_id": "r+1:2", "task_id": "canary", "title": "playback", "verdict": "PASS"}
    (folder / f"{judgment_id}.json").write_text(json.dumps(index | words))
    (folder / f"{judgment_id}.html").write_text(f"<h1>{judgment_id}</h1>")


def _report(judgment_id: str, verdict: str, task_id: str = "canary", reason: str = "") -> Report:
    return Report(judgment_id, "playback", "r1", task_id, f"title of {judgment_id}", verdict, reason)


def _opened(page: str) -> str:
    return page.split("<iframe")[1].split('src="')[1].split('"')[0]


def test_a_run_finds_its_own_reports_only(tmp_path: Path) -> None:
    a_report(tmp_path, "mine")
    a_report(tmp_path, "other-run", run_id="r2")
    a_report(tmp_path, "other-dag", dag_id="checkout")
    assert [report.judgment_id for report in Reports(tmp_path).of_run("playback", "r+1:2")] == ["mine"]


def test_a_damaged_report_takes_no_other_down(tmp_path: Path) -> None:
    a_report(tmp_path, "good")
    (tmp_path / "half.json").write_text('{"dag_id": "pl')
    (tmp_path / "list.json").write_text("[]")
    assert [report.judgment_id for report in Reports(tmp_path).of_run("playback", "r+1:2")] == ["good"]


def test_a_folder_without_reports_has_none(tmp_path: Path) -> None:
    assert Reports(tmp_path / "reports").of_run("playback", "r1") == ()


@pytest.mark.parametrize("judgment_id", ["../secret", "..", ".", "", "a/b", "a\\b", "a\0b", "/etc/passwd", "é"])
def test_no_id_leads_out_of_the_folder(tmp_path: Path, judgment_id: str) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    a_report(tmp_path, "secret")
    assert Reports(folder).find(judgment_id) is None


@given(judgment_id=some.text(max_size=20))
def test_any_id_is_found_or_not_and_never_an_error(judgment_id: str) -> None:
    assert Reports(Path("nowhere")).find(judgment_id) is None


def test_the_page_opens_the_report_that_stopped_the_run() -> None:
    reports = [_report("a", "PASS"), _report("b", "INCONCLUSIVE"), _report("c", "FAIL")]
    assert _opened(run_page("playback", "r1", reports, base="/gennaker")) == "/gennaker/reports/c"


def test_a_task_s_link_opens_that_task_s_report() -> None:
    reports = [_report("a", "FAIL"), _report("b", "PASS", task_id="ramp")]
    page = run_page("playback", "r1", reports, base="/gennaker", task_id="ramp")
    assert _opened(page) == "/gennaker/reports/b"


def test_a_run_without_judgments_says_so_and_looks_again() -> None:
    page = run_page("playback", "r1", [], base="/gennaker")
    assert "No canary of this run" in page
    assert "iframe" not in page.split("</style>")[1]
    assert 'http-equiv="refresh"' in page


def test_words_of_a_report_cannot_become_markup() -> None:
    page = run_page("<dag>", "r1", [_report("a", "PASS", reason="<script>alert(1)</script>")], base="/gennaker")
    assert "<script" not in page
    assert "<dag>" not in page
