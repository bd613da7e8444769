"""Answers of Flux: tables in annotated CSV (docs.influxdata.com, annotated CSV)."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from canary.sources.answers import Outcome, SourceError
from canary.sources.shapes import a_time, malformed, number

#: What to ask for, so that an answer says which of its columns are labels.
DIALECT: Final = {"annotations": ["group", "datatype", "default"], "header": True, "delimiter": ","}
_TIME: Final = "_time"
_VALUE: Final = "_value"
#: Columns that are the same for the whole span.
_BOUNDS: Final = frozenset({"", "result", "table", "_start", "_stop", _TIME, _VALUE})


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table: names, defaults, and whether each is of the group key, which makes it a label."""

    names: tuple[str, ...]
    defaults: tuple[str, ...]
    is_label: tuple[bool, ...]


def flux_points(content: bytes) -> Iterator[tuple[dict[str, str], float, float]]:
    """Each row as labels, Unix time in seconds and value (NaN where there is none).

    Raises:
        SourceError: malformed, or refused where a table tells of an error.
    """
    annotations: dict[str, list[str]] = {}
    table: Table | None = None
    for row in _rows(content):
        if not any(row):
            annotations, table = {}, None
        elif row[0].startswith("#"):
            annotations, table = {**({} if table else annotations), row[0]: row}, None
        elif row[0]:
            raise malformed("not annotated CSV", ",".join(row))
        elif table is None:
            table = _table(row, annotations)
        else:
            yield _point(_cells(row, table), table)


def _rows(content: bytes) -> Iterator[list[str]]:
    try:
        # A strict reader tells of a quote that is never closed: the answer was cut off.
        yield from csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise malformed("not annotated CSV", error) from error


def _table(header: list[str], annotations: Mapping[str, list[str]]) -> Table:
    width = len(header)
    groups = annotations.get("#group", [])
    defaults = annotations.get("#default", [])
    is_label = tuple(
        name not in _BOUNDS and index < len(groups) and groups[index] == "true" for index, name in enumerate(header)
    )
    return Table(tuple(header), tuple([*defaults, *[""] * width][:width]), is_label)


def _cells(row: list[str], table: Table) -> list[str]:
    if len(row) != len(table.names):
        raise malformed(f"a row has not {len(table.names)} columns", ",".join(row))
    # The default of the first column is the word `#default` itself.
    return ["", *(cell or default for cell, default in zip(row[1:], table.defaults[1:], strict=True))]


def _point(cells: list[str], table: Table) -> tuple[dict[str, str], float, float]:
    fields = dict(zip(table.names, cells, strict=True))
    if "error" in fields and _VALUE not in fields:
        raise SourceError(Outcome.REFUSED, f"InfluxDB: {fields['error']}")
    if _TIME not in fields or _VALUE not in fields:
        raise malformed(f"a table has no columns {_TIME} and {_VALUE}", ", ".join(table.names))
    labels = {name: cell for name, cell, wanted in zip(table.names, cells, table.is_label, strict=True) if wanted}
    return labels, a_time(fields[_TIME]), number(fields[_VALUE] or None)
