"""Every week: removes what is too old to be needed, by `policies/housekeeping.yaml`."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, CronTriggerTimetable, Param

from gennaker.housekeeping import housekeeping_policy
from operators.learning.housekeeper import KeepHouse

with DAG(
    dag_id="housekeeping",
    description="Removes looks, images, reports and runs in MLflow that are too old to be needed.",
    schedule=CronTriggerTimetable("@weekly", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gennaker"],
    params={"dry_run": Param(False, type="boolean", description="Only say what would go.")},
):
    KeepHouse(
        task_id="keep_house",
        policy=housekeeping_policy(Path(__file__).parent).model_dump(),
        is_dry_run="{{ params.dry_run }}",
        retries=3,
        execution_timeout=timedelta(hours=1),
    )
