"""The Airflow plugin: a page of reports for each run, as a tab beside its tasks."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from gennaker.ui.one_writer import OneWriter


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The pages' ASGI app, imported when first asked: every Airflow component loads plugins, only one serves them."""
    from gennaker.ui.pages import app

    await app(scope, receive, send)


class GennakerPlugin(AirflowPlugin):
    """Reports under `/gennaker`, and the tab `Canary` of a DAG run."""

    name = "gennaker"
    fastapi_apps = [{"app": pages, "url_prefix": "/gennaker", "name": "Gennaker"}]
    fastapi_root_middlewares = [{"middleware": OneWriter, "name": "One writer on SQLite"}]
    external_views = [
        {
            "name": "Canary",
            "href": "/gennaker/runs/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "canary",
        }
    ]
