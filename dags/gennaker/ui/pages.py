"""The pages under `/gennaker`, each behind Airflow's login and its right to read, or to change, the DAG.

Airflow mounts plugins' apps without any guard. Its own guards are not in its public SDK, so
this is the one module that imports them from its core.
"""

from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from canary.learning.recorded import Truth
from gennaker.ui.labelling import label_run, whole_label
from gennaker.ui.reports import Reports
from gennaker.ui.run_page import run_page
from gennaker.ui.same_origin import is_same_origin
from operators.errors import RecordError
from operators.home import home
from operators.notebook_files import executed, page_of

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

#: The page of a run has one form, which goes to where it came from.
_WITH_FORM = {
    **_HEADERS,
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace("form-action 'none'", "form-action 'self'"),
}

app = FastAPI(title="Gennaker", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/runs/{dag_id}/{run_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))])
def run_reports(
    dag_id: str, run_id: str, request: Request, user: GetUserDep, task_id: Annotated[str, Query()] = ""
) -> HTMLResponse:
    """The reports of a run's canaries and ramp steps, and what it turned out to be."""
    page = run_page(
        dag_id,
        run_id,
        Reports(home() / "reports").of_run(dag_id, run_id),
        base=_base(request),
        task_id=task_id,
        label=whole_label(f"{dag_id}/{run_id}"),
        may_label=_may_change(request, user),
    )
    return HTMLResponse(page, headers=_WITH_FORM)


@app.post("/runs/{dag_id}/{run_id}/label", dependencies=[Depends(requires_access_dag("PUT"))])
def label(
    dag_id: str,
    run_id: str,
    request: Request,
    user: GetUserDep,
    truth: Annotated[Truth, Form()],
    why: Annotated[str, Form(min_length=1, max_length=2000, pattern=r"\S")],
) -> RedirectResponse:
    """Takes a person's word on what a release turned out to be; goes back to the run's page."""
    if not is_same_origin(request.headers):
        raise HTTPException(403, "the form of another site is not taken")
    try:
        label_run(f"{dag_id}/{run_id}", truth, who=user.get_name(), why=why.strip())
    except RecordError as error:
        raise HTTPException(404, str(error)) from error
    return RedirectResponse(f"{_base(request)}/runs/{quote(dag_id)}/{quote(run_id)}", 303, headers=_HEADERS)


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


@app.get(
    "/notebooks/{dag_id}/{run_id}/{task_id}", dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
)
def notebook(dag_id: str, run_id: str, task_id: str) -> HTMLResponse:
    """The notebook that a task executed."""
    try:
        page = page_of(executed(dag_id, run_id, task_id)).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HTTPException(404, "the task has not executed its notebook yet") from None
    return HTMLResponse(page, headers=_HEADERS)


def _base(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _may_change(request: Request, user: GetUserDep) -> bool:
    """Whether the form would be taken from the reader."""
    try:
        requires_access_dag("PUT")(request, user)
    except HTTPException:
        return False
    return True
