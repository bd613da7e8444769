"""`gennaker render`: what does a pipeline look like?"""

from pathlib import Path
from typing import Annotated

import typer

from gennaker.cli.options import DEFAULT_FOLDER, Folder


def render(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline, or a file.")],
    svg: Annotated[Path | None, typer.Option(help="Write the graph to this SVG file instead.")] = None,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Show a pipeline's graph, with its regions and where it branches."""
    from gennaker import render as pictures  # rich, networkx and matplotlib would slow every other command
    from gennaker.read import load

    library = load(dags)
    resolved = library.resolve_file(Path(pipeline)) if pipeline.endswith(".yaml") else library.resolve(pipeline)
    if svg:
        pictures.svg(resolved, svg)
        typer.echo(f"wrote {svg}")
    else:
        from rich.console import Console

        Console().print(pictures.text(resolved))
