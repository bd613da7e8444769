"""How long reading, expanding and checking many pipelines takes; prints one line of JSON.

Run as `python tests/bench/bench_read.py [PIPELINES...]`. The time is processor time, so that
a busy machine does not matter.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from gennaker.read import load

PIPELINE = """\
pipeline: service-{number}
description: Service {number}, delivered
owners: [team-{number}]
triggers:
  - git: {{repo: example/service-{number}, branch: main}}
  - schedule: {{cron: "0 10 * * MON-FRI", timezone: America/Los_Angeles}}
artifacts:
  service-{number}: {{type: directory, path: services/{number}}}
stages:
  - bake-image: {{os: ubuntu-22, jdk: 17}}
  - deploy: {{environment: test}}
  - integration-tests: {{command: "python -m pytest -q smoke"}}
  - deploy: {{name: deploy-again, environment: test, strategy: highlander}}
  - integration-tests: {{name: http-tests, http: {{path: /healthz, status: 200}}}}
  - wait: {{duration: 5m}}
  - manual-judgment: {{approvers: [admin], instructions: Go on?}}
  - window: {{window: office-hours}}
  - automated-canary: {{environment: production, metrics: [latency, error_rate], traffic: 10%}}
  - progressive-rollout:
      environment: production
      regions: [us-east-1, us-west-2, eu-central-1]
      ramp: [5%, 20%, 50%, 100%]
      window: office-hours
  - integration-tests: {{name: last-tests, http: {{path: /}}, when: "run.kind == 'manual'"}}
  - finish-and-archive
"""
SURROUNDINGS = {
    "environments/test.yaml": "environment: test\nregions: [us-east-1]\n",
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


def measure(count: int) -> dict[str, float]:
    """Milliseconds a pipeline for reading all of `count`, and for reading only one of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        load(folder).resolve("service-0")  # imports are not what is measured
        start = time.process_time()
        library = load(folder)
        for pipeline in library.pipelines():
            library.resolve(pipeline)
        all_ms = (time.process_time() - start) * 1e3
        start = time.process_time()
        load(folder).resolve(f"service-{count - 1}")
        one_ms = (time.process_time() - start) * 1e3
    return {"pipelines": count, "ms_each": round(all_ms / count, 3), "ms_only_one_of_them": round(one_ms, 3)}


if __name__ == "__main__":
    counts = [int(word) for word in sys.argv[1:]] or [100, 1000]
    print(json.dumps({"benchmark": "read", "results": [measure(count) for count in counts]}))
