"""The gate: where a verdict leads, and a person's word where there is none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from canary import Verdict
from operators.ask import Ask
from operators.choices import OnInconclusive
from operators.gate import Gate
from operators.records import Kind, Records
from tests.fakes.context import a_context, run
from tests.fakes.release import a_scope


def a_gate(policy: OnInconclusive) -> Gate:
    ways = {"judge": "judge", "promote": "promote", "roll_back": "roll-back", "ask": "ask"}
    return Gate(task_id="gate", scope=a_scope("canary"), on_inconclusive=policy, **ways)


@pytest.mark.parametrize("policy", OnInconclusive)
@pytest.mark.parametrize(
    ("verdict", "way"), [(Verdict.PASS, "promote"), (Verdict.FAIL, "roll-back"), (Verdict.ERROR, "roll-back")]
)
def test_a_decided_judgment_is_followed_whatever_the_policy(verdict: Verdict, way: str, policy: OnInconclusive) -> None:
    context = a_context(returned={"judge": {"verdict": verdict.value}})
    assert a_gate(policy).choose_branch(context) == way


@pytest.mark.parametrize(
    ("policy", "way"),
    [
        (OnInconclusive.PROMOTE, "promote"),
        (OnInconclusive.ROLLBACK, "roll-back"),
        (OnInconclusive.EXTEND, "roll-back"),
        (OnInconclusive.ASK, "ask"),
    ],
)
def test_invariant_5_without_evidence_the_pipelines_own_policy_decides(policy: OnInconclusive, way: str) -> None:
    context = a_context(returned={"judge": {"verdict": "INCONCLUSIVE"}})
    assert a_gate(policy).choose_branch(context) == way


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.ERROR])
@pytest.mark.parametrize("policy", OnInconclusive)
def test_a_risky_release_that_passed_is_for_a_person_where_the_stage_has_one(
    policy: OnInconclusive, verdict: Verdict
) -> None:
    context = a_context(returned={"judge": {"verdict": verdict.value, "ask": "a risk of 60 %"}})
    passed = "ask" if policy is OnInconclusive.ASK else "promote"
    assert a_gate(policy).choose_branch(context) == (passed if verdict is Verdict.PASS else "roll-back")


def answered(*options: str, by: str | None) -> dict[str, Any]:
    user = {"id": by, "name": by} if by else None
    at = datetime(2030, 1, 7, 12, tzinfo=UTC)
    return {"chosen_options": list(options), "params_input": {}, "responded_at": at, "responded_by_user": user}


@pytest.mark.parametrize(
    ("option", "by", "way"),
    [("Promote", "alice", "promote"), ("Roll back", "bob", "roll-back"), ("Roll back", None, "")],
)
def test_what_a_person_decides_is_recorded_and_followed(
    option: str, by: str | None, way: str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = {"judge": "judge", "promote": "promote", "roll_back": "roll-back"}
    ask = Ask(task_id="ask", scope=a_scope("canary"), approvers=["alice"], wait=timedelta(hours=1), **ways)
    followed: list[Any] = []
    monkeypatch.setattr(ask, "do_branch", lambda context, branches_to_execute: followed.extend(branches_to_execute))
    run(ask, a_context(), "execute_complete", event=answered(option, by=by))
    assert followed == [way or "roll-back"]
    (approval,) = records.search(kind=Kind.APPROVAL)
    assert approval.body == {"answer": option, "by": by or ""}
