"""`gennaker audit`: is the chain of records whole, and what does it say."""

import json
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from operators.records import Kind, Record

app = typer.Typer(help="Check and read the records.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def verify() -> None:
    """Check that no record was changed, removed, reordered or added; exit 1 names the first that was."""
    from operators.records import Records  # SQLAlchemy would slow every other command

    with closing(Records.open()) as records:
        found = records.verify()
    if found.ok:
        typer.echo(f"{found.count} records, chain intact")
        return
    typer.echo(f"the chain is broken at record {found.broken}: {found.why}", err=True)
    raise typer.Exit(1)


@app.command()
def show(
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as decision.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, bodies in full.")] = False,
) -> None:
    """Print the records, oldest first."""
    from operators.records import Records

    wanted = _kind(kind)
    with closing(Records.open()) as records:
        found = records.search(run=run, kind=wanted)
    for record in found:
        typer.echo(_json(record) if as_json else _line(record))


def _kind(name: str | None) -> "Kind | None":
    from operators.errors import RecordError
    from operators.records import Kind

    if name is None:
        return None
    try:
        return Kind(name.lower())
    except ValueError:
        raise RecordError(f"there is no kind of record '{name}'", mend=f"use one of {', '.join(Kind)}") from None


def _json(record: "Record") -> str:
    return json.dumps({**asdict(record), "at": record.at.isoformat()}, sort_keys=True)


def _line(record: "Record") -> str:
    subject = "/".join(part for part in asdict(record.subject).values() if part)
    body = json.dumps(record.body, sort_keys=True, ensure_ascii=False)
    return f"{record.seq:>6}  {record.at:%Y-%m-%d %H:%M:%S}  {record.kind:<10}  {subject}  {body}"
