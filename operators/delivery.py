"""Sending what waits in the outbox to MLflow, one judgment at a time."""

import logging
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from operators.looks_table import table_of
from operators.records.looks import Looks
from operators.records.outbox import Entry, Outbox, Tracked
from operators.records.redact import redact_text
from operators.tracking import PARENT_TAG, Away, Refused, Tracking

log = logging.getLogger(__name__)


class Delivery:
    """One judgment's entries, sent in order by the deliverer who claimed it."""

    def __init__(self, outbox: Outbox, looks: Looks, tracking: Tracking, judgment: str, deadline: float) -> None:
        self._outbox, self._tracking, self._judgment, self._deadline = outbox, tracking, judgment, deadline
        self._looks = looks
        self._run = outbox.tracked(judgment)
        self.arrived = 0

    def send(self, limit: int) -> bool:
        """Sends what is waiting; False when MLflow went away. What it refuses for good is set aside."""
        try:
            for batch in _batches(self._outbox.entries(self._judgment, limit)):
                if time.monotonic() > self._deadline:
                    break
                if self._run is None and not self._found_or_made(batch[0]):
                    break
                self._deliver(batch)
        except Away as away:
            log.info("mlflow_away why=%s", redact_text(str(away)))
            return False
        return True

    def _found_or_made(self, first: Entry) -> bool:
        """Whether there is a run now; without one nothing of the judgment can be sent, so all of it waits."""
        if first.part != "begin":
            return False
        told: Any = first.payload
        parent = told.get("parent", "")
        if parent and self._outbox.tracked(parent) is None and self._outbox.is_waiting(parent):
            return False  # its turn comes when its parent is there
        try:
            experiment = self._tracking.experiment(told["experiment"])
            runs = self._tracking.runs(experiment, self._judgment)
            self._run = runs[0] if runs else self._made(experiment, told)
        except Refused as refused:
            log.warning("mlflow_refused judgment=%s part=begin why=%s", self._judgment, redact_text(str(refused)))
            return False
        self._outbox.track(self._judgment, self._run)
        return True

    def _made(self, experiment: str, told: Any) -> Tracked:
        parent = self._outbox.tracked(told["parent"]) if told.get("parent") else None
        tags = {**told["tags"], **({PARENT_TAG: parent.run_id} if parent else {})}
        return self._tracking.create(
            experiment, self._judgment, name=told["name"], start_ms=told["start_ms"], tags=tags
        )

    def _deliver(self, batch: Sequence[Entry]) -> None:
        assert self._run is not None
        try:
            self._send(self._run, batch)
        except Refused as refused:
            if len(batch) > 1:
                for entry in batch:
                    self._deliver([entry])
                return
            why = redact_text(str(refused))
            log.warning("mlflow_refused judgment=%s part=%s why=%s", self._judgment, batch[0].part, why)
            self._outbox.refused(batch, why)
            return
        self._outbox.sent(batch)
        self.arrived += len(batch)

    def _send(self, run: Tracked, batch: Sequence[Entry]) -> None:
        told: Any = batch[0].payload
        match batch[0].part.partition("/")[0]:
            case "begin":
                self._tracking.params(run.run_id, told["params"])
            case "look":
                self._tracking.metrics(run.run_id, [point for entry in batch for point in _points(entry)])
            case "artifact":
                self._tracking.artifact(run, told["path"], told["text"].encode())
            case "table":
                self._send_table(run, told["path"])
            case "label":
                self._tracking.tags(run.run_id, told["tags"])
            case _:
                self._tracking.finish(run.run_id, end_ms=told["end_ms"], tags=told["tags"])
                self._delete_doubles(run)

    def _send_table(self, run: Tracked, path: str) -> None:
        """The looks as the run's file and dataset; made only now, as the looks are kept elsewhere."""
        table = table_of(self._looks.of(self._judgment))
        self._tracking.artifact(run, path, table.content)
        self._tracking.dataset(run, self._judgment, path, table)

    def _delete_doubles(self, run: Tracked) -> None:
        """A run that was made although its answer came too late was made again: one stays."""
        for other in self._tracking.runs(run.experiment_id, self._judgment):
            if other.run_id != run.run_id:
                self._tracking.delete(other.run_id)


def _batches(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Looks that follow each other go together, all else by itself."""
    groups = groupby(entries, key=lambda entry: "looks" if entry.part.startswith("look/") else entry.part)
    return [list(group) for _, group in groups]


def _points(entry: Entry) -> list[dict[str, Any]]:
    told: Any = entry.payload
    return [
        {"key": key, "value": value, "timestamp": told["at_ms"], "step": told["step"]} for key, value in told["metrics"]
    ]
