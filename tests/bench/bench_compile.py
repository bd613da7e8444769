"""How long reading, checking and compiling many pipelines of 12 stages takes; prints one line of JSON.

Run as `python tests/bench/bench_compile.py [--out FILE] [COUNTS...]`. Times are medians of
processor time and of wall time; on a busy machine only processor time means anything.
`bare_airflow` is what Airflow alone takes to make as many empty tasks with the same edges.
"""

import gc
import json
import os
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

# Airflow writes its settings into its home when it is imported.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="gennaker-airflow-"))

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from gennaker.compile import compile_pipeline
from gennaker.read import load

#: Enough repeats that one pause of the machine does not decide the median.
REPEATS: Final = 5
COUNTS: Final = (100, 200, 500, 1000)
PIPELINE: Final = """\
pipeline: service-{number}
description: Service {number}, delivered
owners: [team-{number}]
triggers:
  - schedule: {{cron: "0 10 * * MON-FRI", timezone: America/Los_Angeles}}
artifacts:
  service-{number}: {{type: directory, path: services/{number}}}
stages:
  - bake-image: {{os: ubuntu-22, jdk: 17}}
  - deploy: {{environment: test}}
  - integration-tests: {{command: "python -m pytest -q smoke"}}
  - deploy: {{name: deploy-staging, environment: staging}}
  - integration-tests: {{name: tests-of-staging, http: {{path: /healthz}}}}
  - wait: {{duration: 5m}}
  - window: {{window: office-hours}}
  - manual-judgment: {{approvers: [admin], instructions: Go on?}}
  - automated-canary: {{environment: production, metrics: [latency, error_rate], traffic: 10%}}
  - progressive-rollout: {{environment: production, regions: [us-east-1], ramp: [5%, 50%, 100%]}}
  - wait: {{name: soak, duration: 1h}}
  - finish-and-archive
"""
SURROUNDINGS: Final = {
    "environments/test.yaml": "environment: test\nregions: [us-east-1]\n",
    "environments/staging.yaml": "environment: staging\nregions: [us-east-1]\n",
    "environments/production.yaml": "environment: production\nregions: [us-east-1, us-west-2, eu-central-1]\n",
    "policies/windows.yaml": 'windows:\n  office-hours: {days: MON-FRI, from: "09:00", to: "17:00"}\n',
    "canaries/standard.yaml": "alpha: 0.01\n",
}


def write(folder: Path, count: int) -> None:
    """Writes `count` pipelines of 12 stages, and what they lean on, below `folder`."""
    files = {f"pipelines/service-{number}.yaml": PIPELINE.format(number=number) for number in range(count)}
    for name, text in {**SURROUNDINGS, **files}.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


class Clock:
    """Milliseconds of processor and wall time that pieces of work took, over many repeats."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    def run(self, name: str, work: Callable[[], Any], per: int = 1) -> Any:
        """Does the work and keeps its time under a name, divided by `per`."""
        wall, processor = time.perf_counter(), time.process_time()
        made = work()
        self._taken.setdefault(f"{name}_ms", []).append((time.process_time() - processor) * 1e3 / per)
        self._taken.setdefault(f"{name}_wall_ms", []).append((time.perf_counter() - wall) * 1e3 / per)
        return made

    def medians(self) -> dict[str, float]:
        """The median of each, by name."""
        return {name: round(statistics.median(taken), 3) for name, taken in self._taken.items()}


def measure(count: int, repeats: int = REPEATS) -> dict[str, float]:
    """Milliseconds a pipeline for all of `count`, and for a worker that needs only one of them."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        pipeline = load(folder).resolve("service-0")
        model = compile_pipeline(pipeline)  # what is imported at first use is paid for here
        for _ in range(repeats):
            clock.run("only_one_of_them", lambda: compile_pipeline(load(folder).resolve(f"service-{count - 1}")))
            library = load(folder)
            pipelines = clock.run(
                "read_and_check", lambda found=library: [found.resolve(name) for name in found.pipelines()], count
            )
            clock.run("compile", lambda found=pipelines: list(map(compile_pipeline, found)), count)
            clock.run("bare_airflow", lambda: [bare(model) for _ in range(count)], count)
            gc.collect()  # what one repeat leaves behind is not the next one's cost
    sizes = {"pipelines": count, "stages": len(pipeline.stages), "tasks": len(model.tasks)}
    return {**sizes, **clock.medians()}


def bare(model: DAG) -> DAG:
    """A DAG of empty tasks with the edges of the model."""
    with DAG("bare", schedule=None) as dag:
        tasks = {task_id: EmptyOperator(task_id=task_id) for task_id in model.task_ids}
        for task_id, task in tasks.items():
            task.set_upstream([tasks[before] for before in sorted(model.get_task(task_id).upstream_task_ids)])
    return dag


def growth(results: list[dict[str, float]]) -> float:
    """What a pipeline costs among the most, as a multiple of what it costs among the fewest; 1 is linear."""
    fewest, most = (result["read_and_check_ms"] + result["compile_ms"] for result in (results[0], results[-1]))
    return round(most / fewest, 2)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--out", type=Path, help="file to write to; standard output when not given")
    told = parser.parse_args()
    measured = [measure(count) for count in told.counts]
    text = json.dumps({"benchmark": "compile", "results": measured, "growth": growth(measured)})
    if told.out:
        told.out.write_text(text + "\n")
    else:
        sys.stdout.write(text + "\n")
