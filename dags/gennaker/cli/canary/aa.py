"""`gennaker canary aa`: how often settings fail a canary that is its own baseline."""

from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.looks import is_in_records, looks_of_file, looks_of_judgment
from gennaker.cli.canary.progress import progress
from gennaker.cli.canary.settings import ConfigFile, Overrides, Profile, chosen
from gennaker.cli.canary.traffic import Seed, Trials, takes_traffic
from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from canary import CanaryConfig
    from canary.false_alarms import FalseAlarms
    from canary.simulation import Traffic


@takes_traffic(without=("harm", "slower", "harm_from", "ramp"))
def aa(
    traffic: "Traffic",
    looks: Annotated[
        str | None,
        typer.Argument(help="Looks, as of replay, whose baseline is split in halves; without, traffic is simulated."),
    ] = None,
    profile: Profile = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    trials: Trials = 500,
    seed: Seed = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Measure false alarms: how often canaries that are no worse than their baseline fail (A/A).

    Exits 1 when false alarms are more frequent than alpha, by the 95 % interval.
    """
    from canary import false_alarms
    from canary.trials import ticks_of

    settings = chosen(profile, config, overrides, dags)
    with progress("judging canaries") as tell:
        total = ticks_of(settings)

        def on_tick(done: int) -> None:
            tell(done, total)

        if looks is None:
            found = false_alarms.of_traffic(settings, traffic, trials=trials, seed=seed, on_tick=on_tick)
        else:
            stored = looks_of_judgment(looks)[1] if is_in_records(looks) else looks_of_file(looks)
            found = false_alarms.of_looks(settings, stored, splits=trials, seed=seed, on_tick=on_tick)
    if as_json:
        typer.echo(found.to_json())
    else:
        _print(found, settings)
    if not found.is_within:
        raise typer.Exit(1)


def _print(found: "FalseAlarms", config: "CanaryConfig") -> None:
    from gennaker.cli.canary.tables import console

    fails = found.fails
    name = f"profile {config.profile}" if config.profile else "these settings"
    out = console()
    out.print(
        f"{fails.share:.2%} of {found.trials} canaries that are no worse failed by {name} "
        f"(95 % interval {fails.low:.2%} to {fails.high:.2%}); {found.alpha:.2%} are allowed."
    )
    if found.errors.share:
        out.print(f"{found.errors.share:.2%} ended in ERROR.")
    minutes = found.passes.median_minutes
    by = f", half of all by {minutes:.1f} min" if minutes is not None else ""
    out.print(f"{found.passes.share:.2%} passed{by}.")
    if not found.is_within:
        out.print("These are more false alarms than allowed.", style="bold red")
