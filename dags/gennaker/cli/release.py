"""`gennaker release`: starts a run of a pipeline and follows it to its verdict."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer


def release(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    artifact: Annotated[
        list[str] | None, typer.Option(help="NAME=PATH: where an artifact is; may be given several times.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: a parameter of the run; may be given several times.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow the run, and fail when it was not promoted.")] = False,
    patience: Annotated[int, typer.Option(help="Minutes to wait for the end at most.")] = 120,
    note: Annotated[str, typer.Option(help="Why; shown with the run.")] = "",
    hot_fix: Annotated[bool, typer.Option("--hot-fix", help="It mends the release before it, which was bad.")] = False,
) -> None:
    """Release: start a run, and with --wait follow it and exit with its verdict.

    Exits 0 when the release was promoted (or, without --wait, started), 1 when it rolled back
    or failed, with the reason as the last line, and 2 when the command itself was wrong.
    """
    from gennaker.follow import follow
    from gennaker.stack.client import AirflowClient
    from operators.stage import HOT_FIX

    conf = {**_artifacts(artifact or []), **_params(param or [])}
    client = AirflowClient()
    _check_names(conf, client.parameters(pipeline))
    run_id = client.trigger(pipeline, {**conf, HOT_FIX: True} if hot_fix else conf, note=note)
    typer.echo(f"{pipeline} {run_id}\n{client.connection.url}/dags/{pipeline}/runs/{run_id}")
    if not wait:
        return
    ending = follow(client, pipeline, run_id, _tell, timedelta(minutes=patience))
    typer.echo(f"{pipeline} {run_id}: {ending.verdict}: {ending.reason}")
    if ending.verdict != "promoted":
        raise typer.Exit(1)


def _tell(task: str, state: str) -> None:
    typer.echo(f"  {state:<16} {task}")


def _artifacts(given: list[str]) -> dict[str, str]:
    from operators.stage import ARTIFACT

    paths = dict(map(_pair, given))
    for name, path in paths.items():
        if not path or not Path(path).is_dir():
            raise typer.BadParameter(f"artifact {name}: {path or 'nothing'} is not a directory")
    return {ARTIFACT + name.replace("-", "_"): str(Path(path).resolve()) for name, path in paths.items()}


def _params(given: list[str]) -> dict[str, object]:
    return {name: _value(text) for name, text in map(_pair, given)}


def _check_names(conf: Collection[str], known: Collection[str]) -> None:
    """Refuses what the pipeline does not know: Airflow would take it, and release what it releases by default."""
    from gennaker.errors import unknown
    from operators.stage import ARTIFACT

    artifacts = {name.removeprefix(ARTIFACT).replace("_", "-") for name in known if name.startswith(ARTIFACT)}
    for name in conf:
        if name in known:
            continue
        if name.startswith(ARTIFACT):
            raise typer.BadParameter(unknown("artifact", name.removeprefix(ARTIFACT).replace("_", "-"), artifacts))
        raise typer.BadParameter(unknown("parameter", name, {n for n in known if not n.startswith(ARTIFACT)}))


def _value(text: str) -> object:
    """A number, boolean or list as JSON has it; any other text is itself."""
    import json

    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"expected NAME=VALUE, found {text!r}")
    return name, value
