"""`gennaker incident`: a time in which a service did harm, for whoever learns from it."""

import getpass
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

_FORMS = ["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def incident(
    service: Annotated[str, typer.Argument(help="The service that did harm.")],
    begin: Annotated[datetime, typer.Option("--from", formats=_FORMS, help="When it began; UTC without a zone.")],
    end: Annotated[datetime, typer.Option("--until", formats=_FORMS, help="When it was over.")],
    why: Annotated[str, typer.Option(help="In a sentence: what happened, and where it is written.")],
    run: Annotated[str, typer.Option(help="The run to blame. Default: the newest when it began.")] = "",
    by: Annotated[str, typer.Option(help="Who says so. Default: who is logged in.")] = "",
) -> None:
    """Write down an incident: the release that was live when it began is labelled bad within a day.

    An incident is a record: it is kept for good. The same one again changes nothing.
    """
    from operators.learning.incidents import Incidents
    from operators.records import Records

    reason, who = why.strip(), by.strip() or getpass.getuser()
    if not reason:
        raise typer.BadParameter("say in a sentence what happened", param_hint="--why")
    times = [time if time.tzinfo else time.replace(tzinfo=UTC) for time in (begin, end)]
    if times[1] < times[0]:
        raise typer.BadParameter("it is before --from", param_hint="--until")
    with closing(Records.open()) as records:
        record = Incidents(records).add(service, times[0], times[1], who=who, why=reason, run=run)
    typer.echo(f"incident of {service} written down by {who} (record {record.seq})")
