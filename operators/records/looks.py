"""The looks of a judgment, kept so that whoever goes on judging has all of them."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select

from operators.records.database import Database
from operators.records.record import Json, canonical
from operators.records.redact import redact_body
from operators.records.tables import LOOKS


class Looks:
    """Cumulative looks by judgment and number; only ever added to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, judgment: str, number: int, payload: Mapping[str, Json]) -> bool:
        """Keeps a look; False, and nothing changes, when that number is there already."""
        stored = canonical(redact_body(payload))
        with self._database.write() as connection:
            same = (LOOKS.c.judgment == judgment, LOOKS.c.number == number)
            if connection.execute(select(LOOKS.c.number).where(*same)).first():
                return False
            connection.execute(insert(LOOKS).values(judgment=judgment, number=number, payload=stored))
        return True

    def add_all(self, judgment: str, payloads: Sequence[Mapping[str, Json]]) -> None:
        """Keeps all looks of a judgment, from number 0 on, at once; those that are there stay."""
        rows = [
            {"judgment": judgment, "number": number, "payload": canonical(redact_body(payload))}
            for number, payload in enumerate(payloads)
        ]
        with self._database.write() as connection:
            query = select(LOOKS.c.number).where(LOOKS.c.judgment == judgment)
            known = set(connection.execute(query).scalars())
            missing = [row for row in rows if row["number"] not in known]
            if missing:
                connection.execute(insert(LOOKS), missing)

    def has(self, judgment: str) -> bool:
        """Whether any look of a judgment was kept."""
        query = select(LOOKS.c.number).where(LOOKS.c.judgment == judgment).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def of(self, judgment: str) -> list[Mapping[str, Json]]:
        """The looks of a judgment by number."""
        query = select(LOOKS.c.payload).where(LOOKS.c.judgment == judgment).order_by(LOOKS.c.number)
        with self._database.read() as connection:
            return [json.loads(text) for text in connection.execute(query).scalars()]
