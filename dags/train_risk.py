"""Every week: learns from the labelled releases how likely the next one is to go wrong."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from gennaker.notebooks import notebook
from operators.learning.risk import RiskPolicy
from operators.learning.train_risk import ExportReleases, RegisterRisk, TrainRisk
from operators.run_notebook import RunNotebook

DEFAULT = RiskPolicy()

with DAG(
    dag_id="train_risk",
    description="Learns how likely a release is to be rolled back or to turn out bad.",
    schedule=CronTriggerTimetable("@weekly", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gennaker", "learning"],
    params={
        "held_out_days": Param(60, type="integer", minimum=1, description="Releases of so many last days prove it."),
        "use": Param(True, type="boolean", description="Use the model when its proof is good."),
        "longer_from": Param(
            DEFAULT.longer_from, type="number", minimum=0, maximum=1, description="From here on: longer canary."
        ),
        "ask_from": Param(
            DEFAULT.ask_from, type="number", minimum=0, maximum=1, description="From here on: a person is asked, too."
        ),
        "factor": Param(
            DEFAULT.factor, type="number", minimum=1, maximum=10, description="So many times as long is a canary."
        ),
        "simulated": Param(False, type="boolean", description="Learn from simulated releases instead of real ones."),
    },
):
    export = ExportReleases(
        task_id="export",
        held_out_days="{{ params.held_out_days }}",
        simulated="{{ params.simulated }}",
        longer_from="{{ params.longer_from }}",
        ask_from="{{ params.ask_from }}",
        factor="{{ params.factor }}",
        retries=3,
        execution_timeout=timedelta(minutes=30),
    )
    train = TrainRisk(task_id="train", export="export", retries=1, execution_timeout=timedelta(minutes=30))
    report = RunNotebook(
        task_id="report",
        notebook=notebook("05_risk"),
        parameters={"folder": "{{ ti.xcom_pull(task_ids='export')['folder'] }}"},
        retries=1,
        execution_timeout=timedelta(minutes=30),
    )
    register = RegisterRisk(
        task_id="register", export="export", train="train", report="report", use="{{ params.use }}", retries=3
    )
    export >> train >> report >> register
