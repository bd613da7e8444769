"""The report of a judgment: one HTML file for people, shown in Airflow and kept in MLflow."""

import json

from canary import CanaryConfig
from canary.report import render_report
from operators.atomic_file import write_atomically
from operators.home import home
from operators.memory import Memory
from operators.records import Records
from operators.watch import Outcome, Watch, stored_looks


def write_report(watch: Watch, outcome: Outcome, records: Records, task_id: str) -> None:
    """Writes the report of a judgment, and ends its MLflow run; safe to repeat."""
    looks = stored_looks(records, watch.judgment)
    config = CanaryConfig.model_validate(watch.config)
    subject = watch.subject
    facts = {
        "Service": subject["service"],
        "Region": f"{watch.region} ({watch.environment['name']})",
        "Run": subject["run"],
        "Control": watch.control,
        "Canary": watch.canary,
    }
    if outcome.seconds_to_zero is not None:
        facts["From the deciding look to 0 % traffic"] = f"{outcome.seconds_to_zero:.2f} s"
    title = f"{subject['service']} in {watch.region}: {subject['stage']}"
    judgment = outcome.judgment
    page = render_report(config, looks, judgment, title=title, facts=facts)
    dag_id, _, run_id = subject["run"].partition("/")
    index = {
        "dag_id": dag_id,
        "run_id": run_id,
        "task_id": task_id,
        "title": title,
        "verdict": judgment.verdict.value,
        "reason": judgment.reason,
    }
    folder = home() / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{watch.judgment}.html", page)
    write_atomically(folder / f"{watch.judgment}.json", json.dumps(index, indent=2))
    Memory(records).end(
        watch.judgment,
        verdict=judgment.verdict.value,
        tags={"reason": judgment.reason, "decided_by": judgment.decided_by},
        report_html=page,
        artifacts={"judgment.json": judgment.to_json()},
    )
