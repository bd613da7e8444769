"""Every pipeline under pipelines/ as a DAG; a worker compiles only the one it runs.

Pipelines with errors are left out here and shown by check_pipelines.py: Airflow takes every DAG
of a file down with an import error of that file.
"""

from contextlib import suppress
from pathlib import Path

from airflow.sdk import get_parsing_context

from canary.errors import GennakerError
from gennaker.compile import compile_pipeline
from gennaker.read import load

library = load(Path(__file__).parent)
wanted = get_parsing_context().dag_id
for name in [wanted] if wanted else library.pipelines():
    with suppress(GennakerError):
        globals()[f"pipeline_{name}"] = compile_pipeline(library.resolve(name))
