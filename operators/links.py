"""Links from a task in Airflow's UI to what Gennaker knows of it."""

from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink, conf
from airflow.sdk.types import TaskInstanceKey


class NotebookPage(BaseOperatorLink):
    """The notebook that a task executed, as a page behind Airflow's login."""

    name = "Notebook"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the page."""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        names = (ti_key.dag_id, ti_key.run_id, ti_key.task_id)
        return f"{base}/gennaker/notebooks/{'/'.join(quote(name, safe='') for name in names)}"


class CanaryReport(BaseOperatorLink):
    """The report of the judgment that a task made, behind Airflow's login."""

    name = "Canary report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address of the run's report page, opened at this task's report."""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        run = f"{quote(ti_key.dag_id, safe='')}/{quote(ti_key.run_id, safe='')}"
        return f"{base}/gennaker/runs/{run}?{urlencode({'task_id': ti_key.task_id})}"
