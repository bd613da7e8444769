"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_FOLDER: Final = Path("dags")

Folder = Annotated[
    Path,
    typer.Option(
        "--dags",
        envvar="GENNAKER_DAGS",
        help="Folder that holds pipelines, templates, environments, canaries and policies.",
    ),
]
