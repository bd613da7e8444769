"""A DAG without any of Gennaker's stages, to try the stack itself."""

import time

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param


def _hold(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


with DAG(
    "probe",
    params={"seconds": Param(0, type="number", minimum=0, maximum=60)},
    schedule=None,
    catchup=False,
    render_template_as_native_obj=True,
):
    first = PythonOperator(
        task_id="first",
        python_callable=_hold,
        op_kwargs={"seconds": "{{ params.seconds }}"},
        retries=1,
        retry_delay=1,
    )
    second = PythonOperator(task_id="second", python_callable=_hold, op_kwargs={"seconds": 0})
    first >> second
