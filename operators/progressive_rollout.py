"""Progressive rollout: each region ramps up on its own and is watched new against old.

A region is `StartRegion -> RampRegion -> Gate -> PromoteRegion | RollBackRegion`, side by side
with the others or in waves. `SettleRollout` ends the stage: every region promoted, rolled back
or untouched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from canary import CanaryConfig, Verdict
from operators.change import Change, ChangeState
from operators.choices import OnInconclusive, OnRegionFailure
from operators.clouds import open_cloud
from operators.environment import Environment
from operators.judging import JudgingOperator
from operators.links import CanaryReport
from operators.memory import Memory
from operators.records import Kind, Records
from operators.reports import write_report
from operators.runs import Run, settle_all
from operators.stage import ClusterOperator, Scope, StageOperator
from operators.strategies import blend
from operators.watch import Outcome, Watch, begin_memory, judgment_id, record_decision
from operators.watch_trigger import WatchTrigger


class StartRegion(JudgingOperator):
    """Creates the region's new server group and waits for its health; no traffic moves yet.

    Args:
        capacity: instances of the new group.
        health_timeout: how long it may take to become healthy.
        on_region_failure: whether a region that rolled back keeps this one untouched.
    """

    def __init__(
        self,
        *,
        capacity: int,
        health_timeout: timedelta,
        on_region_failure: OnRegionFailure,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.capacity = capacity
        self.health_timeout = health_timeout
        self.on_region_failure = on_region_failure

    def start(self, context: Context, change: Change) -> Any:
        """Creates the group, unless another region's failure stops the rollout."""
        failed = rolled_back_regions(self.run_of(context), self.scope)
        if failed and self.on_region_failure is not OnRegionFailure.CONTINUE:
            change.records.leases.release(str(change.cluster), change.subject.run)
            raise AirflowSkipException(f"{self.region} stays untouched: {', '.join(failed)} rolled back")
        self.pin(change, change.roll_back)
        environment = Environment.from_json(self.environment)
        group = change.create(image=self.image, capacity=self.capacity, health_path=environment.health_path)
        self.log.info("created %s of %s, %s instances", group, self.image, self.capacity)
        return self.await_health(context, [group], self.health_timeout, then="proven", group=group)

    def proven(self, context: Context, event: Mapping[str, Any], group: str) -> str:
        """Returns the group's name, or rolls the region back when it never got healthy."""
        if event["why"]:
            reason = f"{group} did not become healthy in {self.health_timeout}: {event['why']}"
            self.change_of(context).roll_back(reason)
            raise AirflowFailException(reason)
        return group


class RampRegion(JudgingOperator):
    """Moves traffic up step by step and watches the new group against the old one at each.

    A step lasts its whole time, and on while the calendar is closed, unless harm is seen; then
    traffic is cut at once. Evidence of harm is carried through all steps; evidence of safety starts
    anew at each, as each is another load. The last step, 100 %, has nothing left to compare with
    and is not watched.

    Args:
        group: name of the new group (a template).
        ramp: rising percents, the last one 100.
        step_duration: how long a step is watched.
        on_inconclusive: what happens when the ramp ends undecided.
        on_region_failure: whether another region's rollback ends this one's ramp.
    """

    template_fields = ("group", "image")
    operator_extra_links = (CanaryReport(),)

    def __init__(
        self,
        *,
        group: str,
        ramp: Sequence[int],
        step_duration: timedelta,
        on_inconclusive: OnInconclusive,
        on_region_failure: OnRegionFailure,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.ramp = tuple(ramp)
        self.step_duration = step_duration
        self.on_inconclusive = on_inconclusive
        self.on_region_failure = on_region_failure

    def goes_forward(self, change: Change) -> bool:
        """A group that has traffic already is watched on at any time."""
        return not self._steps_taken(change)

    def start(self, context: Context, change: Change) -> dict[str, str]:
        """Takes the first step, or goes on at the last one taken.

        A region with no old group has nothing to compare with and is done.
        """
        if not change.before() or len(self.ramp) == 1:
            reason = f"nothing to compare with in {self.region}"
            return {"verdict": Verdict.PASS.value, "reason": reason, "judgment": ""}
        watch = self._watch(change)
        begin_memory(watch, Memory(change.records))
        return self._step(change, watch, max(self._steps_taken(change), default=0))

    def watched(
        self, context: Context, event: Mapping[str, Any], watch: Mapping[str, Any], step: int
    ) -> dict[str, str]:
        """Goes to the next step, or concludes."""
        change = self.change_of(context)
        seen, outcome = Watch.from_json(watch), Outcome.from_json(event)
        verdict = outcome.judgment.verdict
        failed = rolled_back_regions(self.run_of(context), self.scope)
        if failed and self.on_region_failure is OnRegionFailure.ROLLBACK_ALL:
            reason = f"{', '.join(failed)} rolled back, and the rollout goes back everywhere"
            change.cut(reason)
            return self._conclude(seen, outcome, Verdict.FAIL, reason)
        if verdict in (Verdict.FAIL, Verdict.ERROR):
            return self._conclude(seen, outcome, verdict, outcome.judgment.reason)
        if self.closed_until() is not None:
            return self._step(change, seen, step)
        if step + 1 < len(self.ramp) - 1:
            return self._step(change, seen, step + 1)
        if verdict is Verdict.INCONCLUSIVE and self._may_extend(seen):
            return self._step(change, replace(seen, config=_lengthened(seen.config, self.step_duration)), step)
        return self._conclude(seen, outcome, verdict, outcome.judgment.reason)

    def _step(self, change: Change, watch: Watch, step: int) -> dict[str, str]:
        percent = self.ramp[step]
        weights = blend(self.group, percent, change.before())
        change.route(f"ramp-{percent}", weights)
        share = weights[self.group] / (weights[self.group] + weights[watch.control])
        self.log.info("%s has %s %% of %s, watching for %s", self.group, percent, self.region, self.step_duration)
        now = replace(watch, canary_share=share, step=f"{percent}%", until=datetime.now(UTC) + self.step_duration)
        self.defer(
            trigger=WatchTrigger(now.to_json()),
            method_name="watched",
            kwargs={"watch": now.to_json(), "step": step},
        )
        raise AssertionError("defer does not return")

    def _steps_taken(self, change: Change) -> list[int]:
        return [step for step, percent in enumerate(self.ramp) if change.is_meant(f"ramp-{percent}")]

    def _watch(self, change: Change) -> Watch:
        before = change.before()
        config, pin = self.thresholds(change)
        each_step = config.model_copy(update={"duration": self.step_duration, "min_duration": timedelta(0)})
        return Watch(
            judgment=judgment_id(change.subject, self.region),
            subject=asdict(change.subject),
            environment=self.environment,
            region=self.region,
            control=max(before, key=before.__getitem__),
            canary=self.group,
            canary_share=0.5,
            config=each_step.model_dump(mode="json"),
            facts=self.facts(pin, self.on_inconclusive.value),
        )

    def _may_extend(self, watch: Watch) -> bool:
        used = CanaryConfig.model_validate(watch.config).duration
        return self.on_inconclusive is OnInconclusive.EXTEND and used < 2 * self.step_duration

    def _conclude(self, watch: Watch, outcome: Outcome, verdict: Verdict, reason: str) -> dict[str, str]:
        records = Records.open()
        record_decision(watch, outcome, records)
        write_report(watch, outcome, records, task_id=self.task_id)
        self.log.info("%s: %s", verdict, reason)
        return {"verdict": verdict.value, "reason": reason, "judgment": watch.judgment}


class PromoteRegion(ClusterOperator):
    """Gives the new group all traffic of the region.

    Args:
        group: name of the new group (a template).
        ramp_task: task id of the region's ramp, whose reason is recorded.
    """

    template_fields = ("group",)

    def __init__(self, *, group: str, ramp_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.ramp_task = ramp_task

    def start(self, context: Context, change: Change) -> str:
        """Promotes; the old group stays, without traffic, until the run is finished."""
        change.promote(self.group, context["ti"].xcom_pull(task_ids=self.ramp_task)["reason"])
        return self.group


class RollBackRegion(ClusterOperator):
    """Takes the region back to what had its traffic before, and removes the new group.

    Args:
        ramp_task: task id of the region's ramp, whose reason is recorded.
    """

    def __init__(self, *, ramp_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ramp_task = ramp_task

    def goes_forward(self, change: Change) -> bool:
        """Going back waits for no window."""
        return False

    def start(self, context: Context, change: Change) -> str:
        """Rolls back; traffic was cut by the watch already."""
        reason = str(context["ti"].xcom_pull(task_ids=self.ramp_task)["reason"])
        change.roll_back(reason)
        return reason


class SettleRollout(StageOperator):
    """Ends the stage whatever happened in its regions, and says how each came out.

    Args:
        environment: the environment, as JSON.
        regions: the rollout's regions.
        on_region_failure: whether promoted regions go back with the one that failed.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, Any],
        regions: Sequence[str],
        on_region_failure: OnRegionFailure,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.environment = environment
        self.regions = tuple(regions)
        self.on_region_failure = on_region_failure

    def execute(self, context: Context) -> dict[str, str]:
        """Settles every region; a rollout that is not whole turns the run back."""
        run = self.run_of(context)
        if run.turned_back():
            raise AirflowSkipException(f"the run turned back: {run.turned_back()}")
        changes = {region: self._change(run, region) for region in self.regions}
        if all(c.state() is ChangeState.UNTOUCHED for c in changes.values()):
            raise AirflowSkipException("no region was touched")
        settle_all(changes.values(), f"{self.scope.stage} ended before the region did")
        failed = rolled_back_regions(run, self.scope)
        if failed and self.on_region_failure is OnRegionFailure.ROLLBACK_ALL:
            for change in changes.values():
                if change.state() is ChangeState.PROMOTED:
                    change.revert(f"{', '.join(failed)} rolled back")
        states = {region: change.state().value for region, change in changes.items()}
        if set(states.values()) != {ChangeState.PROMOTED.value}:
            self.turn_back(context, self._reason(run, states))
        return states

    def _change(self, run: Run, region: str) -> Change:
        environment = Environment.from_json(self.environment)
        subject = replace(run.subject, stage=self.scope.stage)
        cluster = environment.cluster(self.scope.service, region)
        return Change.of(run.records, open_cloud(environment.cloud), cluster, subject)

    def _reason(self, run: Run, states: Mapping[str, str]) -> str:
        whys = _reasons(run, self.scope)
        return "; ".join(
            f"{region} {state}" + (f": {whys[region]}" if region in whys and state != "promoted" else "")
            for region, state in sorted(states.items(), key=lambda item: item[1] != ChangeState.ROLLED_BACK.value)
        )


def rolled_back_regions(run: Run, scope: Scope) -> list[str]:
    """Regions of the stage that the run rolled back, sorted."""
    return sorted(_reasons(run, scope))


def _reasons(run: Run, scope: Scope) -> dict[str, str]:
    records = run.records.search(kind=Kind.DEPLOYMENT, run=run.subject.run, stage=scope.stage)
    return {
        r.subject.region: str(r.body["reason"]) for r in records if r.body["state"] == ChangeState.ROLLED_BACK.value
    }


def _lengthened(config: Mapping[str, Any], more: timedelta) -> dict[str, Any]:
    current = CanaryConfig.model_validate(config)
    return current.model_copy(update={"duration": current.duration + more}).model_dump(mode="json")
