"""`gennaker profiles`: the registered versions of threshold profiles, and which of them runs use."""

import getpass
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from operators.learning.profiles import ProfileVersion, ThresholdProfiles

app = typer.Typer(help="Registered versions of threshold profiles, and which of them runs use.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The threshold profile.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Why = Annotated[str, typer.Option(help="In a sentence, for the records.")]
By = Annotated[str, typer.Option(help="Who says so. Default: who is logged in.")]


@app.command("list")
def list_versions(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only of this profile.")] = "", as_json: AsJson = False
) -> None:
    """List the versions of every profile, oldest first; a star is before the one that runs use."""
    with _opened() as profiles:
        names = [name] if name else profiles.profiles()
        found = [version for each in names for version in profiles.versions(each)]
    if as_json:
        typer.echo(json.dumps([version.to_json() for version in found], indent=2))
        return
    for version in found:
        star = "*" if "champion" in version.aliases else " "
        role = ", ".join(version.aliases)
        line = f"{star} {version.profile}@{version.version}  {version.at:%Y-%m-%d %H:%M}  {role:<10}  {version.why}"
        typer.echo(f"{line} ({version.who})")
    if not found:
        typer.echo(f"no version of {name} is registered" if name else "no profile is registered")


@app.command()
def show(
    name: Name,
    number: Annotated[int | None, typer.Argument(metavar="VERSION", help="Default: the one that runs use.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a version's settings and what it rests on."""
    with _opened() as profiles:
        version = _version(profiles, name, number)
    if as_json:
        typer.echo(json.dumps(version.to_json(), indent=2))
        return
    role = f", {' and '.join(version.aliases)}" if version.aliases else ""
    typer.echo(
        f"{name}@{version.version}{role}, registered {version.at:%Y-%m-%d %H:%M} by {version.who}: {version.why}"
    )
    typer.echo(f"digest: {version.digest}")
    for key, value in {**version.provenance, **_flat(version)}.items():
        typer.echo(f"{key}: {value}")


@app.command()
def diff(
    name: Name,
    before: Annotated[int, typer.Argument(metavar="A", help="A version.")],
    after: Annotated[int, typer.Argument(metavar="B", help="Another version.")],
    as_json: AsJson = False,
) -> None:
    """Show which settings differ between two versions."""
    with _opened() as profiles:
        a, b = (_flat(profiles.version(name, number)) for number in (before, after))
    changed = {key: (a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)}
    if as_json:
        said = [{"setting": key, "before": old, "after": new} for key, (old, new) in changed.items()]
        typer.echo(json.dumps(said, indent=2))
        return
    for key, (old, new) in changed.items():
        typer.echo(f"{key}: {'nothing' if old is None else old} -> {'nothing' if new is None else new}")
    if not changed:
        typer.echo("the settings are the same")


@app.command()
def promote(
    name: Name,
    number: Annotated[int, typer.Argument(metavar="VERSION", help="The version that runs are to use.")],
    why: Why,
    by: By = "",
) -> None:
    """Have runs use a version from now on. The same again changes nothing."""
    reason, who = _said(why, by)
    with _opened() as profiles:
        profiles.make_champion(name, number, who=who, why=reason)
    typer.echo(f"runs use {name}@{number} from now on")


@app.command()
def back(
    name: Name,
    why: Why,
    number: Annotated[int | None, typer.Argument(metavar="VERSION", help="Default: the one used before.")] = None,
    by: By = "",
) -> None:
    """Have runs use an earlier version again."""
    reason, who = _said(why, by)
    with _opened() as profiles:
        earlier = number or profiles.before(name)
        profiles.make_champion(name, earlier, who=who, why=reason)
    typer.echo(f"runs use {name}@{earlier} again")


@contextmanager
def _opened() -> "Iterator[ThresholdProfiles]":
    """The profiles; that MLflow does not answer is told as an error of the command's own."""
    from operators.errors import ProfileError
    from operators.learning.profiles import ThresholdProfiles
    from operators.records import Records
    from operators.tracking import Away

    with closing(Records.open()) as records:
        try:
            yield ThresholdProfiles(records)
        except Away as away:
            mend = "see that it runs and that MLFLOW_TRACKING_URI is its address; 'gennaker doctor' looks too"
            raise ProfileError("MLflow does not answer", why=str(away), mend=mend) from away


def _version(profiles: "ThresholdProfiles", name: str, number: int | None) -> "ProfileVersion":
    from operators.errors import NoSuchVersion

    found = profiles.champion(name) if number is None else profiles.version(name, number)
    if found is None:
        raise NoSuchVersion(
            f"no version of {name} is champion",
            why="runs use the profile's file",
            mend=f"name a version; see 'gennaker profiles list {name}'",
        )
    return found


def _said(why: str, by: str) -> tuple[str, str]:
    reason = why.strip()
    if not reason:
        raise typer.BadParameter("say in a sentence why", param_hint="--why")
    return reason, by.strip() or getpass.getuser()


def _flat(version: "ProfileVersion") -> dict[str, Any]:
    """Every setting by its name, such as `alpha` or `latency.margin`; what is not set is left out."""
    settings = version.config.model_dump(mode="json", exclude={"profile"})
    metrics = {metric["name"]: metric for metric in settings.pop("metrics")}
    return {**dict(_settings(settings, "")), **dict(_settings(metrics, ""))}


def _settings(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _settings(inner, f"{path}{key}.")
        elif inner is not None and inner != "" and not (path and key == "name"):
            yield f"{path}{key}", inner
