"""`gennaker schema`: what editors need to complete and check pipeline files."""

import json

import typer


def schema() -> None:
    """Print the JSON Schema of pipeline files, for editors."""
    from gennaker.schema import pipeline_schema  # pydantic's schema machinery would slow every other command

    typer.echo(json.dumps(pipeline_schema(), indent=2))
