"""A suite's document, from its stored results."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.rows import Row


@dataclass(frozen=True, slots=True)
class Suite:
    """Benchmarks that are one document.

    Args:
        name: the package of its modules in `tests/bench`.
        document: what is written from its results.
        head: the document's beginning; `{minutes}`, `{reached}` and `{asked}` are filled in.
    """

    name: str
    document: Path
    head: str

    @property
    def folder(self) -> Path:
        """Where its modules are."""
        return Path(__file__).parent / self.name

    @property
    def results(self) -> Path:
        """What was measured last, as JSON."""
        return self.folder / "results.json"


def read_results(suite: Suite) -> dict[str, Any]:
    """What was measured last, by module; nothing when nothing was."""
    return json.loads(suite.results.read_text()) if suite.results.exists() else {}


def render(suite: Suite, results: Mapping[str, Any]) -> str:
    """The document: a table for each figure."""
    rows = [row_from(row) for name in sorted(results) for row in results[name]["rows"]]
    asked = [row for row in rows if row.is_reached is not None]
    minutes = round(sum(each["seconds"] for each in results.values()) / 60)
    head = suite.head.format(minutes=minutes, reached=sum(bool(row.is_reached) for row in asked), asked=len(asked))
    figures = sorted({row.figure for row in rows}, key=_number_first)
    return "\n".join([head, *(_section(figure, [row for row in rows if row.figure == figure]) for figure in figures)])


def row_to(row: Row) -> dict[str, Any]:
    """The row as plain JSON values; what never happened has no number."""
    return {**asdict(row), "got": None if math.isnan(row.got) else row.got}


def row_from(fields: Mapping[str, Any]) -> Row:
    """The row that `row_to` wrote."""
    return Row(**{**fields, "got": math.nan if fields["got"] is None else fields["got"]})


def _number_first(figure: str) -> tuple[int, str]:
    number = figure.split(" ", 1)[0].rstrip(".")
    return (int(number) if number.isdigit() else 99, figure)


def _section(figure: str, rows: list[Row]) -> str:
    lines = [f"## {figure}", "", "| situation | measured | asked | reached | how |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *map(_line, rows), ""])


def _line(row: Row) -> str:
    asked = f"{row.sense} {_figure(row.bar)} {row.unit}" if row.bar is not None else ""
    reached = {None: "", True: "yes", False: "**no**"}[row.is_reached]
    return f"| {row.cell} | {_figure(row.got)} {row.unit} | {asked} | {reached} | {row.note} |"


def _figure(value: float) -> str:
    if math.isnan(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
