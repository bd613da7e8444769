"""Which parts of a stack answer, and are alive by their own word."""

from collections.abc import Mapping
from datetime import datetime

import httpx

from gennaker.stack.settings import StackSettings

#: Component by Airflow's word for it in its health report, with the field of its heartbeat.
_REPORTED = {
    "scheduler": ("scheduler", "latest_scheduler_heartbeat"),
    "dag-processor": ("dag_processor", "latest_dag_processor_heartbeat"),
    "triggerer": ("triggerer", "latest_triggerer_heartbeat"),
}

COMPONENTS = ("api-server", *_REPORTED, "mlflow")


def health(settings: StackSettings, since: Mapping[str, datetime] | None = None) -> dict[str, bool]:
    """Whether each component is healthy, asked now.

    Args:
        settings: of the stack.
        since: when a component's process began; an older heartbeat is a dead one's.
    """
    report = _json(f"{settings.airflow_url}/api/v2/monitor/health")
    found = {"api-server": _status(report, "metadatabase") == "healthy"}
    for name, (key, heartbeat) in _REPORTED.items():
        found[name] = _status(report, key) == "healthy" and _is_later(
            report[key].get(heartbeat), (since or {}).get(name)
        )
    found["mlflow"] = _answers(f"{settings.mlflow_url}/health")
    return found


def _status(report: dict[str, dict[str, str]], key: str) -> str:
    return str((report.get(key) or {}).get("status", ""))


def _is_later(heartbeat: str | None, began: datetime | None) -> bool:
    return began is None or (heartbeat is not None and datetime.fromisoformat(heartbeat) >= began)


def _json(url: str) -> dict[str, dict[str, str]]:
    try:
        answer = httpx.get(url, timeout=5, trust_env=False)
        return dict(answer.json()) if answer.is_success else {}
    except (httpx.HTTPError, ValueError):
        return {}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
