"""The few calls to an MLflow server that Gennaker needs, over its REST API.

MLflow's own client takes 1.4 s to import (3.17, two cores); httpx, which Airflow has loaded
already, takes none, and every worker and trigger process would pay the difference.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from canary.errors import GennakerError
from operators.looks_table import LooksTable
from operators.records.outbox import Tracked

#: Longest wait for one answer; MLflow answers in some 20 ms when it is well.
TIMEOUT_S = 5.0
#: What one log-batch may carry (MLflow's REST reference, "Request limits").
METRICS_PER_REQUEST, PARAMS_PER_REQUEST = 1000, 100
#: Runs on one page of a search.
RUNS_PER_PAGE = 1000
#: The tag by which MLflow's pages nest a run in another.
PARENT_TAG = "mlflow.parentRunId"
#: Longest name of a dataset that MLflow's database takes.
DATASET_NAME = 500
#: The tag by which the run of a judgment is found again.
JUDGMENT_TAG = "gennaker.judgment"

# At INFO httpx tells of each request, at each look: too much for who is on call.
logging.getLogger("httpx").setLevel(logging.WARNING)

_ARTIFACTS = "mlflow-artifacts:/"
#: Answers that say this request, as it is, will never be taken.
_REFUSALS = frozenset({400, 404, 413, 422})


class Away(GennakerError):
    """MLflow cannot be reached or cannot answer now; later it may."""


class Refused(GennakerError):
    """MLflow understood, and will not take it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(code, why=message)


class Tracking:
    """An MLflow server.

    Args:
        url: its address. Credentials come from it, or as in MLflow from `MLFLOW_TRACKING_USERNAME`
            and `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`.

    Every call may be made twice. Each raises Away or Refused.
    """

    def __init__(self, url: str) -> None:
        self._client = client_of(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def experiment(self, name: str) -> str:
        """The id of the experiment, made when it is not there."""
        try:
            return self._experiment(name)
        except Refused as refused:
            if refused.code != "RESOURCE_DOES_NOT_EXIST":
                raise
        try:
            return str(self._post("experiments/create", name=name)["experiment_id"])
        except Refused as refused:
            if refused.code != "RESOURCE_ALREADY_EXISTS":  # someone made it in between
                raise
            return self._experiment(name)

    def runs(self, experiment_id: str, judgment: str) -> list[Tracked]:
        """The runs of a judgment: one, unless an answer was lost and a run made twice."""
        wanted = f'tags.`{JUDGMENT_TAG}` = "{_tag_of(judgment)}"'
        found = self._post(
            "runs/search", experiment_ids=[experiment_id], filter=wanted, order_by=["start_time", "run_id"]
        )
        return [_tracked(run) for run in found.get("runs", [])]

    def begun_before(self, experiment_id: str, start_ms: int) -> list[tuple[str, str, int]]:
        """Run id, judgment and start of the judgments' runs that began before then and are not in the bin."""
        found, wanted, token = list[tuple[str, str, int]](), f"attributes.start_time < {start_ms}", ""
        while True:
            page = self._post(
                "runs/search",
                experiment_ids=[experiment_id],
                filter=wanted,
                max_results=RUNS_PER_PAGE,
                order_by=["attributes.start_time ASC"],
                **({"page_token": token} if token else {}),
            )
            for run in page.get("runs", []):
                tags = {tag["key"]: tag["value"] for tag in run.get("data", {}).get("tags", [])}
                if JUDGMENT_TAG in tags:
                    found.append((run["info"]["run_id"], tags[JUDGMENT_TAG], int(run["info"]["start_time"])))
            token = page.get("next_page_token", "")
            if not token:
                return found

    def create(
        self, experiment_id: str, judgment: str, *, name: str, start_ms: int, tags: Mapping[str, str]
    ) -> Tracked:
        """A new run of a judgment."""
        pairs = _pairs({**tags, JUDGMENT_TAG: _tag_of(judgment)})
        made = self._post("runs/create", experiment_id=experiment_id, run_name=name, start_time=start_ms, tags=pairs)
        return _tracked(made["run"])

    def params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Sets the run's parameters."""
        pairs = _pairs(params)
        for begin in range(0, len(pairs), PARAMS_PER_REQUEST):
            self._post("runs/log-batch", run_id=run_id, params=pairs[begin : begin + PARAMS_PER_REQUEST])

    def metrics(self, run_id: str, points: Sequence[Mapping[str, Any]]) -> None:
        """Adds metric points `{key, value, timestamp, step}`; a point that is there already stays one."""
        for begin in range(0, len(points), METRICS_PER_REQUEST):
            self._post("runs/log-batch", run_id=run_id, metrics=list(points[begin : begin + METRICS_PER_REQUEST]))

    def artifact(self, run: Tracked, path: str, content: bytes) -> None:
        """Writes a file of the run."""
        if not run.artifact_uri.startswith(_ARTIFACTS):
            raise Refused("NO_ARTIFACT_PROXY", "the MLflow server does not serve artifacts (--serve-artifacts)")
        if not {"", ".", ".."}.isdisjoint(path.split("/")):
            raise Refused("BAD_PATH", f"{path} is not a path below the run")
        folder = run.artifact_uri.removeprefix(_ARTIFACTS).strip("/")
        self._request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{folder}/{path}')}", content=content)

    def dataset(self, run: Tracked, name: str, path: str, table: LooksTable) -> None:
        """Says that a file of the run is the data it was made from; the same data count once."""
        dataset = {
            "name": name[:DATASET_NAME],
            "digest": table.digest,
            "source_type": "http",
            "source": json.dumps({"url": f"{run.artifact_uri}/{path}"}),
            "schema": table.schema,
            "profile": json.dumps({"num_rows": table.rows}),
        }
        tags = [{"key": "mlflow.data.context", "value": "judgment"}]
        self._post("runs/log-inputs", run_id=run.run_id, datasets=[{"dataset": dataset, "tags": tags}])

    def tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags of the run, whether it ended or not."""
        self._post("runs/log-batch", run_id=run_id, tags=_pairs(tags))

    def finish(self, run_id: str, *, end_ms: int, tags: Mapping[str, str]) -> None:
        """Sets the last tags and ends the run."""
        self.tags(run_id, tags)
        self._post("runs/update", run_id=run_id, status="FINISHED", end_time=end_ms)

    def delete(self, run_id: str) -> None:
        """Moves a run to MLflow's bin."""
        self._post("runs/delete", run_id=run_id)

    def _experiment(self, name: str) -> str:
        path = "/api/2.0/mlflow/experiments/get-by-name"
        return str(self._request("GET", path, params={"experiment_name": name})["experiment"]["experiment_id"])

    def _post(self, endpoint: str, **body: Any) -> dict[str, Any]:
        return self._request("POST", f"/api/2.0/mlflow/{endpoint}", json=body)

    def _request(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise Away(type(error).__name__, why=str(error)) from error
        return answer_of(response.status_code, response.content)


def client_of(url: str) -> httpx.Client:
    """A client of an MLflow server, with the credentials of its address or of the environment."""
    address = httpx.URL(url)
    own = (address.username, address.password) if address.username else None
    return httpx.Client(
        base_url=address.copy_with(userinfo=b""), timeout=TIMEOUT_S, headers=_bearer(), auth=own or _basic()
    )


def answer_of(status: int, content: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty when it is something else, as for an artifact written.

    Raises Refused when MLflow says no, and Away for any other failure.
    """
    answer = _object(content)
    if 200 <= status < 300:
        return answer
    if status in _REFUSALS and "error_code" in answer:
        raise Refused(str(answer["error_code"]), str(answer.get("message", "")))
    raise Away(f"HTTP {status}", why=str(answer.get("message", "")))


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _tracked(run: Mapping[str, Any]) -> Tracked:
    info = run["info"]
    return Tracked(info["experiment_id"], info["run_id"], info["artifact_uri"])


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _tag_of(judgment: str) -> str:
    """The judgment's id as its tag: MLflow's filters have no way to write a double quote in double quotes."""
    return judgment.replace('"', "'")


def _bearer() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _basic() -> tuple[str, str] | None:
    name, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (name, password) if name and password else None
