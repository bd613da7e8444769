"""Figures of a retuning show what it says."""

from pathlib import Path

import numpy as np

from canary.judgment import Verdict
from canary.learning.endings import Ending
from canary.learning.figures import service_costs, times_to_verdict
from canary.learning.parquet_history import ParquetHistory
from operators.learning.retuning import HISTORY, Retuned

FOLDER = Path(__file__).parents[2] / "notebooks" / "data" / "retuning"


def test_costs_of_every_service_are_drawn_once_before_and_once_after() -> None:
    result = Retuned.read(FOLDER).result
    (axes,) = service_costs(result).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {name or "all" for name in result.before}
    before, after = (np.asarray(line.get_xdata()).tolist() for line in axes.lines)
    assert before == [result.before[name].cost.value for name in sorted(result.before, reverse=True)]
    assert after == [result.after[name].cost.value for name in sorted(result.after, reverse=True)]


def test_canaries_that_were_cut_short_have_no_time() -> None:
    endings = [Ending("a", Verdict.PASS, 60.0, False), Ending("b", Verdict.INCONCLUSIVE, 30.0, True)]
    (axes,) = times_to_verdict({"champion": endings, "yours": []}).axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.lines] == [[0.0, 1.0], [0.0]]


def test_the_recorded_history_is_there() -> None:
    assert ParquetHistory(FOLDER / HISTORY).canaries()
