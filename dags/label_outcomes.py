"""Every day: says of each release what became of it, for whoever learns from it."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from operators.learning.label_outcomes import EVERY, LabelOutcomes, TellLabelled

with DAG(
    dag_id="label_outcomes",
    description="Labels releases good or bad by what happened to them later.",
    schedule=CronTriggerTimetable("@daily", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["gennaker"],
    params={
        "hot_fix_hours": Param(
            24, type="number", minimum=0, description="A hot fix this soon: the one before was bad."
        ),
        "stable_days": Param(7, type="number", minimum=0, description="Without harm for so long: it was good."),
        "every": Param(EVERY, type="integer", minimum=1, description="News after so many newly labelled canaries."),
    },
):
    label = LabelOutcomes(
        task_id="label",
        hot_fix_hours="{{ params.hot_fix_hours }}",
        stable_days="{{ params.stable_days }}",
        retries=3,
        execution_timeout=timedelta(minutes=30),
    )
    label >> TellLabelled(task_id="tell", every="{{ params.every }}", retries=3)
