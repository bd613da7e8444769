"""Converge: whatever a dead run left, at whatever point, is brought to an end once."""

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse

from operators.change import Change, ChangeState
from operators.converge import Converge
from operators.errors import CloudError, GroupNotReady
from operators.finish_and_archive import FinishAndArchive
from operators.records import Kind, Records
from operators.runs import RunVerdict, open_runs
from tests.fakes.cloud import MemoryCloud
from tests.fakes.context import a_context, run
from tests.fakes.release import CLUSTER, REGIONS, a_change, a_run, a_scope, a_stable_group, an_open_run, groups_of

ROLLOUT = ("begin", "create", "ramp-5", "ramp-50", "cut", "promote")
CANARY = ("begin", "create-baseline", "create-canary", "share", "cut", "end")


class Killed(BaseException):
    """What happens to a worker, as far as Python can tell."""


class DyingCloud(MemoryCloud):
    """A cloud whose caller is killed in the call that would change it, before or after the change is made."""

    calls_left: int = 0
    dies_after: bool = False

    def create(self, *told: Any) -> Any:
        return self._deadly(super().create, *told)

    def route(self, *told: Any) -> None:
        self._deadly(super().route, *told)

    def destroy(self, *told: Any) -> None:
        self._deadly(super().destroy, *told)

    def _deadly(self, change: Callable[..., Any], *told: Any) -> Any:
        self.calls_left -= 1
        if self.calls_left == 0 and not self.dies_after:
            raise Killed
        answer = change(*told)
        if self.calls_left == 0:
            raise Killed
        return answer


def converge(**runs: str | Exception) -> list[str]:
    """What a round of converging says it did, while Airflow says so of the pipeline's runs."""
    states = {f"playback/{run_id.removeprefix('run_')}": state for run_id, state in runs.items()}
    done: list[str] = run(Converge(task_id="converge"), a_context("converge", runs=states))
    return done


def roll_out(change: Change, old: str, until: str) -> None:
    change.begin()
    if until == "begin":
        return
    group = change.create(image="sha256:new", capacity=2, health_path="/healthz")
    for percent in (5, 50):
        if ROLLOUT.index(until) >= ROLLOUT.index(f"ramp-{percent}"):
            change.route(f"ramp-{percent}", {group: percent, old: 100 - percent})
    if until == "cut":
        change.cut("harm")
    elif until == "promote":
        change.promote(group, "good")


def compare(change: Change, old: str, until: str) -> None:
    change.begin()
    groups = [
        change.create(image=f"sha256:{detail}", capacity=1, health_path="/healthz", detail=detail)
        for detail in ("baseline", "canary")
        if CANARY.index(until) >= CANARY.index(f"create-{detail}")
    ]
    if CANARY.index(until) >= CANARY.index("share"):
        change.route("share", {old: 80, groups[0]: 10, groups[1]: 10})
    if until == "cut":
        change.cut("harm")
    elif until == "end":
        change.end_comparison()


def assert_converged(records: Records, cloud: MemoryCloud, stage: str, old: str) -> None:
    """The change is at an end, the cluster is whole, and a second round finds nothing to do."""
    state = a_change(records, cloud, stage).state()
    assert state is not ChangeState.OPEN
    (with_traffic,) = cloud.weights(CLUSTER)
    if state is not ChangeState.PROMOTED:
        assert (with_traffic, groups_of(cloud)) == (old, [old])
    assert cloud.weights(CLUSTER) == {with_traffic: 100}
    assert a_run(records).conclusion() is not None
    assert records.leases.all() == []
    assert open_runs(records) == []
    written, splits = len(records.search()), list(cloud.history)
    assert converge(run_1="failed") == []
    assert (len(records.search()), cloud.history) == (written, splits)


@pytest.mark.parametrize("until", ROLLOUT)
def test_invariant_2_always_converges_a_rollout_that_died_after_any_step_is_ended(
    until: str, records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    roll_out(a_change(records, cloud, "rollout"), old, until)
    done = converge(run_1="failed")
    expected = {"begin": "untouched", "promote": "promoted"}.get(until, "rolled back")
    assert done[0] == f"playback/1: rollout/us-east-1 {expected}"
    assert_converged(records, cloud, "rollout", old)


@pytest.mark.parametrize("until", CANARY)
def test_invariant_2_always_converges_a_canary_that_died_after_any_step_is_ended(
    until: str, records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    compare(a_change(records, cloud, "canary"), old, until)
    assert converge(run_1="failed")[0] == "playback/1: canary/us-east-1 untouched"
    assert_converged(records, cloud, "canary", old)


@pytest.mark.parametrize("dies_after", [False, True], ids=["before the change", "after the change"])
@pytest.mark.parametrize("call", range(1, 5))
@pytest.mark.parametrize(
    ("stage", "walk", "until"),
    [("rollout", roll_out, "promote"), ("rollout", roll_out, "cut"), ("canary", compare, "end")],
    ids=["promotion", "rollback", "canary"],
)
def test_invariant_2_always_converges_from_inside_any_change_of_the_world(
    stage: str,
    walk: Callable[[Change, str, str], None],
    until: str,
    call: int,
    dies_after: bool,
    records: Records,
    cloud: MemoryCloud,
) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    cloud.__class__ = DyingCloud
    vars(cloud).update(calls_left=call, dies_after=dies_after)
    with pytest.raises(Killed):
        walk(a_change(records, cloud, stage), old, until)
    assert records.journal.unfinished("playback/1")
    converge(run_1="failed")
    assert_converged(records, cloud, stage, old)


def test_a_living_run_is_left_alone(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    for run_id, state in (("1", "running"), ("2", "queued")):
        an_open_run(records, run_id)
        assert converge(run_1=state, run_2=state) == []
    roll_out(a_change(records, cloud, "rollout"), old, "ramp-50")
    splits = list(cloud.history)
    assert converge(run_1="running", run_2="queued") == []
    assert cloud.history == splits
    assert len(open_runs(records)) == 2


@pytest.mark.parametrize("state", ["success", "failed", "gone"])
def test_a_run_that_airflow_will_not_finish_any_more_is_closed_with_its_reason(
    state: str, records: Records, cloud: MemoryCloud
) -> None:
    gone = AirflowRuntimeError(
        ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"detail": {"reason": "not_found"}})
    )
    an_open_run(records)
    converge(run_1=gone if state == "gone" else state)
    conclusion = a_run(records).conclusion()
    assert conclusion is not None
    assert conclusion.verdict is RunVerdict.FAILED
    assert conclusion.reason.startswith("the run ended without finishing")


def test_a_dead_run_that_had_turned_back_keeps_its_reason(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records).turn_back("canary", "too many errors")
    converge(run_1="failed")
    conclusion = a_run(records).conclusion()
    assert conclusion is not None
    assert (conclusion.verdict, conclusion.reason) == (RunVerdict.ROLLED_BACK, "too many errors")


def test_what_was_done_is_said_and_recorded(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    roll_out(a_change(records, cloud, "rollout"), old, "ramp-5")
    done = converge(run_1="failed")
    assert done == [
        "playback/1: rollout/us-east-1 rolled back",
        "playback/1: closed as rolled back: rollout in us-east-1",
    ]
    (record,) = records.search(kind=Kind.CONVERGED)
    assert record.body == {"did": done}


def test_a_run_that_cannot_be_settled_does_not_keep_others_from_it(records: Records, cloud: MemoryCloud) -> None:
    stuck = a_stable_group(records, cloud, REGIONS[0])
    other = a_stable_group(records, cloud, REGIONS[1])
    an_open_run(records, "1")
    roll_out(a_change(records, cloud, "rollout", "1", REGIONS[0]), stuck, "ramp-50")
    an_open_run(records, "2")
    roll_out(a_change(records, cloud, "rollout", "2", REGIONS[1]), other, "ramp-50")

    class HalfBroken(MemoryCloud):
        def route(self, cluster: Any, *rest: Any) -> None:
            if cluster.region == REGIONS[0]:
                raise CloudError("the router does not answer")
            super().route(cluster, *rest)

    cloud.__class__ = HalfBroken
    assert converge(run_1="failed", run_2="failed")[0] == "playback/2: rollout/us-west-2 rolled back"
    assert [each.subject.run for each in open_runs(records)] == ["playback/1"]
    cloud.__class__ = MemoryCloud
    assert converge(run_1="failed")[0] == "playback/1: rollout/us-east-1 rolled back"


def test_a_group_that_the_cloud_will_never_make_does_not_keep_the_run_open(
    records: Records, cloud: MemoryCloud
) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    cloud.broken.add("create")
    with pytest.raises(CloudError):
        roll_out(a_change(records, cloud, "rollout"), old, "create")
    assert converge(run_1="failed")[0] == "playback/1: rollout/us-east-1 rolled back"
    assert_converged(records, cloud, "rollout", old)


def test_a_promotion_that_came_after_harm_goes_back(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    change = a_change(records, cloud, "rollout")
    roll_out(change, old, "cut")
    with pytest.raises(Exception, match="was cut"):
        change.promote(change.created()[0], "late")
    converge(run_1="failed")
    assert a_change(records, cloud, "rollout").state() is ChangeState.ROLLED_BACK
    assert_converged(records, cloud, "rollout", old)


def test_a_promotion_whose_group_died_meanwhile_goes_back(records: Records, cloud: MemoryCloud) -> None:
    old = a_stable_group(records, cloud)
    an_open_run(records)
    change = a_change(records, cloud, "rollout")
    roll_out(change, old, "ramp-50")
    cloud.sick.add(change.created()[0])
    with pytest.raises(GroupNotReady):
        change.promote(change.created()[0], "good")
    converge(run_1="failed")
    assert a_change(records, cloud, "rollout").state() is ChangeState.ROLLED_BACK
    assert_converged(records, cloud, "rollout", old)


def test_a_lease_that_was_taken_while_its_run_was_closed_is_given_back(records: Records, cloud: MemoryCloud) -> None:
    an_open_run(records)
    run(FinishAndArchive(task_id="f", scope=a_scope("f"), keep_groups=1, keep_images=1), a_context())
    records.leases.take(str(CLUSTER), "playback/1")
    records.leases.take("playback/test/us-east-1", "playback/2")
    assert converge() == ["playback/1: gave back playback/production/us-east-1"]
    assert [lease.run for lease in records.leases.all()] == ["playback/2"]
