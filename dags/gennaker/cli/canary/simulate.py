"""`gennaker canary simulate`: looks at traffic that never was."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.durations import duration_of
from gennaker.cli.canary.traffic import Seed, takes_traffic

if TYPE_CHECKING:
    from canary.simulation import Traffic


@takes_traffic()
def simulate(
    traffic: "Traffic",
    duration: Annotated[str, typer.Option(help="From the first look to the last.")] = "30m",
    interval: Annotated[str, typer.Option(help="Between two looks.")] = "15s",
    seed: Seed = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write instead.")] = None,
) -> None:
    """Write the looks of a simulated canary, one JSON object a line, to try everything without a cluster."""
    from canary import CanaryError, simulation

    every, length = duration_of("--interval", interval), duration_of("--duration", duration)
    lines = (look.to_json() + "\n" for look in simulation.simulate(traffic, every, length, seed))
    if output is None:
        for line in lines:
            typer.echo(line, nl=False)
        return
    try:
        with output.open("w", encoding="utf-8") as stream:
            count = sum(1 for line in lines if stream.write(line))
    except OSError as error:
        why = error.strerror or str(error)
        raise CanaryError(f"{output} cannot be written", why=why, mend="give another --output") from error
    typer.echo(f"wrote {count} looks to {output}")
