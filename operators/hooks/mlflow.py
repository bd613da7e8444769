"""Where MLflow is and who we are there, from an Airflow connection or the environment."""

import os

import httpx
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from operators.learning.registry import Registry


class MlflowHook(BaseHook):
    """The MLflow server of an Airflow connection; without one, of `MLFLOW_TRACKING_URI`.

    The connection has host (with `https://` before it, or with the schema `https`), port, and login and password where
    the server asks for them. MLflow itself is not imported: its registry is read over HTTP.

    Args:
        mlflow_conn_id: the connection's id.
    """

    conn_name_attr = "mlflow_conn_id"
    default_conn_name = "mlflow_default"
    hook_name = "MLflow"

    def __init__(self, mlflow_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self._conn_id = mlflow_conn_id

    def url(self) -> str:
        """The server's address with credentials in it; `""` where none is known that speaks HTTP."""
        try:
            said = self.get_connection(self._conn_id)
        except AirflowNotFoundException:
            uri = os.environ.get("MLFLOW_TRACKING_URI") or ""
            return uri if uri.startswith(("http://", "https://")) else ""
        host = said.host or ""
        address = httpx.URL(host if "://" in host else f"{said.schema or 'http'}://{host}")
        if said.port:
            address = address.copy_with(port=said.port)
        if said.login:
            address = address.copy_with(username=said.login, password=said.password or "")
        return str(address).rstrip("/")

    def get_conn(self) -> Registry | None:
        """The server's registry of threshold profiles; None where no server is known."""
        address = self.url()
        return Registry(address) if address else None
