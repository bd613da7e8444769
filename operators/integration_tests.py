"""Integration tests: a command or an HTTP check against what was deployed."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from operators.atomic_file import write_atomically
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.commands import Command
from operators.environment import Environment
from operators.home import home
from operators.records import Json, Kind
from operators.stage import StageOperator, local_path
from operators.watch import judgment_id

#: Characters of a report that go into the record; the whole is kept as a file.
TAIL: Final = 2000


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """A GET that must answer.

    Args:
        path: path under the group's address.
        status: the status that is right.
        contains: text the answer must hold, `""` for any.
    """

    path: str
    status: int = 200
    contains: str = ""


class IntegrationTests(StageOperator):
    """Runs the tests against the group that has the traffic; what they printed is kept.

    The command runs in the artifact's directory with `GENNAKER_SERVICE_URL` set.

    Args:
        environment: the environment, as JSON.
        region: where the tests go.
        source: the artifact's directory (a template).
        command: shell command (a template), `""` for an HTTP check.
        http: the HTTP check, or None.
        time_limit: when the tests count as failed.
        tries: how often they may fail before the stage does.
    """

    template_fields = ("source", "command")

    def __init__(
        self,
        *,
        environment: Mapping[str, Any],
        region: str,
        source: str,
        command: str,
        http: HttpCheck | None,
        time_limit: timedelta,
        tries: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.environment = environment
        self.region = region
        self.source = source
        self.command = command
        self.http = http
        self.time_limit = time_limit
        self.tries = tries
        self._running: Command | None = None

    def execute(self, context: Context) -> dict[str, str]:
        """Runs them; raises when they fail, and turns the run back at the last try."""
        run = self.enter(context)
        environment = Environment.from_json(self.environment)
        cluster = environment.cluster(self.scope.service, self.region)
        url = _address(environment, cluster)
        passed, output = _check(url, self.http, self.time_limit) if self.http else self._command(url)
        subject = replace(run.subject, stage=self.scope.stage, environment=environment.name, region=self.region)
        report = home() / "reports" / f"{judgment_id(subject, self.region)}.txt"
        write_atomically(report, output)
        tail, number = output[-TAIL:], context["ti"].try_number
        body: dict[str, Json] = {"passed": passed, "report": report.name, "tail": tail, "try": number}
        run.records.append(Kind.TEST, subject, body)
        self.log.info("%s", output)
        if passed:
            return {"report": report.name}
        last = output.strip().splitlines()[-1:] or ["no output"]
        reason = f"{self.scope.stage} failed against {cluster}: {last[0]}"
        if number < self.tries:
            raise AirflowException(reason)
        self.turn_back(context, reason)
        raise AirflowFailException(reason)

    def _command(self, url: str) -> tuple[bool, str]:
        bin_folder = str(Path(sys.executable).parent)
        settings = {
            "GENNAKER_SERVICE_URL": url,
            "PATH": os.pathsep.join([bin_folder, os.environ.get("PATH", os.defpath)]),
        }
        inherited = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "LC_ALL", "TMPDIR")}
        self._running = Command(self.command, local_path(self.source), {**inherited, **settings})
        return self._running.run(self.time_limit)

    def on_kill(self) -> None:
        """Ends the command, with all it started, when Airflow ends the task."""
        if self._running is not None:
            self._running.end()


def _check(url: str, check: HttpCheck, time_limit: timedelta) -> tuple[bool, str]:
    target = url.rstrip("/") + "/" + check.path.lstrip("/")
    try:
        answer = httpx.get(target, timeout=time_limit.total_seconds())
    except httpx.HTTPError as error:
        return False, f"GET {check.path}: {type(error).__name__}: {error}"
    said = f"GET {check.path}: {answer.status_code}, {len(answer.content)} bytes"
    if answer.status_code != check.status:
        return False, f"{said}; expected {check.status}"
    if check.contains and check.contains not in answer.text:
        return False, f"{said}; expected it to contain {check.contains!r}"
    return True, said


def _address(environment: Environment, cluster: Cluster) -> str:
    cloud = open_cloud(environment.cloud)
    weights = cloud.weights(cluster)
    group = max(weights, key=weights.__getitem__, default="")
    if not group:
        raise AirflowFailException(f"nothing is deployed to {cluster}: deploy before testing it")
    return cloud.address(cluster, group)
