"""`gennaker retune`: what a threshold profile would be, had it learned from its canaries."""

import getpass
import json
import os
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.progress import progress
from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from canary.config import CanaryConfig
    from canary.learning.policy import RetuningPolicy
    from operators.records import Records


def retune(
    profile: Annotated[str, typer.Argument(help="The threshold profile.")] = "standard",
    dags: Folder = DEFAULT_FOLDER,
    seed: Annotated[int, typer.Option(min=0, help="Of the search; the same gives the same.")] = 0,
    trials: Annotated[int | None, typer.Option(min=1, max=10_000, help="Settings to try. Default: policy's.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for the result and its history; notebook 02 reads it.")
    ] = None,
    register: Annotated[bool, typer.Option("--register", help="Register a challenger in MLflow.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole result as JSON.")] = False,
) -> None:
    """Look for better thresholds in the recorded canaries of a profile, and show what they would do.

    Nothing in use changes. The search starts from the champion, or from the profile's file where nothing is registered,
    and stays within `policies/retuning.yaml`; without an entry there, within the default policy. A challenger becomes
    champion by `gennaker profiles promote`, or by the DAG `retune_thresholds`. Exits 4 when the champion stays.
    """
    from operators.learning.profiles import ThresholdProfiles
    from operators.learning.retuning import registered, retuned, told
    from operators.records import Records

    settings, policy = _read(profile, dags)
    with closing(Records.open()) as records, TemporaryDirectory() as temporary:
        champion, version = _champion(records, settings)
        with progress("trying settings") as tell:
            found = retuned(
                records, champion, version, policy, keep or Path(temporary), seed=seed, trials=trials, on_progress=tell
            )
        typer.echo(json.dumps(found.result.to_json(), indent=1) if as_json else told(found))
        if found.result.challenger is None:
            raise typer.Exit(4)
        if register:
            number = registered(ThresholdProfiles(records), found, who=getpass.getuser())
            typer.echo(
                f"registered as {profile}@{number}; to use it: gennaker profiles promote {profile} {number}", err=True
            )


def _read(profile: str, dags: Path) -> "tuple[CanaryConfig, RetuningPolicy]":
    """What the profile's file says, and its policy; the default one where the policies have none for it."""
    from canary.learning.policy import RetuningPolicy
    from gennaker.read import load
    from gennaker.retuning import retuning_policies

    library = load(dags)
    if profile not in (known := library.profile_names()):
        raise typer.BadParameter(f"there is no profile '{profile}'; there are {', '.join(sorted(known))}")
    return library.canary(profile, {}), retuning_policies(dags).get(profile) or RetuningPolicy()


def _champion(records: "Records", settings: "CanaryConfig") -> "tuple[CanaryConfig, int]":
    """The champion and its version; the profile's file, version 0, where nothing is registered."""
    from operators.learning.profiles import ThresholdProfiles

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return settings, 0
    known = ThresholdProfiles(records).champion(settings.profile)
    return (known.config, known.version) if known else (settings, 0)
