"""The form on a run's page: who may say what a release turned out to be, and from where."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from jwt import InvalidTokenError

from gennaker.stack.settings import StackSettings
from operators.learning.labels import Label, Labels, Source
from operators.records import Kind, Records, Subject

RUN = "playback/r+1:2"
PAGE = "/runs/playback/r%2B1%3A2"
OWN = {"sec-fetch-site": "same-origin"}


@dataclass(frozen=True)
class User:
    """A user of Airflow."""

    name: str

    def get_name(self) -> str:
        return self.name


class Gate:
    """Airflow's auth manager as the pages meet it: alice may change all, vera may read all."""

    async def get_user_from_token(self, token: str) -> User:
        if token not in ("alice", "vera"):
            raise InvalidTokenError("unknown")
        return User(token)

    def is_authorized_dag(self, *, method: str, access_entity: object, details: object, user: User) -> bool:
        return method == "GET" or user.name == "alice"


@pytest.fixture(autouse=True)
def records(airflow_core: None, settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    from airflow.api_fastapi.core_api import security

    monkeypatch.setattr(security, "get_auth_manager", Gate)
    monkeypatch.setattr(security.DagModel, "get_team_name", lambda dag_id: None)
    monkeypatch.delenv("GENNAKER_RECORDS_URL", raising=False)
    folder = settings.home / "reports"
    folder.mkdir(parents=True)
    index = {"dag_id": "playback", "run_id": "r+1:2", "task_id": "canary", "title": "playback", "verdict": "PASS"}
    (folder / "j1.json").write_text(json.dumps(index))
    with closing(Records.open()) as opened:
        opened.append(Kind.RUN, Subject(run=RUN, pipeline="playback", service="playback"), {"state": "opened"})
        yield opened


def ask(method: str, path: str, *, user: str = "alice", headers: Mapping[str, str] = {}, **form: str) -> httpx.Response:
    """A request as a browser that is logged in makes it."""
    from gennaker.ui.pages import app

    async def answer() -> httpx.Response:
        transport, cookies = httpx.ASGITransport(app), {"_token": user} if user else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://here:8080", cookies=cookies) as http:
            return await http.request(method, path, headers=dict(headers), data=form or None)

    return asyncio.run(answer())


def said(records: Records) -> list[Label]:
    return Labels(records).of(RUN)


def test_a_label_is_kept_with_the_user_s_name_and_shown(records: Records) -> None:
    answer = ask("POST", f"{PAGE}/label", headers=OWN, truth="bad", why=" carts were lost <b> ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/playback/r%2B1%3A2")
    (label,) = said(records)
    assert (label.truth, label.source, label.who, label.why) == ("bad", Source.PERSON, "alice", "carts were lost <b>")
    page = ask("GET", PAGE).text
    assert "<strong>bad</strong> by alice (person): carts were lost &lt;b&gt;" in page


def test_the_form_twice_is_one_label(records: Records) -> None:
    for _ in range(2):
        assert ask("POST", f"{PAGE}/label", headers=OWN, truth="good", why="fine").status_code == 303
    assert len(said(records)) == 1


def test_the_form_is_shown_to_who_may_change_the_dag_only() -> None:
    assert f'action="{PAGE}/label"' in ask("GET", PAGE).text
    assert "<form" not in ask("GET", PAGE, user="vera").text


@pytest.mark.parametrize(("user", "status"), [("", 401), ("mallory", 403), ("vera", 403)])
def test_who_may_not_change_the_dag_may_not_label_its_runs(records: Records, user: str, status: int) -> None:
    answer = ask("POST", f"{PAGE}/label", user=user, headers=OWN, truth="bad", why="x")
    assert answer.status_code == status
    assert said(records) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site", "origin": "http://here:8080"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://elsewhere"},
        {"origin": "http://here:9090"},
        {"origin": "null"},
    ],
)
def test_the_form_of_another_site_is_refused(records: Records, headers: dict[str, str]) -> None:
    assert ask("POST", f"{PAGE}/label", headers=headers, truth="bad", why="x").status_code == 403
    assert said(records) == []


@pytest.mark.parametrize(
    ("user", "headers"), [("alice", {"origin": "http://here:8080"}), ("", {"authorization": "Bearer alice"})]
)
def test_our_own_form_over_plain_http_and_a_program_with_a_token_are_taken(
    records: Records, user: str, headers: dict[str, str]
) -> None:
    assert ask("POST", f"{PAGE}/label", user=user, headers=headers, truth="bad", why="x").status_code == 303
    assert len(said(records)) == 1


@pytest.mark.parametrize("form", [{"truth": "fine", "why": "x"}, {"truth": "bad", "why": "  "}, {"truth": "bad"}])
def test_what_is_no_label_is_refused(records: Records, form: dict[str, str]) -> None:
    assert ask("POST", f"{PAGE}/label", headers=OWN, **form).status_code == 422
    assert said(records) == []


def test_a_run_without_records_is_not_found() -> None:
    assert ask("POST", "/runs/playback/other/label", headers=OWN, truth="bad", why="x").status_code == 404


def test_only_the_page_with_the_form_may_send_one_and_only_to_us() -> None:
    assert "form-action 'self'" in ask("GET", PAGE).headers["Content-Security-Policy"]


@pytest.mark.parametrize("place", ["file", "file/records.db"])
def test_reports_are_shown_while_the_records_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").write_text("no database" * 100)
    monkeypatch.setenv("GENNAKER_RECORDS_URL", f"sqlite:///{tmp_path}/{place}")
    assert "playback" in ask("GET", PAGE).text
