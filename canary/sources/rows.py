"""Rows of CSV, Parquet, JSON and JSON Lines files, each with its place for errors."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from canary.sources.answers import Outcome, SourceError

#: A row: where it is, and its columns.
Row = tuple[str, Mapping[str, Any]]

_ROWS_AT_ONCE: Final = 65_536


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, read as they are asked for (a JSON list is read at once).

    Raises:
        SourceError: while rows are read; names file and line, or row.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise SourceError(Outcome.REFUSED, f"{path}: a file to read ends with one of {', '.join(READERS)}")
    try:
        yield from reader(path)
    except OSError as error:
        raise SourceError(Outcome.UNREACHABLE, f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(Outcome.MALFORMED, f"{path}: {error}") from error


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, strict=True)
        for row in rows:
            place = f"{path}:{rows.line_num}"
            if None in row or None in row.values():
                raise SourceError(Outcome.MALFORMED, f"{place}: expected {len(rows.fieldnames or ())} columns")
            yield place, row


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _json_row(f"{path}:{number}", _parsed(f"{path}:{number}", line))


def _json_rows(path: Path) -> Iterator[Row]:
    rows = _parsed(str(path), path.read_text(encoding="utf-8-sig"))
    if not isinstance(rows, list):
        raise SourceError(Outcome.MALFORMED, f"{path}: expected a list of points, found {type(rows).__name__}")
    for number, row in enumerate(rows, start=1):
        yield _json_row(f"{path}, point {number}", row)


def _parsed(place: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(Outcome.MALFORMED, f"{place}: not JSON: {error}") from error


def _json_row(place: str, row: object) -> Row:
    if not isinstance(row, dict):
        raise SourceError(Outcome.MALFORMED, f"{place}: expected an object, found {type(row).__name__}")
    return place, row


def _parquet_rows(path: Path) -> Iterator[Row]:
    # pyarrow has no types.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
    except pa.ArrowException as error:
        raise SourceError(Outcome.MALFORMED, f"{path}: {error}") from error


#: What reads a file, by how its name ends.
READERS: Final[Mapping[str, Callable[[Path], Iterator[Row]]]] = {
    ".csv": _csv_rows,
    ".jsonl": _json_lines,
    ".json": _json_rows,
    ".parquet": _parquet_rows,
}
