"""`gennaker status`: what runs where, what is being changed, and how the last runs ended."""

from typing import Annotated

import typer


def status(
    pipeline: Annotated[str, typer.Argument(help="Only this pipeline. Default: all.")] = "",
    runs: Annotated[int, typer.Option(help="How many of the newest runs to show.")] = 5,
) -> None:
    """Status: the traffic of every cluster, the changes under way, and the newest runs with their reasons."""
    from rich.console import Console
    from rich.table import Table

    from gennaker.overview import overview

    seen = overview(pipeline, runs)
    console = Console(markup=False)
    traffic = Table("cluster", "traffic", "deployed", "by", title="Traffic", title_justify="left", box=None)
    for cluster in seen.clusters:
        traffic.add_row(cluster.name, cluster.traffic, cluster.since, cluster.by)
    leases = Table("cluster", "run", title="Being changed", title_justify="left", box=None)
    for name, holder in seen.leases:
        leases.add_row(name, holder)
    table = Table("run", "began", "verdict", "reason", title="Newest runs", title_justify="left", box=None)
    for run in seen.runs:
        table.add_row(run.run, run.began, run.verdict, run.reason)
    for each in (traffic, leases, table):
        console.print(each if each.row_count else f"{each.title}: nothing yet")
