"""Judged runs that nobody has said anything of yet."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from operators.learning.labels import Labels
from operators.learning.releases import judged
from operators.records import Kind, Records
from operators.records.tables import RECORDS


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A judged run without a label: `dag id/run id`, its service, and when its last decision fell (UTC)."""

    run: str
    service: str
    at: datetime


def unlabelled(records: Records, *, service: str = "", limit: int | None = None) -> list[Unlabelled]:
    """Judged runs without any label, the latest first."""
    columns = (RECORDS.c.run, RECORDS.c.service, func.max(RECORDS.c.at).label("at"))
    labelled = select(RECORDS.c.run).where(RECORDS.c.kind == Kind.LABEL.value)
    query = select(*columns).where(RECORDS.c.kind == Kind.DECISION.value, RECORDS.c.run.not_in(labelled))
    if service:
        query = query.where(RECORDS.c.service == service)
    query = query.group_by(RECORDS.c.run, RECORDS.c.service).order_by(func.max(RECORDS.c.seq).desc()).limit(limit)
    with records.database.read() as connection:
        return [Unlabelled(row.run, row.service, datetime.fromisoformat(row.at)) for row in connection.execute(query)]


def labelled_canaries(records: Records) -> int:
    """How many canaries have a label, by themselves or with their whole run; it never falls."""
    labels = Labels(records).all()
    whole = {run for run, given in labels.items() if any(not label.judgment for label in given)}
    alone = {label.judgment for run, given in labels.items() if run not in whole for label in given}
    return len({(run, stage, region) for run, _, stage, region in judged(records) if run in whole}) + len(alone)
