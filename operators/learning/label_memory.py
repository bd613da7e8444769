"""What releases turned out to be, told to MLflow: tags of their judgments' runs."""

from collections.abc import Iterable

from operators.learning.labels import Label, Labels, truth_of
from operators.memory import Memory
from operators.records import Json, Kind, Records
from operators.records.outbox import Outbox
from operators.records.records import utc_now

#: The tags' names.
TRUTH_TAG, SOURCE_TAG = "gennaker.truth", "gennaker.truth_source"
#: What makes the id of a pipeline run unlike that of any judgment; as `Memory.run_begins` has it.
_RUN = "run:"


def remember_truth(records: Records, runs: Iterable[str]) -> None:
    """Puts into the outbox which label of each run counts; one that was told before changes nothing.

    A judgment gets the label that counts among those of it and of its whole run. What MLflow was
    never told of gets none.
    """
    outbox, labels = Outbox(records.database, utc_now), Labels(records)
    for run in dict.fromkeys(runs):
        given = labels.of(run)
        _tell(outbox, _RUN + run, truth_of(label for label in given if not label.judgment))
        for judgment in judgments(records, run):
            _tell(outbox, judgment, truth_of(label for label in given if label.judgment in ("", judgment)))


def judgments(records: Records, run: str) -> list[str]:
    """The ids of a run's judgments that came to a decision, in order."""
    decisions = records.search(kind=Kind.DECISION, run=run)
    return list(dict.fromkeys(str(record.body["judgment_id"]) for record in decisions))


def deliver_truth(records: Records, runs: Iterable[str]) -> None:
    """As `remember_truth`, and sends it if MLflow answers; else the next delivery does."""
    remember_truth(records, runs)
    Memory(records).deliver()


def _tell(outbox: Outbox, judgment: str, label: Label | None) -> None:
    if label is None or not outbox.has(judgment):
        return
    tags: dict[str, Json] = {TRUTH_TAG: label.truth.value, SOURCE_TAG: label.source.value}
    outbox.add(judgment, {f"label/{label.seq}": {"tags": tags}})
