"""Durations on the command line."""

from datetime import timedelta

import typer


def duration_of(option: str, text: str) -> timedelta:
    """The duration that an option was given; raises typer.BadParameter when it is none, or nothing."""
    from canary.durations import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"{option}: {error}") from None
    if found <= timedelta(0):
        raise typer.BadParameter(f"{option}: must be longer than nothing")
    return found
