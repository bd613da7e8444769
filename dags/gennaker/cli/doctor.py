"""`gennaker doctor`: what is missing, and how to mend it."""

import typer

#: How a finding's grade begins its line.
_MARKS = {"fine": ("ok", "green"), "note": ("note", "yellow"), "broken": ("broken", "red")}


def doctor() -> None:
    """Look for what this machine and the stack lack; exit code 1 if something is broken."""
    from gennaker.stack.checkup import Grade, checkup

    broken = 0
    for finding in checkup():
        word, colour = _MARKS[finding.grade]
        typer.echo(f"{typer.style(f'{word:<7}', fg=colour)} {finding.what}: {finding.said}")
        if finding.mend:
            typer.echo(f"        to mend: {finding.mend}")
        broken += finding.grade is Grade.BROKEN
    if broken:
        raise typer.Exit(1)
