"""`gennaker unlabelled`: the judged runs of which nobody has said what they turned out to be."""

from contextlib import closing
from typing import Annotated

import typer


def unlabelled(
    service: Annotated[str, typer.Option(help="Only of this service.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
) -> None:
    """List judged runs without a label, the latest first; `gennaker label` gives them one."""
    from operators.learning.unlabelled import unlabelled as without_label
    from operators.records import Records

    with closing(Records.open()) as records:
        found = without_label(records, service=service, limit=limit)
    for one in found:
        typer.echo(f"{one.at:%Y-%m-%d %H:%M}  {one.service}  {one.run}")
    if not found:
        typer.echo("every judged run has a label")
