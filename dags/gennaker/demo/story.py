"""Tells the demo: starts the stack, ships four releases under load, and keeps the score."""

import json
import os
import runpy
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gennaker.demo.load import Counted, Load, load
from gennaker.demo.scoreboard import REGIONS, ReleaseScore, Score, table
from gennaker.follow import Ending, follow
from gennaker.stack import stack
from gennaker.stack.client import AirflowClient
from gennaker.stack.settings import dags_folder
from operators.atomic_file import write_atomically
from operators.change import ChangeState
from operators.clouds import open_cloud
from operators.clouds.cloud import Cluster
from operators.home import home
from operators.records import Kind, Records

PIPELINE: Final = "playback"
#: When the clock of "first rollback" began, in Unix seconds: `make` sets it before the set-up.
STARTED_AT: Final = "GENNAKER_DEMO_STARTED_AT"
_PATIENCE: Final = timedelta(minutes=15)
_TELLING: Final = {
    "1.0.0": "1.0 is the first release: nothing to compare with, it becomes stable",
    "1.1.0": "1.1 is good: it passes the canary and reaches 100 % in every region",
    "1.2.0": "1.2 fails a share of its requests: rolled back at the canary",
    "1.3.0": "1.3 is slow in eu-central-1 only, under load: rolled back there alone",
}


@dataclass(slots=True)
class Teller:
    """The demo under way.

    Args:
        console: where it is told.
        client: to Airflow.
        load: the load's counts; it runs from the second release on, when there is something to ask.
        started_at: when its clock began, Unix seconds.
    """

    console: Console
    client: AirflowClient
    load: Load
    started_at: float
    first_rollback_s: float | None = None

    def release(self, version: str, source: Path) -> ReleaseScore:
        """Ships one release and follows it to its end."""
        self.console.print(f"\n[bold]{_TELLING[version]}[/bold]")
        before, began = self.load.counted(), time.monotonic()
        run_id = self.client.trigger(PIPELINE, {"artifact_playback": str(source)}, note=_TELLING[version])
        ending = self._follow(run_id)
        minutes = (time.monotonic() - began) / 60
        if ending.verdict != "promoted" and self.first_rollback_s is None:
            self.first_rollback_s = time.time() - self.started_at
        self.console.print(f"  {ending.verdict}: {ending.reason}", highlight=False, markup=False)
        return self._score(version, run_id, ending, minutes, before)

    def _follow(self, run_id: str) -> Ending:
        total = len(self.client.task_instances(PIPELINE, run_id)) or 1
        columns = (TextColumn("  {task.description:<44}"), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            bar = progress.add_task("", total=total)

            def tell(task: str, state: str) -> None:
                if state in ("success", "failed", "skipped", "upstream_failed"):
                    progress.advance(bar)
                else:
                    progress.update(bar, description=f"{task} {state}")

            return follow(self.client, PIPELINE, run_id, tell, _PATIENCE)

    def _score(self, version: str, run_id: str, ending: Ending, minutes: float, before: Counted) -> ReleaseScore:
        run = f"{PIPELINE}/{run_id}"
        records = Records.open()
        regions = _regions(records, run)
        decisions = records.search(kind=Kind.DECISION, run=run)
        zeros = [float(str(r.body["seconds_to_zero"])) for r in decisions if r.body["seconds_to_zero"] is not None]
        failing = [r.subject.region for r in decisions if r.body["seconds_to_zero"] is not None]
        lasted = [s for region in failing if (s := self.load.seconds_of(version, region)) is not None]
        counted = self.load.counted().since(before)
        return ReleaseScore(
            version=version,
            verdict=ending.verdict,
            promoted_regions=tuple(sorted(r for r, s in regions.items() if s == ChangeState.PROMOTED)),
            rolled_back_regions=tuple(sorted(r for r, s in regions.items() if s == ChangeState.ROLLED_BACK)),
            reason=ending.reason,
            minutes=round(minutes, 2),
            requests=counted.requests,
            requests_lost=counted.lost,
            decision_to_zero_s=round(max(zeros), 3) if zeros else None,
            first_failure_to_zero_s=round(max(lasted), 1) if lasted else None,
        )


def tell(console: Console) -> Score:
    """Runs the whole demo and returns its score; the stack is left running."""
    began = time.monotonic()
    started_at = float(os.environ.get(STARTED_AT) or time.time())
    with console.status("starting Airflow, MLflow and the local cloud"):
        settings = stack.up()
    healthy_s = time.monotonic() - began
    console.print(f"The stack is healthy after {healthy_s:.0f} s: {settings.airflow_url}")
    program = dags_folder().parent / "docker" / "demo"
    sources: Mapping[str, Path] = runpy.run_path(str(program / "releases.py"))["make_releases"](home() / "demo")
    client = AirflowClient()
    client.unpause(PIPELINE, patience=timedelta(minutes=2))
    client.unpause("converge", patience=timedelta(minutes=1))
    teller = Teller(console, client, Load(home() / "demo" / "load.json"), started_at)
    first, *later = _TELLING
    releases = [teller.release(first, sources[first])]
    with load(program / "load.py", _targets(), teller.load.out):
        releases += [teller.release(version, sources[version]) for version in later]
    counted = teller.load.counted()
    score = Score(
        seconds_to_stack_healthy=round(healthy_s, 1),
        seconds_to_first_rollback=round(teller.first_rollback_s, 1) if teller.first_rollback_s else None,
        requests_total=counted.requests,
        requests_lost=counted.lost,
        releases=tuple(releases),
    )
    write_atomically(home() / "demo.json", json.dumps(score.to_json(), indent=2) + "\n")
    console.print()
    console.print(table(releases))
    for line in teller.load.lost_kinds():
        console.print(f"lost: {line}", highlight=False, markup=False)
    return score


def _targets() -> dict[str, str]:
    cloud = open_cloud("local")
    return {region: cloud.address(Cluster(PIPELINE, "production", region)) for region in REGIONS}


def _regions(records: Records, run: str) -> dict[str, str]:
    found = records.search(kind=Kind.DEPLOYMENT, run=run, environment="production")
    return {record.subject.region: str(record.body["state"]) for record in found}
