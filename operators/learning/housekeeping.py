"""Housekeeping: removes by policy what is too old to be needed, and leaves a record of each removal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field

from canary.errors import GennakerError
from operators.records import Json, Kind, Records, Subject, chain
from operators.records.records import utc_now

#: So many removals share a record, so that no record is huge and no transaction long.
BATCH: Final = 200


class HousekeepingPolicy(BaseModel):
    """How many days things are kept. What a running release or a way back needs is kept anyhow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mlflow_runs: int = Field(default=400, ge=1, le=36_500, description="Runs of judgments and releases in MLflow.")
    looks: int = Field(default=400, ge=1, le=36_500, description="The looks of judgments, from which is learned.")
    images: int = Field(default=90, ge=1, le=36_500, description="Images, after they were last baked.")
    run_folders: int = Field(default=90, ge=1, le=36_500, description="Reports and executed notebooks.")


@dataclass(frozen=True, slots=True)
class Old:
    """Something that is older than its policy allows.

    Args:
        what: its kind, as the policy names it.
        name: its name within the kind.
        at: when it was made or last used (aware, UTC).
        bytes: its size; 0 where nobody knows.
    """

    what: str
    name: str
    at: datetime
    bytes: int = 0

    def to_json(self) -> dict[str, Json]:
        """Plain values for a record."""
        return {"name": self.name, "at": self.at.isoformat()}


class Store(Protocol):
    """Things of one kind that grow old."""

    @property
    def what(self) -> str:
        """The kind, as the policy names it."""

    def old(self, before: datetime) -> list[Old]:
        """What is older than `before` and needed by nobody, the oldest first."""

    def remove(self, old: Sequence[Old]) -> None:
        """Removes them; what is gone already is no error."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What housekeeping did, or in a dry run would do, and which kinds could not be looked through."""

    removed: tuple[Old, ...]
    problems: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """For a person: each thing, then what went wrong."""
        for old in self.removed:
            yield f"{old.what:<12} {old.at:%Y-%m-%d}  {old.bytes / 1e6:8.2f} MB  {old.name}"
        yield from (f"not looked through: {problem}" for problem in self.problems)


def keep_house(
    records: Records, stores: Sequence[Store], policy: HousekeepingPolicy, *, now: datetime, who: str, dry_run: bool
) -> Cleaning:
    """Removes what each store has that is older than the policy says; a dry run gives the same list.

    Each removal is written down first. So whoever is killed in between has said what was to go, and
    the next one removes it without saying it again. A store that fails keeps no other from its turn.
    """
    removed, problems = list[Old](), list[str]()
    days = policy.model_dump()
    for store in stores:
        try:
            for batch in _batches(store.old(now - timedelta(days=days[store.what]))):
                if not dry_run:
                    _write_down(records, store.what, batch, days[store.what], who)
                    store.remove(batch)
                removed += batch
        except (GennakerError, OSError) as error:
            problems.append(f"{store.what}: {error}")
    return Cleaning(tuple(removed), tuple(problems))


def _batches(old: Sequence[Old]) -> Iterator[Sequence[Old]]:
    for begin in range(0, len(old), BATCH):
        yield old[begin : begin + BATCH]


def _write_down(records: Records, what: str, batch: Sequence[Old], days: int, who: str) -> None:
    """Appends one record of what is not yet said to be removed; of two at once, one says it."""
    with records.database.write() as connection:
        said = {
            (item["name"], item["at"])
            for record in chain.search(connection, {"kind": Kind.PRUNED.value})
            if record.body.get("what") == what
            for item in _items(record.body.get("items"))
        }
        new = [old for old in batch if (old.name, old.at.isoformat()) not in said]
        if new:
            body: dict[str, Json] = {"what": what, "count": len(new), "bytes": sum(old.bytes for old in new)}
            body |= {"items": [old.to_json() for old in new], "policy": f"{what}: {days} days", "who": who}
            chain.append(connection, utc_now(), Kind.PRUNED, Subject(), body)


def _items(value: Json) -> list[dict[str, str]]:
    return [dict(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []
