"""Shows pipelines with errors as an Airflow import error, each by file, line and column."""

from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from canary.errors import GennakerError
from gennaker.read import load


class PipelinesWithErrors(DAG):
    """Not a DAG to run: Airflow shows what its validation raises, as an import error of this file."""

    def validate(self) -> None:
        """Raises with every error."""
        raise GennakerError(self.description or "")


library = load(Path(__file__).parent)
errors: list[str] = []
for name in [] if get_parsing_context().dag_id else library.pipelines():
    try:
        library.resolve(name)
    except GennakerError as error:
        errors.append(str(error))
if errors:
    broken = PipelinesWithErrors(dag_id="pipelines-with-errors", description="\n".join(errors))
