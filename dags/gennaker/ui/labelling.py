"""What a run turned out to be, read and said on its page."""

import logging
from contextlib import closing

from canary.learning.recorded import Truth
from operators.errors import RecordError
from operators.learning.label_memory import remember_truth
from operators.learning.labels import Label, Labels, Source, truth_of
from operators.records import Records

log = logging.getLogger(__name__)


def whole_label(run: str) -> Label | None:
    """The label that counts of a whole run; None without any, or while the records cannot be read."""
    try:
        with closing(Records.open()) as records:
            return truth_of(label for label in Labels(records).of(run) if not label.judgment)
    except (RecordError, OSError) as error:  # the reports are shown all the same
        log.warning("labels_unreadable why=%s", error)
        return None


def label_run(run: str, truth: Truth, *, who: str, why: str) -> None:
    """Keeps a person's label of a run, and has MLflow told. Raises RecordError for a run without records."""
    with closing(Records.open()) as records:
        Labels(records).add(run, truth, source=Source.PERSON, who=who, why=why)
        remember_truth(records, [run])
