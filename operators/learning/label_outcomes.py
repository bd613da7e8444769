"""The tasks that label what happened, and say when enough is labelled to learn from."""

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import Asset, BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowSkipException

from operators.learning.label_memory import deliver_truth
from operators.learning.labels import LABELLED
from operators.learning.outcomes import LabellingPolicy, label_outcomes
from operators.learning.unlabelled import labelled_canaries
from operators.records import Records, Subject
from operators.stage import run_id_of

#: So many newly labelled canaries are worth another look at the thresholds.
EVERY: Final = 25
#: The asset that such news updates.
LABELLED_CANARIES: Final = Asset(LABELLED)


class LabelOutcomes(BaseOperator):
    """Writes the labels that are due, and tells MLflow of every label.

    Args:
        hot_fix_hours: see `LabellingPolicy.hot_fix_within`; a template.
        stable_days: see `LabellingPolicy.stable_after`; a template.
    """

    template_fields = ("hot_fix_hours", "stable_days")

    def __init__(self, *, hot_fix_hours: str = "24", stable_days: str = "7", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hot_fix_hours = hot_fix_hours
        self.stable_days = stable_days

    def execute(self, context: Context) -> list[str]:
        """Gives a line for each new label; safe to repeat."""
        policy = LabellingPolicy(timedelta(hours=float(self.hot_fix_hours)), timedelta(days=float(self.stable_days)))
        records = Records.open()
        written = label_outcomes(records, policy)
        deliver_truth(records)
        lines = [f"{r.subject.run}: {r.body['truth']} ({r.body['source']}): {r.body['why']}" for r in written]
        for line in lines:
            self.log.info("%s", line)
        return lines


class TellLabelled(BaseOperator):
    """Updates the asset of labelled canaries once for every so many of them; else it is skipped.

    Args:
        every: how many; a template.
    """

    template_fields = ("every",)

    def __init__(self, *, every: str = str(EVERY), **kwargs: Any) -> None:
        super().__init__(outlets=[LABELLED_CANARIES], **kwargs)
        self.every = every

    def execute(self, context: Context) -> int:
        """Gives how many canaries have a label; a task that was killed and tried again tells it too."""
        records, every = Records.open(), int(self.every)
        count = labelled_canaries(records)
        if not is_news(records, count, every, f"{self.dag_id}/{run_id_of(context)}"):
            raise AirflowSkipException(f"{count} canaries are labelled; the next news comes at a multiple of {every}")
        context["outlet_events"][LABELLED_CANARIES].extra = {"labelled": count}
        return count


def is_news(records: Records, count: int, every: int, run: str) -> bool:
    """Whether `run` is the one to tell that another `every` canaries were labelled: the first to ask is."""
    reached = count // every
    if not reached:
        return False
    key = f"labelled-canaries/{every}/{reached}"
    told = records.journal.once(key, Subject(), {"every": every}, lambda _: {"labelled": count, "run": run})
    return told["run"] == run
