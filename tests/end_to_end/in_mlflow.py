"""What MLflow has of a run, asked over its REST API."""

import io
from typing import Any

import httpx
import pyarrow.parquet as pq


class InMlflow:
    """What an MLflow server has of a pipeline's runs."""

    def __init__(self, url: str, pipeline: str) -> None:
        self.url, self._pipeline = url, pipeline

    def experiment(self) -> str:
        """The id of the pipeline's experiment; empty while there is none."""
        name = {"experiment_name": f"gennaker/{self._pipeline}"}
        said = self._get("mlflow/experiments/get-by-name", name)
        return str(said["experiment"]["experiment_id"]) if "experiment" in said else ""

    def of_run(self, run_id: str) -> tuple[list[Any], list[Any]]:
        """The MLflow runs of a pipeline run: its own, and those of its judgments."""
        if not (experiment := self.experiment()):
            return [], []
        wanted = {"experiment_ids": [experiment], "filter": f"tags.run = '{self._pipeline}/{run_id}'"}
        said = httpx.post(f"{self.url}/api/2.0/mlflow/runs/search", json=wanted, timeout=30).json()
        runs = said.get("runs", [])
        return [r for r in runs if "stage" not in tags_of(r)], [r for r in runs if "stage" in tags_of(r)]

    def finished(self, run_id: str) -> tuple[Any, Any] | None:
        """The one run and its one judgment once both are finished."""
        runs, judgments = self.of_run(run_id)
        if not runs or not judgments or any(r["info"]["status"] != "FINISHED" for r in (*runs, *judgments)):
            return None
        ([run], [judgment]) = runs, judgments
        return run, judgment

    def points(self, run: Any, metric: str) -> list[int]:
        """The steps at which a metric was told, as often as it was."""
        asked = {"run_id": run["info"]["run_id"], "metric_key": metric}
        return [int(point["step"]) for point in self._get("mlflow/metrics/get-history", asked).get("metrics", [])]

    def looks(self, run: Any) -> list[Any]:
        """The rows of its table of looks."""
        folder = run["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/")
        file = httpx.get(f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{folder}/looks.parquet", timeout=30)
        return list(pq.read_table(io.BytesIO(file.raise_for_status().content)).to_pylist())

    def _get(self, path: str, asked: dict[str, str]) -> Any:
        return httpx.get(f"{self.url}/api/2.0/{path}", params=asked, timeout=30).json()


def tags_of(run: Any) -> dict[str, str]:
    """Tags by name."""
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
