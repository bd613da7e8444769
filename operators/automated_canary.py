"""Automated canary: a fresh baseline and a fresh canary of equal size, compared until the evidence decides."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from canary import CanaryConfig, Verdict
from operators.change import Change
from operators.choices import OnInconclusive
from operators.environment import Environment
from operators.hooks.mlflow import MlflowHook
from operators.judging import JudgingOperator
from operators.learning.pinning import Pin
from operators.learning.scoring import with_caution, with_question
from operators.links import CanaryReport
from operators.memory import Memory
from operators.records import Subject
from operators.reports import write_report
from operators.stage import ClusterOperator
from operators.strategies import blend
from operators.watch import Outcome, Watch, begin_memory, judgment_id, record_decision
from operators.watch_trigger import WatchTrigger

#: The fact of a watch that has had its time once more already.
_EXTENDED: Final = "extended"


class StartCanary(JudgingOperator):
    """Creates baseline and canary, waits for both, and gives each its share of traffic.

    Args:
        capacity: instances of each of the two groups.
        traffic_percent: share of traffic of each of the two groups.
        health_timeout: how long the groups may take to become healthy.
    """

    def __init__(self, *, capacity: int, traffic_percent: int, health_timeout: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.capacity = capacity
        self.traffic_percent = traffic_percent
        self.health_timeout = health_timeout

    def start(self, context: Context, change: Change) -> Any:
        """Creates the two groups, the baseline from the image that has the traffic now."""
        stable = _stable_image(change)
        if stable is None:
            change.end_comparison()
            raise AirflowSkipException(f"nothing to compare with: {change.cluster} has no traffic yet")
        self.pin(change, lambda reason: self._give_up(context, change, reason))
        environment = Environment.from_json(self.environment)
        create = partial(change.create, capacity=self.capacity, health_path=environment.health_path)
        baseline = create(image=stable, detail="baseline")
        canary = create(image=self.image, detail="canary")
        groups = {"control": baseline, "canary": canary}
        return self.await_health(context, groups.values(), self.health_timeout, then="share_traffic", groups=groups)

    def share_traffic(self, context: Context, event: Mapping[str, Any], groups: Mapping[str, str]) -> dict[str, str]:
        """Routes the same share to both and returns their names as `control` and `canary`."""
        change = self.change_of(context)
        if event["why"]:
            reason = f"baseline and canary did not become healthy in {self.health_timeout}: {event['why']}"
            self._give_up(context, change, reason)
            raise AirflowFailException(reason)
        self.ask_again(context)
        before, percent = change.before(), self.traffic_percent
        weights = {
            **blend("", 2 * percent, before),
            groups["control"]: percent,
            groups["canary"]: percent,
        }
        weights.pop("", None)
        change.route("share", weights)
        return dict(groups)

    def _give_up(self, context: Context, change: Change, reason: str) -> None:
        change.end_comparison()
        self.turn_back(context, f"{self.scope.stage}: {reason}")


class JudgeCanary(JudgingOperator):
    """Watches the canary until harm, certified safety, or the end of its time.

    Args:
        start_task: task id of `StartCanary`, which returns the names of the two groups.
        on_inconclusive: what happens when the time ends undecided.
    """

    operator_extra_links = (CanaryReport(),)

    def __init__(self, *, start_task: str, on_inconclusive: OnInconclusive, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_task = start_task
        self.on_inconclusive = on_inconclusive

    def goes_forward(self, change: Change) -> bool:
        """A canary that has traffic is watched at any time."""
        return False

    def start(self, context: Context, change: Change) -> None:
        """Begins the watch."""
        groups = context["ti"].xcom_pull(task_ids=self.start_task)
        config, pin = self.thresholds(change)
        watch = Watch(
            judgment=judgment_id(change.subject, self.region),
            subject=asdict(change.subject),
            environment=self.environment,
            region=self.region,
            control=groups["control"],
            canary=groups["canary"],
            canary_share=0.5,
            config=config.model_dump(mode="json"),
            facts=self.facts(pin, self.on_inconclusive.value),
        )
        begin_memory(watch, Memory(change.records))
        self.defer(trigger=WatchTrigger(watch.to_json()), method_name="judged", kwargs={"watch": watch.to_json()})

    def thresholds(self, change: Change) -> tuple[CanaryConfig, Pin]:
        """What the run pinned, with more time where the release is risky."""
        config, pin = super().thresholds(change)
        return with_caution(config, change.subject, change.records, MlflowHook().url), pin

    def judged(self, context: Context, event: Mapping[str, Any], watch: Mapping[str, Any]) -> dict[str, str]:
        """Records the decision and its report; returns verdict, reason and judgment id."""
        seen, outcome = Watch.from_json(watch), Outcome.from_json(event)
        if _may_extend(outcome, seen, self.on_inconclusive):
            longer = extended(seen)
            self.log.info("undecided, watching on: %s", outcome.judgment.reason)
            self.defer(trigger=WatchTrigger(longer.to_json()), method_name="judged", kwargs={"watch": longer.to_json()})
        records = self.run_of(context).records
        record_decision(seen, outcome, records)
        write_report(seen, outcome, records, task_id=self.task_id)
        self.log.info("%s: %s", outcome.judgment.verdict, outcome.judgment.reason)
        told = {
            "verdict": outcome.judgment.verdict.value,
            "reason": outcome.judgment.reason,
            "judgment": seen.judgment,
        }
        if self.on_inconclusive is not OnInconclusive.ASK:
            return told
        return with_question(told, Subject(**seen.subject), records, MlflowHook().url)


class TurnBack(ClusterOperator):
    """Rolls a canary back: all traffic as it was, and the run goes no further.

    Args:
        judge: task id of the judging task, whose reason becomes the run's.
    """

    def __init__(self, *, judge: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.judge = judge

    def goes_forward(self, change: Change) -> bool:
        """Going back waits for no window."""
        return False

    def start(self, context: Context, change: Change) -> str:
        """Cuts traffic (mostly done by the watch already) and writes why the run turned back."""
        judged = context["ti"].xcom_pull(task_ids=self.judge)
        change.cut(judged["reason"])
        reason = f"{self.scope.stage} in {self.region}: {judged['reason']}"
        self.turn_back(context, reason)
        return reason


class StopCanary(ClusterOperator):
    """Removes baseline and canary whatever happened; a teardown task."""

    def execute(self, context: Context) -> None:
        """Gives their traffic back and destroys both groups; safe to repeat."""
        self.change_of(context).end_comparison()


def extended(watch: Watch) -> Watch:
    """The same watch with twice the time."""
    config = CanaryConfig.model_validate(watch.config)
    longer = config.model_copy(update={"duration": config.duration * 2})
    return replace(watch, config=longer.model_dump(mode="json"), facts={**watch.facts, _EXTENDED: "yes"})


def _may_extend(outcome: Outcome, watch: Watch, policy: OnInconclusive) -> bool:
    is_undecided = outcome.judgment.verdict is Verdict.INCONCLUSIVE
    return is_undecided and policy is OnInconclusive.EXTEND and _EXTENDED not in watch.facts


def _stable_image(change: Change) -> str | None:
    before = change.before()
    groups = {g.name: g for g in change.cloud.groups(change.cluster)}
    carrying = sorted((name for name, percent in before.items() if percent and name in groups), key=before.__getitem__)
    return groups[carrying[-1]].spec.image if carrying else None
