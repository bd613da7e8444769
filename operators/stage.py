"""What every stage's operators share: who they work for, and whether they still should."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from operators.change import Change
from operators.clouds import open_cloud
from operators.environment import Environment
from operators.errors import LeaseHeld
from operators.records import Records, Subject
from operators.runs import Run
from operators.triggers import HealthTrigger, LeaseTrigger
from operators.when import is_wanted
from operators.windows import Calendar

#: Operations are safe to repeat, so a killed worker or a lost answer is simply tried again.
RETRIES: Final = 3
RETRY_DELAY: Final = timedelta(seconds=2)
#: Looks at the health of new groups, 0.2 s apart, before the task gives its worker slot back.
LOOKS_BEFORE_DEFERRING: Final = 10
#: How long a run waits for another one to be done with a cluster.
LEASE_PATIENCE: Final = timedelta(hours=1)
#: A run's parameter of this prefix and an artifact's name says where the artifact is.
ARTIFACT: Final = "artifact_"
#: What the trigger of a run may say besides its parameters: that it mends the release before it,
#: and, of a rehearsal, what it was made to be.
HOT_FIX: Final = "hot_fix"
TRUTH: Final = "truth"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an operator works for.

    Args:
        pipeline: name of the pipeline, also the DAG's id.
        service: whose clusters it changes.
        stage: name of the stage.
        definition: digest of the resolved definition.
        when: condition of the stage, `""` for always.
        is_optional: whether the run goes on when the stage fails.
    """

    pipeline: str
    service: str
    stage: str
    definition: str
    when: str = ""
    is_optional: bool = False

    def run(self, run_id: str, records: Records) -> Run:
        """The run in the records."""
        subject = Subject(run=f"{self.pipeline}/{run_id}", pipeline=self.pipeline, service=self.service)
        return Run(records, subject)

    def for_stage(self, stage: str) -> Self:
        """The same scope for another stage, without its condition."""
        return replace(self, stage=stage, when="")


class Staged:
    """Mixed into an operator: its scope, its run, and the question whether to go on."""

    scope: Scope

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Renders templates with the names of a pipeline's expressions besides Airflow's."""
        known: Any = {**context, **names(context)}
        super().render_template_fields(known, jinja_env)  # type: ignore[misc]  # the operator it is mixed into has it

    def run_of(self, context: Context) -> Run:
        """The run this task belongs to, as the records know it."""
        return self.scope.run(run_id_of(context), Records.open())

    def enter(self, context: Context) -> Run:
        """Opens the run in the records; skips the task when the run is over, turned back, or `when` says no."""
        run = self.run_of(context)
        if ended := run.conclusion():
            raise AirflowSkipException(f"the run was closed as {ended.verdict}: {ended.reason}")
        run.open({"definition": self.scope.definition, "run_type": word(context["dag_run"].run_type), **_told(context)})
        if reason := run.turned_back():
            raise AirflowSkipException(f"the run turned back: {reason}")
        if not is_wanted(self.scope.when, names(context)):
            raise AirflowSkipException(f"the condition of {self.scope.stage} does not hold: {self.scope.when}")
        return run

    def turn_back(self, context: Context, reason: str) -> None:
        """Writes that the run goes no further because of this stage, unless it is optional."""
        if not self.scope.is_optional:
            self.run_of(context).turn_back(self.scope.stage, reason)


def _told(context: Context) -> dict[str, str]:
    """What the run's trigger said of the release; nothing for most."""
    conf = getattr(context["dag_run"], "conf", None) or {}
    return {name: str(conf[name]).lower() for name in (HOT_FIX, TRUTH) if conf.get(name)}


class StageOperator(Staged, BaseOperator):
    """Base of the operators that do a stage's work."""

    def __init__(self, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(**{"retries": RETRIES, "retry_delay": RETRY_DELAY, **kwargs})
        self.scope = scope


class ClusterOperator(StageOperator):
    """Base of the operators that change one cluster: waits, deferred, for its calendar and its lease.

    Args:
        environment: the environment, as JSON.
        region: which of its regions.
        calendar: the windows and freezes that a change must respect, as JSON.
    """

    def __init__(
        self, *, environment: Mapping[str, Any], region: str, calendar: Mapping[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.environment = environment
        self.region = region
        self.calendar = calendar

    def change_of(self, context: Context) -> Change:
        """This stage's change of this region's cluster."""
        environment = Environment.from_json(self.environment)
        run = self.run_of(context)
        subject = replace(run.subject, stage=self.scope.stage)
        cluster = environment.cluster(self.scope.service, self.region)
        return Change.of(run.records, open_cloud(environment.cloud), cluster, subject)

    def execute(self, context: Context) -> Any:
        """Enters the stage, then starts as soon as the calendar is open and the lease is free."""
        return self.begin(context)

    def begin(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Takes the lease and starts; waits, deferred, while it is held or the calendar is closed.

        Two runs that wait for each other's clusters would wait for ever, so the wait is bounded:
        then the run is refused, by the name of the one that holds the lease.
        """
        if event and event.get("holder"):
            raise AirflowFailException(f"{event['holder']} has been changing {event['cluster']} for {LEASE_PATIENCE}")
        environment = Environment.from_json(self.environment)
        self.enter(context).use_cloud(environment.name, environment.cloud)
        change = self.change_of(context)
        if self.goes_forward(change):
            self.wait_while_closed()
        try:
            change.begin()
        except LeaseHeld as held:
            self.log.info("waiting: %s", held)
            trigger = LeaseTrigger(cluster=str(change.cluster), deadline=datetime.now(UTC) + LEASE_PATIENCE)
            self.defer(trigger=trigger, method_name="begin")
        return self.start(context, change)

    def await_health(
        self, context: Context, names: Iterable[str], within: timedelta, /, *, then: str, **arguments: Any
    ) -> Any:
        """Goes on with the method `then` once the named groups are healthy, or with `why` not when the time is over.

        Most groups are healthy in a moment, and a deferral costs two to three seconds: so it looks
        for a moment first, then defers.
        """
        cloud = Environment.from_json(self.environment).cloud
        trigger = HealthTrigger(cloud, list(names), datetime.now(UTC) + within)
        for _ in range(LOOKS_BEFORE_DEFERRING):
            if not trigger.missing():
                return getattr(self, then)(context, event={"why": ""}, **arguments)
            time.sleep(0.2)
        self.defer(trigger=trigger, method_name=then, kwargs=arguments)

    def goes_forward(self, change: Change) -> bool:
        """Whether it gives a new group traffic, and so keeps to the calendar; watching and going back do not."""
        return True

    def ask_again(self, context: Context) -> None:
        """Asks right before traffic moves whether it still may: skips the task, or waits and begins anew, if not."""
        self.enter(context)
        self.wait_while_closed()

    def wait_while_closed(self) -> None:
        """Defers until the calendar opens, and begins anew then; does nothing while it is open."""
        if (opens := self.closed_until()) is not None:
            self.log.info("waiting: changes may be made from %s on", opens.isoformat())
            self.defer(trigger=DateTimeTrigger(opens), method_name="begin")

    def closed_until(self) -> datetime | None:
        """When the next change may be made, or None when it may be made now.

        Raises AirflowFailException when that is not within the calendar's horizon.
        """
        now = datetime.now(UTC)
        opens = Calendar.model_validate(self.calendar).next_opening(now)
        if opens is None:
            raise AirflowFailException(f"{self.scope.stage} may not change {self.region}: its windows never open")
        return opens if opens > now else None

    def start(self, context: Context, change: Change) -> Any:
        """Does the work, holding the lease."""
        raise NotImplementedError


def word(state: Any) -> str:
    """Airflow's word for a state or a type (`failed`, `manual`); its enumerations print as `Class.NAME`.

    >>> word("failed")
    'failed'
    """
    return str(getattr(state, "value", state))


def run_id_of(context: Context) -> str:
    """Airflow's run id of the task's DAG run."""
    return str(context["dag_run"].run_id)


def names(context: Context) -> dict[str, object]:
    """What a pipeline's expressions may speak of.

    `params`; `artifacts`: where each is; `run`: its id and type; `stages`: the state of each
    stage so far (`success`, `failed`, `skipped`, ... as Airflow says it), asked only when used.
    """
    run = context["dag_run"]
    params = dict(context["params"])
    artifacts = {k.removeprefix(ARTIFACT): v for k, v in params.items() if k.startswith(ARTIFACT)}
    return {
        "params": params,
        "artifacts": artifacts,
        "run": {"id": run.run_id, "type": word(run.run_type)},
        "stages": _Stages(context),
    }


class _Stages(Mapping[str, str]):
    """The state of every stage of a run: its worst task's."""

    #: From the state that says most about a stage to the one that says least.
    ORDER: Final = ("failed", "upstream_failed", "running", "deferred", "success", "skipped")

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _states(self) -> dict[str, str]:
        run = self._context["dag_run"]
        states = self._context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id])[run.run_id]
        found: dict[str, str] = {}
        for task, said in states.items():
            stage, state = task.partition(".")[0], word(said)
            found[stage] = min(found.get(stage, state), state, key=self._rank)
        return found

    def _rank(self, state: str) -> int:
        return self.ORDER.index(state) if state in self.ORDER else len(self.ORDER)

    def __getitem__(self, stage: str) -> str:
        return self._states[stage]

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)


def local_path(source: str) -> Path:
    """Where an artifact's directory is: a relative path counts from the project, the parent of the DAG folder."""
    return Path(os.environ.get("GENNAKER_DAGS", "dags")).resolve().parent / source
