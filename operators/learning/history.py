"""The canaries of the records as a history to learn from."""

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from canary.config import CanaryConfig
from canary.errors import GennakerError
from canary.judgment import Verdict
from canary.learning.parquet_history import write_history
from canary.learning.recorded import Batch, Recorded, batches_of
from canary.looks import Look
from operators.learning.labels import Label, Labels, truth_of
from operators.records import Kind, Record, Records
from operators.watch import stored_looks

log = logging.getLogger(__name__)

#: Canaries in one part of an exported history.
_PART = 200


class RecordsHistory:
    """The recorded canaries, read anew each time; the looks of one batch at a time are in memory.

    Left out are steps of ramps, whose looks have another share each; canaries whose looks housekeeping removed; and
    decisions that cannot be read, each with a warning.

    Args:
        records: where they are.
        profile: only canaries judged by this threshold profile; all by default.
        since: only canaries decided from then on (aware).
    """

    def __init__(self, records: Records, *, profile: str = "", since: datetime | None = None) -> None:
        self._records, self._profile, self._since = records, profile, since

    def canaries(self) -> list[Recorded]:
        """What is known of each, in the order they began."""
        return sorted((canary for canary, _ in self._pairs()), key=lambda canary: (canary.at, canary.id))

    def batches(self, size: int = 500) -> Iterator[Batch]:
        """All of them with their looks, at most `size` at a time, in the order they were decided."""
        return batches_of(self._pairs(), size)

    def _pairs(self) -> Iterator[tuple[Recorded, list[Look]]]:
        labels = Labels(self._records).all()
        for decision in self._last_decisions():
            try:
                looks = stored_looks(self._records, str(decision.body["judgment_id"]))
                if looks and not any(look.step for look in looks):
                    yield _recorded(decision, looks[0].at, labels.get(decision.subject.run, [])), looks
            except (GennakerError, ValidationError, KeyError, TypeError, ValueError) as error:
                log.warning("decision_left_out record=%d why=%s", decision.seq, str(error).splitlines()[0])

    def _last_decisions(self) -> list[Record]:
        """The last decision of each judgment: one may be taken back by a later one."""
        last: dict[str, Record] = {}
        for record in self._records.search(kind=Kind.DECISION):
            if self._is_wanted(record):
                name = str(record.body.get("judgment_id"))
                last.pop(name, None)
                last[name] = record
        return list(last.values())

    def _is_wanted(self, decision: Record) -> bool:
        if self._since and decision.at < self._since:
            return False
        config = decision.body.get("config")
        return not self._profile or (isinstance(config, dict) and config.get("profile") == self._profile)


def export_history(records: Records, folder: Path, *, profile: str = "", since: datetime | None = None) -> int:
    """Writes the recorded canaries to a folder, as `ParquetHistory` reads it; gives how many there are."""
    count = 0

    def counted() -> Iterator[Batch]:
        nonlocal count
        for batch in RecordsHistory(records, profile=profile, since=since).batches(_PART):
            count += len(batch.canaries)
            yield batch

    write_history(folder, counted())
    return count


def _recorded(decision: Record, at: datetime, labels: list[Label]) -> Recorded:
    body = decision.body
    name, judgment, version = str(body["judgment_id"]), body["judgment"], body.get("profile_version", 0)
    if not isinstance(judgment, dict) or not isinstance(version, int):
        raise ValueError("its judgment is none")
    told = truth_of(label for label in labels if label.judgment in ("", name))
    return Recorded(
        id=name,
        run=decision.subject.run,
        service=decision.subject.service,
        region=decision.subject.region,
        at=at,
        config=CanaryConfig.model_validate(body["config"]),
        version=version,
        verdict=Verdict(str(judgment["verdict"])),
        seconds=float(str(judgment["elapsed_s"])),
        reason=str(judgment.get("reason", "")),
        truth=told.truth if told else None,
        truth_source=told.source.value if told else "",
        is_simulated=body.get("simulated") is True,
    )
