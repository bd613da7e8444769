"""The records of threshold profiles: each step once, and what follows from them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from operators.records import Json, Kind, Record, Records, Subject, chain


class Step(StrEnum):
    """What happens to a version of a profile; `pinned` is written by runs."""

    REGISTERED = "registered"
    CHALLENGER = "challenger"
    CHAMPION = "champion"
    REJECTED = "rejected"


class ProfileSteps:
    """Steps of versions of threshold profiles, in the records.

    Args:
        records: where they are.
        clock: the time now (aware).
    """

    def __init__(self, records: Records, clock: Callable[[], datetime]) -> None:
        self._records, self._clock = records, clock

    def take(
        self, step: Step, profile: str, version: int, digest: str, *, who: str, why: str, more: Mapping[str, str]
    ) -> None:
        """Records a step, unless it is the last that was taken already; whoever asks, and at the same time.

        Args:
            step: which.
            profile: of which profile.
            version: of which of its versions.
            digest: of the version's settings.
            who: who takes it.
            why: why, in a sentence.
            more: what the version rests on.
        """
        body: dict[str, Json] = {"event": step.value, "profile": profile, "version": version, "digest": digest}
        body |= {"who": who, "why": why}
        if step is Step.REGISTERED:
            body["provenance"] = dict(more)
        if more.get("simulated") == "true":
            body["simulated"] = True
        with self._records.database.write() as connection:
            if not _is_taken(_steps(connection, profile), step, version, digest):
                chain.append(connection, self._clock(), Kind.PROFILE, Subject(), body)

    def champions(self, profile: str) -> list[int]:
        """The champion and those before it that one can go back to, the champion last.

        Going back to a version leaves out those that came after it.
        """
        found: list[int] = []
        for record in self._all(profile):
            if record.body["event"] != Step.CHAMPION:
                continue
            number = _version(record)
            found = found[: found.index(number)] if number in found else found
            found.append(number)
        return found

    def digest(self, profile: str, version: int) -> str | None:
        """The digest that a version was registered with, by what was recorded last."""
        return registered_digest(self._records, profile, version)

    def _all(self, profile: str) -> list[Record]:
        with self._records.database.read() as connection:
            return _steps(connection, profile)


def registered_digest(records: Records, profile: str, version: int) -> str | None:
    """The digest that a version of a profile was registered with; None when no record says."""
    with records.database.read() as connection:
        found = [
            r for r in _steps(connection, profile) if r.body["event"] == Step.REGISTERED and _version(r) == version
        ]
    return str(found[-1].body["digest"]) if found else None


def _steps(connection: Connection, profile: str) -> list[Record]:
    """The steps of a profile, oldest first; they are of no run."""
    found = chain.search(connection, {"kind": Kind.PROFILE.value, "run": ""})
    known = set(map(str, Step))
    return [record for record in found if record.body.get("profile") == profile and record.body.get("event") in known]


def _registered(steps: list[Record], version: int) -> list[Record]:
    return [record for record in steps if record.body["event"] == Step.REGISTERED and _version(record) == version]


def _is_taken(steps: list[Record], step: Step, version: int, digest: str) -> bool:
    """Whether the newest step that this one would follow is itself."""
    if step is Step.REGISTERED:
        known = _registered(steps, version)
        return bool(known) and known[-1].body["digest"] == digest
    for record in reversed(steps):
        if record.body["event"] == Step.REGISTERED:
            continue
        is_same_step, is_same_version = record.body["event"] == step, _version(record) == version
        if is_same_step or is_same_version:
            return is_same_step and is_same_version
    return False


def _version(record: Record) -> int:
    number = record.body["version"]
    assert isinstance(number, int)
    return number
