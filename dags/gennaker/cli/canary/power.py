"""`gennaker canary power`: what a canary can see, before it starts."""

from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.progress import progress
from gennaker.cli.canary.settings import ConfigFile, Overrides, Profile, chosen
from gennaker.cli.canary.traffic import Seed, Trials, takes_traffic
from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from canary import CanaryConfig
    from canary.power import Chance, Power
    from canary.simulation import Traffic


@takes_traffic(without=("harm", "slower", "harm_from", "ramp"))
def power(
    traffic: "Traffic",
    harm: Annotated[
        list[float] | None, typer.Option(help="Odds ratio of a failing request to look for; repeatable. Default: 2.")
    ] = None,
    slower: Annotated[list[float] | None, typer.Option(help="Factor on latency to look for; repeatable.")] = None,
    profile: Profile = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    trials: Trials = 200,
    seed: Seed = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Tell beforehand what a canary can see: the chance to find harm, and to certify safety, and how soon.

    Simulates canaries under the traffic that is expected, and judges them by the settings.
    """
    from canary import power as powers

    settings = chosen(profile, config, overrides, dags)
    for option, factors in (("--harm", harm), ("--slower", slower)):
        if any(not 0 < factor <= 1000 for factor in factors or ()):
            raise typer.BadParameter(f"{option}: expected a factor above 0 and at most 1000")
    harms = harm if harm is not None else [] if slower else [2.0]
    with progress("simulating canaries") as tell:
        found = powers.power(
            settings, traffic, harms=harms, slower=slower or (), trials=trials, seed=seed, on_progress=tell
        )
    if as_json:
        typer.echo(found.to_json())
    else:
        _print(found, settings)


def _print(found: "Power", config: "CanaryConfig") -> None:
    from rich.table import Table

    from canary.durations import format_duration
    from gennaker.cli.canary.tables import console

    table = Table("canary", "chance of", "within it", "(95 %)", "half by", box=None, pad_edge=False)
    for prospect in found.prospects:
        effect = f"{prospect.slower:g} times as slow" if prospect.harm == 1 else f"{prospect.harm:g} times the errors"
        if prospect.is_harmless:
            table.add_row("no worse", "PASS", *_cells(prospect.passes))
            effect = ""
        table.add_row(effect, "FAIL", *_cells(prospect.fails))
    out = console()
    name = f"profile {config.profile}" if config.profile else "these settings"
    out.print(f"{format_duration(config.duration)} of {name}, by {found.trials} simulated canaries each:")
    out.print(table)
    if found.left_out:
        out.print(f"Not simulated: {', '.join(found.left_out)}; a PASS needs them too.")


def _cells(chance: "Chance") -> tuple[str, str, str]:
    by = "-" if chance.median_minutes is None else f"{chance.median_minutes:.1f} min"
    return f"{chance.share:.1%}", f"{chance.low:.1%} - {chance.high:.1%}", by
