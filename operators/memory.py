"""What every judgment was made from, told to MLflow: one run each, evidence per look as metrics.

MLflow may be down, slow or absent: what is to be told goes to an outbox in the records database
first, and whoever has time delivers it. A release never waits for it.
"""

import logging
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import httpx

from operators.records import Records
from operators.records.outbox import Entry, Outbox, Tracked
from operators.records.record import Json
from operators.records.records import utc_now
from operators.records.redact import redact_text
from operators.tracking import Away, Refused, Tracking

log = logging.getLogger(__name__)

#: One delivery starts no new request after this long.
BUDGET_S = 10.0
#: MLflow's limits on the length of keys and values (mlflow.utils.validation).
_KEY, _PARAM, _TAG = 250, 6000, 5000
#: What MLflow does not take in the name of a metric, parameter or tag.
_FORBIDDEN = re.compile(r"[^\w.\-/: ]", re.ASCII)


class Memory:
    """The judgments' MLflow runs.

    Telling (`begin`, `look`, `end`) is one short transaction on the records database and may be
    repeated: the first telling of a judgment's beginning, of a step or of its end counts.

    Args:
        records: where the outbox is.
        tracking_uri: the MLflow server; by default `MLFLOW_TRACKING_URI`. Unless it is an HTTP
            address, all stays in the outbox.
        clock: the time now (aware).
    """

    def __init__(
        self, records: Records, tracking_uri: str | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._server = _server(tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "")
        self._outbox = Outbox(records.database, clock)
        self._clock = clock

    def begin(
        self, judgment: str, *, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> None:
        """A judgment begins: `judgment` is its id, everywhere."""
        payload: dict[str, Json] = {"experiment": experiment, "name": name, "start_ms": _ms(self._clock())}
        payload |= {"tags": _fitted(tags, _TAG), "params": _fitted(params, _PARAM)}
        self._outbox.add(judgment, {"begin": payload})

    def look(self, judgment: str, step_s: int, at: datetime, metrics: Mapping[str, float]) -> None:
        """The evidence at one look, `step_s` seconds after the beginning."""
        values = [(_name(name), _number(value)) for name, value in metrics.items()]
        self._outbox.add(judgment, {f"look/{step_s}": {"step": step_s, "at_ms": _ms(at), "metrics": values}})

    def end(
        self,
        judgment: str,
        *,
        verdict: str,
        tags: Mapping[str, str],
        report_html: str,
        artifacts: Mapping[str, str],
    ) -> None:
        """The verdict, the report (kept as `report.html`) and other files by path."""
        files = {**artifacts, "report.html": report_html}
        parts: dict[str, dict[str, Json]] = {
            f"artifact/{path}": {"path": path, "text": text} for path, text in files.items()
        }
        last = _fitted({**tags, "gennaker.verdict": verdict}, _TAG)
        self._outbox.add(judgment, {**parts, "finish": {"end_ms": _ms(self._clock()), "tags": last}})

    def deliver(self, limit: int = 500) -> int:
        """Sends at most `limit` waiting entries, each seen once in MLflow, and gives how many arrived.

        Takes seconds at most. With MLflow down it returns what it got through; call it again later.
        Several processes may call it at once.
        """
        if not self._server:
            return 0
        deadline, arrived = time.monotonic() + BUDGET_S, 0
        with Tracking(self._server) as tracking:
            for judgment in self._outbox.judgments():
                if arrived >= limit or time.monotonic() > deadline:
                    break
                with self._outbox.claimed(judgment) as is_mine:
                    if not is_mine:
                        continue
                    delivery = _Delivery(self._outbox, tracking, judgment, deadline)
                    is_away = not delivery.send(limit - arrived)
                    arrived += delivery.arrived
                    if is_away:
                        break
        return arrived

    def url(self, judgment: str) -> str | None:
        """The page of the judgment's MLflow run, once it was delivered."""
        run = self._outbox.tracked(judgment)
        if run is None or not self._server:
            return None
        parts = urlsplit(self._server)
        server = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without credentials
        return f"{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}"


class _Delivery:
    """One judgment's entries, sent in order by the deliverer who claimed it."""

    def __init__(self, outbox: Outbox, tracking: Tracking, judgment: str, deadline: float) -> None:
        self._outbox, self._tracking, self._judgment, self._deadline = outbox, tracking, judgment, deadline
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
        return self._tracking.create(
            experiment, self._judgment, name=told["name"], start_ms=told["start_ms"], tags=told["tags"]
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
                self._tracking.artifact(run, told["path"], told["text"])
            case _:
                self._tracking.finish(run.run_id, end_ms=told["end_ms"], tags=told["tags"])
                self._delete_doubles(run)

    def _delete_doubles(self, run: Tracked) -> None:
        """A run that was made although its answer came too late was made again: one stays."""
        for other in self._tracking.runs(run.experiment_id, self._judgment):
            if other.run_id != run.run_id:
                self._tracking.delete(other.run_id)


def _server(uri: str) -> str:
    """The address of an MLflow server; `""` when the tracking URI is none."""
    try:
        if urlsplit(uri).scheme in ("http", "https"):
            return str(httpx.URL(uri)).rstrip("/")
    except (ValueError, httpx.InvalidURL):
        log.warning("mlflow_address_unreadable")
    return ""


def _batches(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Looks that follow each other go together, all else by itself."""
    groups = groupby(entries, key=lambda entry: "looks" if entry.part.startswith("look/") else entry.part)
    return [list(group) for _, group in groups]


def _points(entry: Entry) -> list[dict[str, Any]]:
    told: Any = entry.payload
    return [
        {"key": key, "value": value, "timestamp": told["at_ms"], "step": told["step"]} for key, value in told["metrics"]
    ]


def _fitted(values: Mapping[str, str], longest: int) -> dict[str, Json]:
    return {_name(key): str(value)[:longest] for key, value in values.items()}


def _name(name: str) -> str:
    return _FORBIDDEN.sub("_", name)[:_KEY]


def _number(value: float) -> float | str:
    """The number, or its name where JSON has none; MLflow reads both."""
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
