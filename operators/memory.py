"""What every judgment was made from, told to MLflow: one run each, evidence per look as metrics.

MLflow may be down, slow or absent: what is to be told goes to an outbox in the records database
first, and whoever has time delivers it. A release never waits for it.
"""

import logging
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from operators.delivery import Delivery
from operators.records import Records
from operators.records.outbox import Outbox
from operators.records.record import Json
from operators.records.records import utc_now
from operators.tracking import Tracking

log = logging.getLogger(__name__)

#: One delivery starts no new request after this long.
BUDGET_S = 10.0
#: Where the looks of a judgment are among its files.
LOOKS_TABLE = "looks.parquet"
#: What makes the id of a pipeline run unlike that of any judgment.
_RUN = "run:"
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
        self._looks = records.looks
        self._clock = clock

    def begin(
        self,
        judgment: str,
        *,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, str],
        parent: str = "",
    ) -> None:
        """A judgment begins: `judgment` is its id, everywhere; `parent` that of what it is a part of."""
        payload: dict[str, Json] = {"experiment": experiment, "name": name, "start_ms": _ms(self._clock())}
        payload |= {"tags": _fitted(tags, _TAG), "params": _fitted(params, _PARAM), "parent": parent}
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
        finish: dict[str, Json] = {"end_ms": _ms(self._clock()), "tags": last}
        table: dict[str, dict[str, Json]] = {"table": {"path": LOOKS_TABLE}} if self._looks.has(judgment) else {}
        self._outbox.add(judgment, {**parts, **table, "finish": finish})

    def run_begins(self, run: str, *, experiment: str, tags: Mapping[str, str]) -> str:
        """A pipeline run has something to remember; gives the id under which it is its judgments' parent."""
        parent = _RUN + run
        self.begin(parent, experiment=experiment, name=run, tags=tags, params={})
        return parent

    def run_ends(self, run: str, *, verdict: str, reason: str) -> None:
        """A pipeline run ended; nothing is told of one without judgments."""
        if self._outbox.has(_RUN + run):
            last = _fitted({"gennaker.verdict": verdict, "reason": reason}, _TAG)
            self._outbox.add(_RUN + run, {"finish": {"end_ms": _ms(self._clock()), "tags": last}})

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
                    delivery = Delivery(self._outbox, self._looks, tracking, judgment, deadline)
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


def _server(uri: str) -> str:
    """The address of an MLflow server; `""` when the tracking URI is none."""
    try:
        if urlsplit(uri).scheme in ("http", "https"):
            return str(httpx.URL(uri)).rstrip("/")
    except (ValueError, httpx.InvalidURL):
        log.warning("mlflow_address_unreadable")
    return ""


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
