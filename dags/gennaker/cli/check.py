"""`gennaker check`: are the pipelines what they should be?"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from gennaker.errors import Problem
    from gennaker.read import Library


def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders of pipelines; all by default.")] = None,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Check pipelines and all they lean on; each problem is one line with file, line and column."""
    from gennaker.read import load  # pydantic and jinja2 would slow every other command

    library = load(dags)
    problems = [] if paths else library.wrong_files()
    count = 0
    for errors in _checked(library, paths):
        count += 1
        problems.extend(errors)
    once = {(problem.place, problem.what): problem for problem in reversed(problems)}
    if once:
        for problem in sorted(once.values()):
            typer.echo(problem)
        raise typer.Exit(1)
    typer.echo(f"{count} pipelines are fine" if count != 1 else "1 pipeline is fine")


def _checked(library: "Library", paths: list[Path] | None) -> "Iterator[tuple[Problem, ...]]":
    """The problems of each pipeline, one after the other."""
    if paths:
        files = [file for path in paths for file in (sorted(path.rglob("*.yaml")) if path.is_dir() else [path])]
        for file in files:
            yield _problems(partial(library.resolve_file, file))
    else:
        for name in library.pipelines():
            yield _problems(partial(library.resolve, name))


def _problems(resolve: Callable[[], object]) -> "tuple[Problem, ...]":
    from gennaker.errors import PipelineErrors

    try:
        resolve()
    except PipelineErrors as errors:
        return errors.problems
    return ()
