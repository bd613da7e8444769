"""Who may see the pages under `/gennaker`."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from jwt import InvalidTokenError

from gennaker.stack.settings import StackSettings


@dataclass(frozen=True)
class Gate:
    """Airflow's auth manager as the pages meet it: tokens are names, and each name may read some DAGs."""

    readable: Mapping[str, set[str]]

    async def get_user_from_token(self, token: str) -> str:
        if token not in self.readable:
            raise InvalidTokenError("unknown")
        return token

    def is_authorized_dag(self, *, method: str, access_entity: object, details: object, user: str) -> bool:
        return method == "GET" and getattr(details, "id", None) in self.readable[user]


@pytest.fixture(autouse=True)
def reports(airflow_core: None, settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with one report, behind a gate that lets alice read it and bob not."""
    from airflow.api_fastapi.core_api import security

    monkeypatch.setattr(security, "get_auth_manager", lambda: Gate({"alice": {"playback"}, "bob": {"checkout"}}))
    monkeypatch.setattr(security.DagModel, "get_team_name", lambda dag_id: None)
    folder = settings.home / "reports"
    folder.mkdir(parents=True)
    index = {"dag_id": "playback", "run_id": "r+1:2", "task_id": "canary", "title": "playback", "verdict": "PASS"}
    (folder / "j1.json").write_text(json.dumps(index))
    (folder / "j1.html").write_text("<h1>the report</h1>")
    return folder


def _get(path: str, *, token: str = "", cookie: str = "") -> httpx.Response:
    from gennaker.ui.pages import app

    async def ask() -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        cookies = {"_token": cookie} if cookie else {}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://x", headers=headers, cookies=cookies
        ) as http:
            return await http.get(path)

    return asyncio.run(ask())


PAGES = ["/runs/playback/r%2B1%3A2", "/reports/j1"]


@pytest.mark.parametrize("path", [*PAGES, "/reports/unknown"])
def test_nobody_sees_anything_without_a_login(path: str) -> None:
    assert _get(path).status_code == 401


@pytest.mark.parametrize("path", PAGES)
def test_a_made_up_token_is_refused(path: str) -> None:
    assert _get(path, token="mallory").status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_who_may_not_read_the_dag_may_not_read_its_reports(path: str) -> None:
    assert _get(path, token="bob").status_code == 403
    assert _get(path, cookie="bob").status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_who_may_read_the_dag_sees_its_reports_with_the_ui_s_cookie_or_a_token(path: str) -> None:
    assert _get(path, token="alice").status_code == 200
    assert _get(path, cookie="alice").status_code == 200


def test_a_run_s_page_lists_its_reports() -> None:
    assert 'href="/reports/j1"' in _get(PAGES[0], token="alice").text


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_no_script_fetch_nothing_and_are_not_kept(path: str) -> None:
    headers = _get(path, token="alice").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/reports/..%2f..%2fpasswords", "/reports/unknown", "/openapi.json", "/docs"])
def test_nothing_else_is_there(path: str) -> None:
    assert _get(path, token="alice").status_code == 404


def test_a_report_that_is_still_being_written_is_not_found(reports: Path) -> None:
    (reports / "j1.html").unlink()
    assert _get("/reports/j1", token="alice").status_code == 404
