"""Every pipeline under pipelines/ as a DAG; a worker compiles only the one it runs."""

from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from canary.errors import GennakerError
from gennaker.compile import compile_pipeline
from gennaker.read import load


class PipelinesThatDoNotCompile(DAG):
    """Shows the errors of broken pipelines as Airflow import errors, without taking the others down."""

    def validate(self) -> None:
        """Raises with every broken pipeline's message."""
        raise GennakerError(self.description or "")


library = load(Path(__file__).parent)
wanted = get_parsing_context().dag_id
errors: list[str] = []
for name in [wanted] if wanted in library.pipelines() else library.pipelines():
    try:
        globals()[f"pipeline_{name}"] = compile_pipeline(library.resolve(name))
    except GennakerError as error:
        errors.append(str(error))
if errors:
    broken = PipelinesThatDoNotCompile(dag_id="pipelines-that-do-not-compile", description="\n".join(errors))
