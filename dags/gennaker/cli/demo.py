"""`gennaker demo`: the whole story on this machine, in a few minutes."""

import os
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console


def demo() -> None:
    """Demo: ship four releases of a small service under load, and see two of them rolled back.

    Writes the figures to demo.json in the state folder. With CI=true everything is stopped
    afterwards, and the exit code is 1 unless the story came out as told.
    """
    from rich.console import Console

    from gennaker.demo.scoreboard import deviations
    from gennaker.demo.story import tell
    from gennaker.stack import stack
    from operators.home import home

    console = Console()
    in_ci = os.environ.get("CI") == "true"
    try:
        score = tell(console)
    finally:
        if in_ci:
            stack.down()
    found = deviations(score)
    console.print(
        f"{score.requests_total:,} requests, {score.requests_lost} lost; first rollback seen after "
        f"{score.seconds_to_first_rollback:.0f} s; figures in {home() / 'demo.json'}"
        if score.seconds_to_first_rollback
        else f"no rollback was seen; figures in {home() / 'demo.json'}"
    )
    for line in found:
        console.print(f"not as told: {line}", style="red", highlight=False, markup=False)
    if not in_ci:
        _links(console)
    if found:
        raise typer.Exit(1)


def _links(console: "Console") -> None:
    from gennaker.cli.up import print_links
    from gennaker.stack.settings import remembered

    if settings := remembered():
        print_links(console, settings)
    console.print("Look at the runs of `playback` and their Canary tab; `make down` stops all of it.")
