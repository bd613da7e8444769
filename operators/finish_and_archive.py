"""Finish and archive: the run's last word, whatever happened before it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from canary.errors import GennakerError
from operators.change import Change, ChangeState
from operators.retention import prune_groups, prune_images
from operators.runs import Conclusion, Run, RunVerdict
from operators.stage import StageOperator, run_id_of, word

#: The XCom key under which the run's verdict and reason are found, also when the task fails.
CONCLUSION: Final = "conclusion"


class FinishAndArchive(StageOperator):
    """Settles what is open, cleans up, closes the record, and makes the run's state true.

    Args:
        keep_groups: idle server groups kept in each cluster for a quick way back.
        keep_images: images of the service kept.
        optional: names of stages whose failure does not fail the run.
    """

    def __init__(self, *, keep_groups: int, keep_images: int, optional: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_groups = keep_groups
        self.keep_images = keep_images
        self.optional = optional

    def execute(self, context: Context) -> dict[str, str]:
        """Closes the run; fails, with the reason, when it was not promoted."""
        run = self.run_of(context)
        states = run.settle("the run ended before the stage did")
        needed = {place: state for place, state in states.items() if place.split("/")[0] not in self.optional}
        conclusion = conclude(run, needed, self._failed_stages(context))
        self._clean(run)
        run.close(conclusion)
        told = {"verdict": conclusion.verdict.value, "reason": conclusion.reason}
        context["ti"].xcom_push(key=CONCLUSION, value=told)
        self.log.info("%s: %s", conclusion.verdict, conclusion.reason)
        if conclusion.verdict is not RunVerdict.PROMOTED:
            raise AirflowFailException(f"{conclusion.verdict}: {conclusion.reason}")
        return told

    def _failed_stages(self, context: Context) -> list[str]:
        run_id = run_id_of(context)
        states = context["ti"].get_task_states(dag_id=self.dag_id, run_ids=[run_id])[run_id]
        failed = {task.split(".")[0] for task, state in states.items() if word(state) == "failed"}
        return sorted(failed - {self.task_id} - set(self.optional))

    def _clean(self, run: Run) -> None:
        try:
            for change in _by_cluster(run):
                if run.records.leases.holder(str(change.cluster)) == run.subject.run:
                    prune_groups(change.cloud, change.cluster, self.keep_groups)
            prune_images(run.records, run.subject.service, self.keep_images)
        except GennakerError as error:
            self.log.warning("not cleaned, the next run tries again: %s", error)


def conclude(run: Run, states: Mapping[str, ChangeState], failed: list[str]) -> Conclusion:
    """What the run came to, from how its changes ended and which stages failed."""
    if earlier := run.conclusion():
        return earlier
    why = run.turned_back()
    promoted = [place for place, state in states.items() if state is ChangeState.PROMOTED]
    gone_back = [place for place, state in states.items() if state is ChangeState.ROLLED_BACK]
    if gone_back or (why and not failed):
        return Conclusion(RunVerdict.ROLLED_BACK, why or _places(gone_back))
    if failed or why:
        return Conclusion(RunVerdict.FAILED, why or f"failed in {', '.join(failed)}")
    return Conclusion(RunVerdict.PROMOTED, _places(promoted) or "nothing to deploy")


def _places(places: Iterable[str]) -> str:
    """`stage/region` names, the regions of each stage together.

    >>> _places(["deploy/a", "rollout/a", "rollout/b"])
    'deploy in a; rollout in a, b'
    """
    regions: dict[str, list[str]] = {}
    for stage, _, region in (place.partition("/") for place in places):
        regions.setdefault(stage, []).append(region)
    return "; ".join(f"{stage} in {', '.join(sorted(where))}" for stage, where in regions.items())


def _by_cluster(run: Run) -> list[Change]:
    return list({str(change.cluster): change for change in run.changes()}.values())
