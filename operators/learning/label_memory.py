"""What releases turned out to be, told to MLflow: tags of their judgments' runs."""

from collections.abc import Iterable

from sqlalchemy import select

from operators.learning.labels import Label, Labels, truth_of
from operators.memory import Memory
from operators.records import Json, Kind, Records
from operators.records.outbox import Outbox
from operators.records.records import utc_now
from operators.records.tables import OUTBOX

#: The tags' names.
TRUTH_TAG, SOURCE_TAG = "gennaker.truth", "gennaker.truth_source"
#: What makes the id of a pipeline run unlike that of any judgment; as `Memory.run_begins` has it.
_RUN = "run:"


def remember_truth(records: Records, runs: Iterable[str]) -> None:
    """Puts into the outbox which label of each run counts; one that was told before changes nothing.

    A judgment gets the label that counts among those of it and of its whole run. What MLflow was
    never told of gets none. The run itself comes last: once that is told, all of it is.
    """
    outbox, labels = Outbox(records.database, utc_now), Labels(records)
    for run in runs:
        given = labels.of(run)
        for judgment in _judgments(records, run):
            _tell(outbox, judgment, _counting(given, judgment))
        _tell(outbox, _RUN + run, _counting(given))


def deliver_truth(records: Records) -> None:
    """Puts every label that counts and was not told yet into the outbox, and sends it if MLflow answers."""
    remember_truth(records, _untold(records))
    Memory(records).deliver()


def _untold(records: Records) -> list[str]:
    """The runs that MLflow knows and that have a counting label which it was not told."""
    columns = select(OUTBOX.c.judgment, OUTBOX.c.part)
    with records.database.read() as connection:
        told = {tuple(row) for row in connection.execute(columns.where(OUTBOX.c.part.like("label/%")))}
        known = {row.judgment for row in connection.execute(columns.where(OUTBOX.c.part == "begin"))}
    found = []
    for run, given in Labels(records).all().items():
        for judgment in {label.judgment for label in given}:
            label, name = _counting(given, judgment), judgment or _RUN + run
            if name in known and label and (name, _part(label)) not in told:
                found.append(run)
                break
    return found


def _judgments(records: Records, run: str) -> list[str]:
    """The ids of a run's judgments that came to a decision, in order."""
    decisions = records.search(kind=Kind.DECISION, run=run)
    return list(dict.fromkeys(str(record.body["judgment_id"]) for record in decisions))


def _counting(given: Iterable[Label], judgment: str = "") -> Label | None:
    return truth_of(label for label in given if label.judgment in ("", judgment))


def _tell(outbox: Outbox, judgment: str, label: Label | None) -> None:
    if label is None or not outbox.has(judgment):
        return
    tags: dict[str, Json] = {TRUTH_TAG: label.truth.value, SOURCE_TAG: label.source.value}
    outbox.add(judgment, {_part(label): {"tags": tags}})


def _part(label: Label) -> str:
    return f"label/{label.seq}"
