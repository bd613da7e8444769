"""The pages under `/gennaker`, each behind Airflow's login and its right to read the DAG.

Airflow mounts plugins' apps without any guard. Its own guards are not in its public SDK, so
this is the one module that imports them from its core.
"""

from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from gennaker.ui.reports import Reports
from gennaker.ui.run_page import run_page
from operators.home import home

#: Reports are pictures and words: no script runs, and nothing is fetched from anywhere.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

app = FastAPI(title="Gennaker", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/runs/{dag_id}/{run_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])
def run_reports(dag_id: str, run_id: str, request: Request, task_id: Annotated[str, Query()] = "") -> HTMLResponse:
    """The reports of a run's canaries and ramp steps."""
    reports = Reports(home() / "reports").of_run(dag_id, run_id)
    base = str(request.scope.get("root_path", "")).rstrip("/")
    return HTMLResponse(run_page(dag_id, run_id, reports, base=base, task_id=task_id), headers=_HEADERS)


@app.get("/reports/{judgment_id}")
def report(judgment_id: str, request: Request, user: GetUserDep) -> HTMLResponse:
    """One report, for who may read its DAG."""
    reports = Reports(home() / "reports")
    found = reports.find(judgment_id)
    if found is None:
        raise HTTPException(404, "there is no such report")
    requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id=found.dag_id)(request, user)
    page = reports.page(found)
    if page is None:
        raise HTTPException(404, "the report was not written yet")
    return HTMLResponse(page, headers=_HEADERS)
