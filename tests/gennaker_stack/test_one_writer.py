"""Airflow's API server never waits for itself on SQLite."""

import asyncio
from typing import Any

import pytest

from gennaker.ui.one_writer import OneWriter
from gennaker.ui.plugin import GennakerPlugin

SQLITE, POSTGRES = "sqlite:////home/airflow.db?timeout=60", "postgresql+psycopg://localhost/airflow"


class Counted:
    """An ASGI app that counts how many requests it has at once; each lets the others go first a few times."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(5):
            await asyncio.sleep(0)
        self.now -= 1
        if scope["path"] == "/fails":
            raise RuntimeError("the endpoint failed")


def most_at_once(method: str, paths: list[str], kind: str = "http") -> int:
    app = Counted()

    async def ask() -> None:
        guarded = OneWriter(app)
        scopes = [{"type": kind, "method": method, "path": path} for path in paths]
        await asyncio.gather(*(guarded(scope, None, None) for scope in scopes), return_exceptions=True)

    asyncio.run(ask())
    return app.most


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", request.param)


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_on_sqlite_one_request_writes_at_a_time(database: None, method: str) -> None:
    assert most_at_once(method, ["/"] * 4) == 1


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
def test_a_request_that_fails_gives_its_turn_back(database: None) -> None:
    assert most_at_once("PATCH", ["/fails", "/fails", "/"]) == 1


@pytest.mark.parametrize("database", [SQLITE], indirect=True)
def test_who_only_reads_waits_for_nobody(database: None) -> None:
    assert most_at_once("GET", ["/"] * 4) == 4


@pytest.mark.parametrize("database", [POSTGRES], indirect=True)
def test_another_database_has_as_many_writers_as_there_are(database: None) -> None:
    assert most_at_once("PATCH", ["/"] * 4) == 4


def test_airflow_is_given_it_as_a_plugin_s_middleware() -> None:
    (told,) = GennakerPlugin.fastapi_root_middlewares
    assert told["middleware"] is OneWriter
