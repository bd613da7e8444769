"""Every minute: finishes what a dead or cancelled run left half done."""

from datetime import timedelta

from airflow.sdk import DAG, DeltaTriggerTimetable

from operators.converge import Converge

with DAG(
    dag_id="converge",
    description="Finishes what a dead or cancelled run left half done, and says what it did.",
    schedule=DeltaTriggerTimetable(timedelta(minutes=1)),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gennaker"],
):
    Converge(task_id="converge", retries=0, execution_timeout=timedelta(minutes=5))
