"""Every month, by hand, and when enough canaries are labelled: better settings for each profile of the policy."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param

from canary.learning.policy import Approval, RetuningPolicy
from gennaker.notebooks import notebook
from gennaker.read import Library
from gennaker.retuning import dag_id_of, retuning_policies
from operators.learning.label_outcomes import LABELLED_CANARIES
from operators.learning.retune_tasks import (
    ApproveChallenger,
    HasChallenger,
    KeepChampion,
    MakeChampion,
    RegisterChallenger,
    Retune,
)
from operators.run_notebook import RunNotebook

FOLDER = Path(__file__).parent


def retune_thresholds(profile: str, policy: RetuningPolicy) -> DAG:
    """The DAG of one profile: retune, show it, register the challenger, ask, make it the champion."""
    with DAG(
        dag_id=dag_id_of(profile),
        description=f"Retunes the threshold profile '{profile}' by what its canaries turned out to be.",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("@monthly", timezone="UTC"), assets=[LABELLED_CANARIES]
        ),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["gennaker", "learning"],
        params={
            "seed": Param(0, type="integer", minimum=0, description="Of the search; the same gives the same."),
            "trials": Param(0, type="integer", minimum=0, maximum=10_000, description="Settings to try. 0: policy's."),
        },
    ) as dag:
        approve = "approve" if policy.approval is Approval.PERSON else ""
        retune = Retune(
            task_id="retune",
            profile=profile,
            settings=Library(FOLDER).canary(profile, {}).model_dump(mode="json"),
            policy=policy.model_dump(mode="json"),
            seed="{{ params.seed }}",
            trials="{{ params.trials }}",
            retries=2,
            execution_timeout=timedelta(hours=3),
        )
        report = RunNotebook(
            task_id="report",
            notebook=notebook("02_replay_and_retune"),
            parameters={"folder": "{{ ti.xcom_pull(task_ids='retune')['folder'] }}"},
            retries=1,
            execution_timeout=timedelta(hours=1),
        )
        choose = HasChallenger(task_id="choose", retune="retune", better="report", keep="keep")
        register = RegisterChallenger(task_id="register", retune="retune", report="report", retries=3)
        promote = MakeChampion(task_id="promote", retune="retune", register="register", approve=approve, retries=3)
        keep = KeepChampion(
            task_id="keep",
            retune="retune",
            register="register",
            approve=approve,
            retries=3,
            trigger_rule="none_failed_min_one_success",
        )
        retune >> choose >> [report, keep]
        report >> register
        if approve:
            ask = ApproveChallenger(
                task_id=approve,
                profile=profile,
                retune="retune",
                register="register",
                promote="promote",
                keep="keep",
                policy=policy,
            )
            register >> ask >> [promote, keep]
        else:
            register >> promote
    return dag


for name, each in retuning_policies(FOLDER).items():
    globals()[dag_id_of(name)] = retune_thresholds(name, each)
