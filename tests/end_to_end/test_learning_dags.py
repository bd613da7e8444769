"""The DAGs of labels and housekeeping as Airflow runs them."""

from datetime import timedelta

import pytest

from operators.records import Kind, Records, Subject

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

SOON = timedelta(seconds=90)
RUN = "learned/manual__1"


def _a_release(records: Records) -> None:
    """A release that was judged and promoted."""
    subject = Subject(run=RUN, pipeline="learned", service="learned")
    place = Subject(RUN, "learned", "learned", "production", "us-east-1", "ramp")
    records.append(Kind.RUN, subject, {"state": "opened"})
    records.append(Kind.DECISION, place, {"judgment_id": "learned.manual__1.ramp.us-east-1", "looks": 1})
    records.append(Kind.DEPLOYMENT, place, {"state": "promoted", "groups": []})
    records.append(Kind.RUN, subject, {"state": "closed", "verdict": "promoted"})


def _ended(stack, dag_id: str, **conf: object) -> dict[str, str]:
    stack.client.unpause(dag_id, SOON)
    run_id = stack.client.trigger(dag_id, conf)
    assert stack.client.wait(dag_id, run_id, SOON).state == "success"
    return {task.task_id: task.state for task in stack.client.task_instances(dag_id, run_id)}


def _news(stack) -> list[int]:
    told = stack.client.connection.get("/assets/events")["asset_events"]
    return [event["extra"]["labelled"] for event in told if event["source_dag_id"] == "label_outcomes"]


def test_outcomes_are_labelled_by_the_parameters_of_the_run_and_told_once(stack) -> None:
    records = Records.open()
    _a_release(records)
    assert _ended(stack, "label_outcomes", stable_days=0, every=1) == {"label": "success", "tell": "success"}
    (label,) = records.search(kind=Kind.LABEL, run=RUN)
    assert (label.body["truth"], label.body["source"]) == ("good", "stable")
    told = _news(stack)
    assert told[-1] >= 1
    assert _ended(stack, "label_outcomes", stable_days=0, every=1) == {"label": "success", "tell": "skipped"}
    assert len(records.search(kind=Kind.LABEL, run=RUN)) == 1
    assert _news(stack) == told


def test_housekeeping_removes_what_is_old_unless_it_runs_dry(stack) -> None:
    records = Records.open()
    records.looks.add("long-ago", 0, {"at": "2020-01-01T00:00:00+00:00"})
    assert _ended(stack, "housekeeping", dry_run=True) == {"keep_house": "success"}
    assert records.looks.has("long-ago")
    assert _ended(stack, "housekeeping") == {"keep_house": "success"}
    assert not records.looks.has("long-ago")
    (pruned,) = (r for r in records.search(kind=Kind.PRUNED) if r.body["what"] == "looks")
    assert pruned.body["count"] == 1


def test_no_risk_is_learned_from_too_few_releases(stack) -> None:
    skipped = dict.fromkeys(("train", "report", "register"), "skipped")
    assert _ended(stack, "train_risk") == {"export": "success", **skipped}
