"""A conversation with Airflow's REST API, patient with a server that restarts."""

import os
import time
from datetime import timedelta
from typing import Any, Final, Self

import httpx

from gennaker.stack.secrets import passwords
from gennaker.stack.settings import StackError, remembered

#: An API server that was killed answers again after some 10 s on two busy cores.
PATIENCE = timedelta(seconds=30)
#: A write may wait 60 s for its turn at Airflow's SQLite (`gennaker.stack.environment`); an answer takes longer.
ANSWER_S: Final = 90.0


class AirflowRefused(StackError):
    """Airflow answered, and the answer was no; `status` is the HTTP status."""

    def __init__(self, what: str, *, status: int, why: str = "", mend: str = "") -> None:
        self.status = status
        super().__init__(what, why=why, mend=mend)


class AirflowConnection:
    """Airflow's REST API as one user.

    Args:
        url: base URL of the API server.
        user: who logs in; empty when a token is given.
        password: the user's.
        token: of a login that was done elsewhere.
        patience: how long a request that nobody received, or a GET, is tried again.
    """

    def __init__(
        self, url: str, *, user: str = "", password: str = "", token: str = "", patience: timedelta = PATIENCE
    ) -> None:
        self.url = url.rstrip("/")
        self._user, self._password, self._token, self._patience = user, password, token, patience
        self._http = httpx.Client(base_url=self.url, timeout=ANSWER_S, trust_env=False)

    @classmethod
    def local(cls, user: str = "admin") -> Self:
        """To the Airflow that `GENNAKER_AIRFLOW_URL` and `_TOKEN` name, else to the local stack's."""
        if url := os.environ.get("GENNAKER_AIRFLOW_URL"):
            return cls(url, token=os.environ.get("GENNAKER_AIRFLOW_TOKEN", ""))
        settings = remembered()
        if settings is None:
            raise StackError("there is no Airflow to talk to", mend="run `gennaker up`, or set GENNAKER_AIRFLOW_URL")
        return cls(settings.airflow_url, user=user, password=passwords(settings).get(user, ""))

    def get(self, path: str, **params: Any) -> Any:
        """The JSON that a GET answers; `path` begins after `/api/v2`."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        """The JSON that a POST answers."""
        return self._ask("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON that a PATCH answers."""
        return self._ask("PATCH", path, json=body)

    def pages(self, path: str, key: str, **params: Any) -> list[Any]:
        """Every item of a paged list."""
        found: list[Any] = []
        while True:
            page = self.get(path, limit=100, offset=len(found), **params)
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def close(self) -> None:
        """Gives the sockets back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, **parts: Any) -> Any:
        if not self._token:
            self._log_in()
        answer = self._send(method, f"/api/v2{path}", **parts)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._user:
            self._log_in()
            answer = self._send(method, f"/api/v2{path}", **parts)
        return _read(answer)

    def _log_in(self) -> None:
        body = {"username": self._user, "password": self._password}
        self._token = _read(self._send("POST", "/auth/token", json=body))["access_token"]

    def _send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        deadline = time.monotonic() + self._patience.total_seconds()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        while True:
            try:
                return self._http.request(method, path, headers=headers, **parts)
            except httpx.TransportError as error:
                nobody_got_it = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                if time.monotonic() > deadline or not (nobody_got_it or method == "GET"):
                    raise StackError(
                        f"Airflow at {self.url} does not answer",
                        why=f"{method} {path}: {error!r}",
                        mend="see `gennaker doctor`; `gennaker up` starts what is not running",
                    ) from error
                time.sleep(0.3)


def _read(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    raise AirflowRefused(
        f"Airflow answered {answer.status_code} to {answer.request.method} {answer.request.url.path}",
        status=answer.status_code,
        why=_detail(answer),
    )


def _detail(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return answer.text[:300]
    return str(said.get("detail", said) if isinstance(said, dict) else said)[:1000]
