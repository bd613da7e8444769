"""One line of a benchmark's table: what was asked, and what came out."""

from dataclasses import dataclass
from operator import ge, le
from typing import Final, Literal

_COMPARE: Final = {"at most": le, "at least": ge}


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure.

    Args:
        figure: the section it belongs to, such as `1 False alarms`.
        cell: the situation that was measured.
        got: what was measured.
        unit: unit of `got` and `bar`, such as `%`, `min`, `times the oracle`.
        bar: what is asked for; None where the figure is only shown.
        sense: whether `got` is to be at most or at least the bar.
        note: how it was measured, when that is not plain from the section: runs, seed, comparison.
    """

    figure: str
    cell: str
    got: float
    unit: str
    bar: float | None = None
    sense: Literal["at most", "at least"] = "at most"
    note: str = ""

    @property
    def is_reached(self) -> bool | None:
        """Whether the figure is what is asked for; None where nothing is asked."""
        return None if self.bar is None else bool(_COMPARE[self.sense](self.got, self.bar))
