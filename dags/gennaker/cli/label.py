"""`gennaker label`: a person's word on what a release turned out to be."""

import getpass
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from canary.learning.recorded import Truth
    from operators.records import Records


def label(
    run: Annotated[str, typer.Argument(help="The run, 'dag id/run id', or a part that only one run's name has.")],
    truth: Annotated[str, typer.Argument(metavar="good|bad", help="What the release turned out to be.")],
    why: Annotated[str, typer.Option(help="In a sentence: what was seen, and where it is written.")],
    judgment: Annotated[str, typer.Option(help="Only of this judgment's canary, by its id.")] = "",
    by: Annotated[str, typer.Option(help="Who says so. Default: who is logged in.")] = "",
) -> None:
    """Say whether a release was good or bad, for whoever learns from it later.

    A label is a record: it is kept for good, and a later label corrects it. The same one again changes nothing.
    """
    from operators.learning.label_memory import remember_truth
    from operators.learning.labels import Labels, Source
    from operators.records import Records

    said, reason, who = _truth(truth), why.strip(), by.strip() or getpass.getuser()
    if not reason:
        raise typer.BadParameter("say in a sentence what was seen", param_hint="--why")
    with closing(Records.open()) as records:
        name = _run_named(records, run)
        if judgment and not (judgment.startswith(f"{name.replace('/', '.')}.") and records.looks.has(judgment)):
            raise typer.BadParameter(f"{name} has no judgment '{judgment}' with looks", param_hint="--judgment")
        record = Labels(records).add(name, said, source=Source.PERSON, who=who, why=reason, judgment=judgment)
        remember_truth(records, [name])
    typer.echo(f"{name} is labelled {said} by {who} (record {record.seq})")


def _truth(word: str) -> "Truth":
    from canary.learning.recorded import Truth  # NumPy comes with it, and would slow `--help`

    try:
        return Truth(word.lower())
    except ValueError:
        raise typer.BadParameter(f"'{word}' is none of {', '.join(Truth)}", param_hint="good|bad") from None


def _run_named(records: "Records", part: str) -> str:
    """The one run whose name is this or has it as a part; as it was given where none is, which `Labels` explains."""
    from operators.errors import RecordError
    from operators.records import Kind

    names = sorted({record.subject.run for record in records.search(kind=Kind.RUN)})
    found = [name for name in names if part in name]
    if part in found or not found or not part:
        return part
    if len(found) > 1:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise RecordError(f"{len(found)} runs have '{part}' in their name", why=shown, mend="give more of it")
    return found[0]
