"""`gennaker canary replay`: stored looks under given settings, as a watch would have judged them."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gennaker.cli.canary.exits import leave
from gennaker.cli.canary.looks import is_in_records, looks_of_file, looks_of_judgment
from gennaker.cli.canary.settings import ConfigFile, Overrides, Profile, chosen, with_overrides
from gennaker.cli.options import DEFAULT_FOLDER, Folder

if TYPE_CHECKING:
    from canary import CanaryConfig, Judgment, Look


def replay(
    looks: Annotated[str, typer.Argument(help="File of looks, one a line; - for standard input; or a judgment's id.")],
    profile: Profile = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    to_the_end: Annotated[bool, typer.Option("--to-the-end", help="Judge every look, also after a PASS.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One judgment a line, after each look.")] = False,
    dags: Folder = DEFAULT_FOLDER,
) -> None:
    """Judge stored looks again and show the verdict over time: bit for bit what a watch would have said.

    A judgment of the records is judged by its own settings, unless others are given.

    Exits 0 on PASS, 3 on FAIL, 4 on INCONCLUSIVE, 5 on ERROR; 1 when something cannot be read.
    """
    settings, stored = _asked(looks, profile, config, overrides, dags)
    judgments = judged(settings, stored, to_the_end=to_the_end)
    last = _print_lines(judgments) if as_json else _print_table(judgments, settings)
    leave(last.verdict)


def judged(config: "CanaryConfig", looks: "Iterable[Look]", *, to_the_end: bool = False) -> "Iterator[Judgment]":
    """The judgment after each look, until a watch would have stopped; a ramp is watched to its end."""
    from canary import start

    session = start(config)
    for look in looks:
        judgment = session.add(look)
        yield judgment
        if judgment.is_final and not to_the_end and not look.step:
            return


def _asked(
    source: str, profile: str | None, config: Path | None, overrides: list[str] | None, dags: Path
) -> "tuple[CanaryConfig, Iterable[Look]]":
    if not is_in_records(source):
        return chosen(profile, config, overrides, dags), looks_of_file(source)
    own, looks = looks_of_judgment(source)
    if own is None or profile is not None or config is not None:
        return chosen(profile, config, overrides, dags), looks
    return with_overrides(own, overrides or ()), looks


def _print_lines(judgments: "Iterable[Judgment]") -> "Judgment":
    for judgment in judgments:
        typer.echo(judgment.to_json())
    return judgment


def _print_table(judgments: "Iterable[Judgment]", config: "CanaryConfig") -> "Judgment":
    from gennaker.cli.canary.tables import Course, print_judgment

    course = Course()
    for judgment in judgments:
        course.add(judgment)
    course.print()
    print_judgment(judgment, config.profile)
    return judgment
