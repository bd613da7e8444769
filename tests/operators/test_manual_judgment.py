"""Manual judgment: who said what, and when, is on record; only an approval goes on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput

from operators.manual_judgment import ManualJudgment
from operators.records import Kind, Records
from tests.fakes.context import a_context, run
from tests.fakes.release import a_run, a_scope

AT = datetime(2030, 1, 7, 12, tzinfo=UTC)


def a_judgment(*approvers: str) -> ManualJudgment:
    return ManualJudgment(
        task_id="approve",
        scope=a_scope("approve"),
        approvers=approvers,
        instructions="Look at the dashboard.",
        wait=timedelta(hours=4),
    )


def answered(option: str, by: str = "alice") -> dict[str, Any]:
    user = {"id": by, "name": by}
    return {"chosen_options": [option], "params_input": {}, "responded_at": AT, "responded_by_user": user}


def approvals(records: Records) -> list[Any]:
    return [record.body for record in records.search(kind=Kind.APPROVAL, stage="approve")]


def test_an_approval_is_recorded_with_who_and_when_and_goes_on(records: Records) -> None:
    answer = run(a_judgment("alice"), a_context(), "execute_complete", event=answered("Approve"))
    assert answer == {"answer": "Approve", "by": "alice"}
    assert approvals(records) == [{"answer": "Approve", "by": "alice", "at": AT.isoformat()}]
    assert a_run(records).turned_back() is None


def test_a_rejection_is_recorded_with_who_and_when_and_turns_the_run_back(records: Records) -> None:
    with pytest.raises(AirflowFailException, match="bob rejected approve"):
        run(a_judgment(), a_context(), "execute_complete", event=answered("Reject", by="bob"))
    assert approvals(records) == [{"answer": "Reject", "by": "bob", "at": AT.isoformat()}]
    assert a_run(records).turned_back() == "bob rejected approve"


def test_no_answer_in_time_is_recorded_and_turns_the_run_back(records: Records) -> None:
    event = {"error": "no answer", "error_type": "timeout"}
    with pytest.raises(AirflowFailException, match="nobody answered approve within 4:00:00"):
        run(a_judgment("alice"), a_context(), "execute_complete", event=event)
    (approval,) = records.search(kind=Kind.APPROVAL, stage="approve")
    assert approval.body == {"answer": "none", "by": "", "at": ""}
    assert datetime.now(UTC) - approval.at < timedelta(minutes=1)
    assert a_run(records).turned_back() == "nobody answered approve within 4:00:00"


def test_only_the_named_approvers_are_asked(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **told: asked.append(told))
    with pytest.raises(TaskAwaitingInput) as parked:
        run(a_judgment("alice", "bob"), a_context())
    assert parked.value.method_name == "execute_complete"
    assert [user["id"] for user in asked[0]["assigned_users"]] == ["alice", "bob"]
    assert (asked[0]["options"], asked[0]["body"]) == (["Approve", "Reject"], "Look at the dashboard.")


def test_nobody_is_asked_once_the_run_turned_back(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **told: asked.append(told))
    a_run(records).turn_back("canary", "too many errors")
    with pytest.raises(AirflowSkipException, match="too many errors"):
        run(a_judgment(), a_context())
    assert asked == []
