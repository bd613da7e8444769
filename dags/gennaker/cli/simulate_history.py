"""`gennaker simulate-history`: releases that never were, to learn from, to try things on, and to show."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gennaker.cli.canary.progress import progress
from gennaker.cli.options import DEFAULT_FOLDER, Folder


def simulate_history(
    services: Annotated[int, typer.Option(min=1, max=1000, help="How many services.")] = 50,
    days: Annotated[int, typer.Option(min=1, max=1000, help="How many days, up to today.")] = 90,
    seed: Annotated[int, typer.Option(min=0, help="The same gives the same history.")] = 0,
    profile: Annotated[str, typer.Option(help="The threshold profile that judged.")] = "standard",
    until: Annotated[str, typer.Option(help="The day after the last one, as 2026-03-01. Default: today.")] = "",
    among_real: Annotated[bool, typer.Option("--among-real", help="Also into records with real releases.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Write a history of simulated releases with known truth into the records.

    Mixed traffic, drift, errors in clusters, incidents that hit both sides, and bad releases of different sizes, each
    judged and recorded as a real one would be. Every record says `simulated`, and every run's id begins with
    `simulated__`. Broken off and called again on the same day, it goes on where it was. Nothing is sent to MLflow.
    """
    from canary.learning.world import World
    from gennaker.read import load
    from operators.learning.simulated import has_real_releases, simulate_history
    from operators.records import Records

    library = load(dags)
    if profile not in (known := library.profile_names()):
        raise typer.BadParameter(f"there is no profile '{profile}'; there are {', '.join(sorted(known))}")
    begin = _day(until) - timedelta(days=days)
    with closing(Records.open()) as records:
        if not among_real and has_real_releases(records):
            raise typer.BadParameter(
                "the records have real releases, which a simulated history would lie among; name another state folder "
                "by GENNAKER_HOME, or say --among-real"
            )
        world = World(services, days, seed, begin)
        with progress("simulating releases") as tell:
            done = simulate_history(records, world, library.canary(profile, {}), on_progress=tell)
    typer.echo(
        f"{done.releases} simulated releases of {services} services over {days} days, {done.written} of them new: "
        f"{done.bad} were bad, {done.stopped} were rolled back by their canary or left undecided"
    )


def _day(text: str) -> datetime:
    """Midnight (UTC) of a day; of today for `""`."""
    if not text:
        return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no day; write it as 2026-03-01", param_hint="--until") from None
