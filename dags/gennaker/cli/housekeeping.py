"""`gennaker housekeeping`: removes what is too old to be needed."""

import getpass
from contextlib import closing
from typing import Annotated

import typer

from gennaker.cli.options import DEFAULT_FOLDER, Folder


def housekeeping(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Remove looks, images, reports and MLflow runs that are older than `policies/housekeeping.yaml` allows.

    What a running release, or the way back from any, needs is kept. Each removal is a record. Exits 1
    when a kind of thing could not be looked through.
    """
    from gennaker.housekeeping import housekeeping_policy
    from operators.learning.housekeeping import keep_house
    from operators.learning.stores import stores
    from operators.records import Records
    from operators.records.records import utc_now

    policy = housekeeping_policy(dags)
    with closing(Records.open()) as records:
        done = keep_house(records, stores(records), policy, now=utc_now(), who=getpass.getuser(), dry_run=dry_run)
    for line in done.lines():
        typer.echo(line)
    size = sum(old.bytes for old in done.removed) / 1e6
    typer.echo(f"{len(done.removed)} things, {size:.2f} MB, {'would go' if dry_run else 'are gone'}")
    if done.problems:
        raise typer.Exit(1)
