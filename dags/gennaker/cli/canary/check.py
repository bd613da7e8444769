"""`gennaker canary check`: is a canary's configuration right, and what does it mean?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from gennaker.canary_check import Findings


def check(
    files: Annotated[list[Path], typer.Argument(help="Threshold profiles (.yaml) and Kayenta canary configs (.json).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each file, a line each.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Check canary configurations, and say what they mean; each problem is one line with file, line and column.

    Exits 0 when all can be used, whatever is doubtful in them, and 1 when one cannot.
    """
    from gennaker.canary_check import check_file

    found = [check_file(file, dags) for file in files]
    for findings in found:
        if as_json:
            typer.echo(json.dumps(findings.to_json()))
        else:
            _print(findings)
    if any(findings.problems for findings in found):
        raise typer.Exit(1)


def _print(findings: "Findings") -> None:
    if findings.meaning:
        typer.echo(f"{findings.file}: {findings.kind}")
    for line in findings.meaning:
        typer.echo(f"  {line}")
    for problem in findings.problems:
        typer.echo(f"{problem}")
    for warning in findings.warnings:
        typer.echo(f"{warning.place}: doubtful: {warning.what}")
