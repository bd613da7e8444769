"""What Airflow is told of Gennaker's pages."""

import asyncio
import subprocess
import sys
from importlib.metadata import entry_points
from typing import Any

import pytest

from gennaker.ui.plugin import GennakerPlugin, pages


def test_a_dag_run_has_a_canary_tab_behind_the_plugin_s_own_prefix() -> None:
    (view,) = GennakerPlugin.external_views
    (app,) = GennakerPlugin.fastapi_apps
    assert (view["name"], view["destination"]) == ("Canary", "dag_run")
    assert view["href"].startswith(app["url_prefix"] + "/runs/")


def test_components_that_serve_no_pages_do_not_import_them() -> None:
    code = "import sys, gennaker.ui.plugin; sys.exit('fastapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("airflow_core")
def test_the_pages_answer_when_they_are_asked() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/nowhere", "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(pages(scope, receive, send))
    assert sent[0]["status"] == 404


def test_airflow_finds_the_plugin() -> None:
    (found,) = entry_points(group="airflow.plugins", name="gennaker")
    assert found.load() is GennakerPlugin
