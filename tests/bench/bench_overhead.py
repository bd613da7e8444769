"""Scheduler overhead: what a pipeline costs besides its deliberate waiting, on a stack of its own.

`python tests/bench/bench_overhead.py [OUT.json]` starts a stack in a temporary folder, runs a chain
of waits (each is a task that starts, defers and resumes) and a chain without waiting (one bake and
HTTP checks, each a task of its own) three times each, and stops the stack. The figure is
(wall time of the run - deliberate waiting) / tasks on the critical path.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

PROJECT = Path(__file__).parents[2]
WAITS, WAIT_S, CHECKS, RUNS = 8, 1, 8, 3
SOON = timedelta(minutes=3)


def pipelines() -> dict[str, str]:
    """The two chains, as pipeline files."""
    head = "owners: [bench]\nartifacts:\n  playback: {path: docker/demo/playback}\nstages:\n"
    waits = "".join(f"  - wait: {{name: wait-{n}, duration: {WAIT_S}s}}\n" for n in range(WAITS))
    check = "{{name: check-{n}, http: {{path: /healthz}}}}"
    checks = "".join(f"  - integration-tests: {check.format(n=n)}\n" for n in range(CHECKS))
    return {
        "waiting": f"pipeline: waiting\n{head}{waits}",
        "working": f"pipeline: working\n{head}  - bake-image\n  - deploy: {{environment: test}}\n{checks}",
    }


def measured(client: object, name: str, waiting_s: float, tasks: int) -> dict[str, object]:
    """Overhead per task of each run of a pipeline, in seconds."""
    from gennaker.stack.client import AirflowClient

    assert isinstance(client, AirflowClient)
    client.unpause(name, SOON)
    overheads = []
    for _ in range(RUNS):
        run = client.wait(name, client.trigger(name), SOON)
        assert run.state == "success", run
        assert run.began_at
        assert run.ended_at
        overheads.append(((run.ended_at - run.began_at).total_seconds() - waiting_s) / tasks)
    return {"tasks": tasks, "overhead_s_per_task": overheads, "median": statistics.median(overheads)}


def main() -> None:
    """Runs the benchmark."""
    folder = Path(tempfile.mkdtemp(prefix="gennaker-bench-"))
    dags = folder / "dags"
    shutil.copytree(PROJECT / "dags", dags, ignore=shutil.ignore_patterns("gennaker", "__pycache__"))
    (folder / "docker").symlink_to(PROJECT / "docker")
    for name, text in pipelines().items():
        (dags / "pipelines" / f"{name}.yaml").write_text(text)
    os.environ |= {"GENNAKER_HOME": str(folder / "home"), "GENNAKER_DAGS": str(dags)}
    from gennaker.stack import stack
    from gennaker.stack.client import AirflowClient

    try:
        stack.up()
        client = AirflowClient()
        said = {
            "waiting": measured(client, "waiting", WAITS * WAIT_S, WAITS + 1),
            "working": measured(client, "working", 0, CHECKS + 3),
        }
    finally:
        stack.down()
        shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(said, indent=2)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
