"""`gennaker plan`: what does this change of the YAML do?"""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from gennaker.plan import PipelineChange, Plan, SettingChange

#: How a line on a pipeline begins, by how the pipeline is touched.
_SIGNS = {"added": "+", "removed": "-", "changed": "~", "broken": "!"}


def plan(
    against: Annotated[str, typer.Option(help="Git revision, or a folder, to compare with.")] = "HEAD",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Show which pipelines the present YAML changes, how, and which file is the cause."""
    from gennaker.plan import check_out, compare  # the reader would slow every other command
    from gennaker.read import load

    if Path(against).is_dir():
        found = compare(load(Path(against)), load(dags))
    else:
        with TemporaryDirectory() as folder:
            found = compare(check_out(dags, against, Path(folder)), load(dags))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        typer.echo("\n".join(_lines(found)))


def _lines(plan: "Plan") -> Iterator[str]:
    yield f"{len(plan.pipelines)} of {plan.total} pipelines change" if plan.pipelines else "no pipeline changes"
    for change in plan.policies:
        yield f"~ policies: {_setting(change)}"
    for pipeline in plan.pipelines:
        yield from _pipeline(pipeline)


def _pipeline(change: "PipelineChange") -> Iterator[str]:
    because = f" because of {', '.join(change.causes)}" if change.causes else ""
    yield f"{_SIGNS[change.touch]} {change.pipeline} {change.touch}{because}"
    yield from (f"    + stage {name}" for name in change.stages_added)
    yield from (f"    - stage {name}" for name in change.stages_removed)
    yield from (f"    ~ {_setting(setting)}" for setting in change.settings)
    yield from (f"    {line}" for line in change.errors)


def _setting(change: "SettingChange") -> str:
    return f"{change.path}: {_value(change.old)} -> {_value(change.new)}"


def _value(value: object) -> str:
    return "nothing" if value is None or value == "" else json.dumps(value)
