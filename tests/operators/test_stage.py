"""A stage begins only when it still should: not turned back, wanted, free to change, and in its window."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from operators.change import Change
from operators.errors import ConditionError
from operators.records import Kind, Records
from operators.runs import Conclusion, RunVerdict
from operators.stage import LEASE_PATIENCE, ClusterOperator, StageOperator, local_path
from operators.triggers import LeaseTrigger
from operators.windows import Calendar
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, deferral, fire, resume, resumed_deferral, run
from tests.fakes.release import ALWAYS, CLUSTER, a_change, a_run, a_scope, closed_for, told


class Greet(StageOperator):
    """A stage that only says hello."""

    def execute(self, context: Context) -> str:
        self.enter(context)
        return "hello"


class Touch(ClusterOperator):
    """A stage that only begins a change."""

    def start(self, context: Context, change: Change) -> str:
        return str(change.cluster)


def a_greeting(when: str = "") -> Greet:
    return Greet(task_id="greet", scope=a_scope("greet", when))


def a_touch(**more: Any) -> Touch:
    return Touch(**told("touch", **more))


def test_what_the_trigger_said_of_the_release_is_in_the_record_that_opens_the_run(records: Records) -> None:
    context = a_context()
    context["dag_run"].conf = {"hot_fix": True, "truth": "Bad", "size": 3}
    a_greeting().execute(context)
    body = records.search(kind=Kind.RUN)[0].body
    assert (body["hot_fix"], body["truth"], "size" in body) == ("true", "bad", False)


def test_a_stage_opens_the_run_in_the_records_once(records: Records) -> None:
    for _ in range(2):
        assert run(a_greeting(), a_context()) == "hello"
    (opened,) = records.search(kind=Kind.RUN, run="playback/1")
    facts = {"state": "opened", "definition": "sha256:definition", "run_type": "manual"}
    assert facts.items() <= opened.body.items()


@pytest.mark.parametrize("task", [a_greeting(), a_touch()], ids=lambda task: type(task).__name__)
def test_a_run_that_turned_back_skips_every_later_stage(task: StageOperator, records: Records) -> None:
    a_run(records).turn_back("canary", "canary: too many errors")
    with pytest.raises(AirflowSkipException, match="turned back: canary: too many errors"):
        run(task, a_context())


def test_an_optional_stage_that_fails_does_not_turn_the_run_back(records: Records) -> None:
    scope = replace(a_scope("greet"), is_optional=True)
    Greet(task_id="greet", scope=scope).turn_back(a_context(), "nobody to greet")
    assert a_run(records).turned_back() is None


def test_the_first_reason_to_turn_back_is_believed(records: Records) -> None:
    a_run(records).turn_back("canary", "too many errors")
    a_run(records).turn_back("approve", "alice said no")
    assert a_run(records).turned_back() == "too many errors"


def test_a_run_that_was_closed_is_not_taken_up_again(records: Records) -> None:
    run(a_greeting(), a_context())
    a_run(records).close(Conclusion(RunVerdict.FAILED, "the run ended without finishing"))
    with pytest.raises(AirflowSkipException, match="closed as failed: the run ended without finishing"):
        run(a_greeting(), a_context())


@pytest.mark.parametrize(
    ("when", "params"),
    [
        ("params.canary", {"canary": False}),
        ("run.type == 'scheduled'", {}),
        ("artifacts.playback != 'docker/demo/playback'", {"artifact_playback": "docker/demo/playback"}),
    ],
)
def test_a_stage_whose_condition_does_not_hold_is_skipped(
    when: str, params: Mapping[str, Any], records: Records
) -> None:
    with pytest.raises(AirflowSkipException, match="does not hold"):
        run(a_greeting(when), a_context(params=params))


@pytest.mark.parametrize("when", ["", "params.canary", "run.id == '1' and artifacts.playback"])
def test_a_stage_whose_condition_holds_runs(when: str, records: Records) -> None:
    assert run(a_greeting(when), a_context(params={"canary": True, "artifact_playback": "x"})) == "hello"


@pytest.mark.parametrize("when", ["params.missing", "params.size > 'large'", "nonsense", "1 / 0", "params.size +"])
def test_a_condition_that_cannot_be_evaluated_is_an_error_and_never_a_silent_skip(when: str, records: Records) -> None:
    with pytest.raises(ConditionError, match="cannot be evaluated"):
        run(a_greeting(when), a_context(params={"size": 3}))


def test_a_condition_cannot_reach_outside_what_it_is_given(records: Records) -> None:
    with pytest.raises(ConditionError):
        run(a_greeting("params.__class__.__mro__[1].__subclasses__()"), a_context(params={"size": 3}))


def test_invariant_8_one_at_a_time_a_stage_waits_without_a_slot_while_another_run_has_the_cluster(
    records: Records, cloud: MemoryCloud
) -> None:
    a_change(records, cloud, "touch", run_id="other").begin()
    task, context = a_touch(), a_context()
    parked = deferral(task, context)
    assert isinstance(parked.trigger, LeaseTrigger)
    assert resumed_deferral(task, context, parked, {"cluster": str(CLUSTER)}).method_name == "begin"
    records.leases.release(str(CLUSTER), "playback/other")
    assert resume(task, context, parked, fire(parked.trigger)) == str(CLUSTER)
    assert records.leases.holder(str(CLUSTER)) == "playback/1"


def test_invariant_8_one_at_a_time_a_run_that_waited_too_long_is_refused_by_the_name_of_the_holder_for_good(
    records: Records, cloud: MemoryCloud
) -> None:
    a_change(records, cloud, "touch", run_id="other").begin()
    task, context = a_touch(), a_context()
    parked = deferral(task, context)
    assert isinstance(parked.trigger, LeaseTrigger)
    assert timedelta(0) <= LEASE_PATIENCE - (parked.trigger.deadline - datetime.now(UTC)) < timedelta(minutes=1)
    event = fire(LeaseTrigger(parked.trigger.cluster, deadline=datetime.now(UTC)))
    with pytest.raises(AirflowFailException, match=f"playback/other has been changing {CLUSTER}"):
        resume(task, context, parked, event)
    assert records.leases.holder(str(CLUSTER)) == "playback/other"


def test_a_run_that_turned_back_while_a_stage_waited_for_its_lease_changes_nothing(
    records: Records, cloud: MemoryCloud
) -> None:
    a_change(records, cloud, "touch", run_id="other").begin()
    task, context = a_touch(), a_context()
    parked = deferral(task, context)
    records.leases.release(str(CLUSTER), "playback/other")
    a_run(records).turn_back("approve", "alice rejected it")
    with pytest.raises(AirflowSkipException, match="alice rejected it"):
        resume(task, context, parked, {"cluster": str(CLUSTER)})
    assert records.leases.holder(str(CLUSTER)) is None


def test_invariant_9_checked_twice_a_closed_window_defers_until_it_opens_and_is_asked_again(
    records: Records, cloud: MemoryCloud
) -> None:
    task, context = a_touch(calendar=closed_for(timedelta(hours=2))), a_context()
    parked = deferral(task, context)
    assert isinstance(parked.trigger, DateTimeTrigger)
    assert timedelta(minutes=119) < parked.trigger.moment - datetime.now(UTC) <= timedelta(hours=2)
    assert resumed_deferral(task, context, parked, None).method_name == "begin"
    assert records.leases.holder(str(CLUSTER)) is None
    task.calendar = ALWAYS
    assert resume(task, context, parked, None) == str(CLUSTER)


def test_a_calendar_that_never_opens_fails_the_stage(records: Records, cloud: MemoryCloud) -> None:
    windows = [{"days": [day], "from": "09:00", "to": "17:00"} for day in ("MON", "TUE")]
    calendar = Calendar.model_validate({"windows": windows}).model_dump(mode="json")
    with pytest.raises(AirflowFailException, match="never open"):
        run(a_touch(calendar=calendar), a_context())


def test_a_relative_source_counts_from_the_project_that_holds_the_dag_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENNAKER_DAGS", str(tmp_path / "dags"))
    assert local_path("docker/demo") == tmp_path / "docker" / "demo"
    assert local_path("/srv/playback") == Path("/srv/playback")
